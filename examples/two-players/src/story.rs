//! What happens, in order, and what must then stand in the apps' own files.
//!
//! Invariant: a line that begins with `✓` is printed only after what it says was checked.

use std::error::Error;
use std::fs;
use std::io::Write;

use crate::rhythmbox::{self, Rhythmdb};
use crate::stage::{Stage, Typed};
use crate::strawberry::{self, Song};

type Told<T = ()> = Result<T, Box<dyn Error>>;

const DELTA: &str = "/Collab/Delta.mp3";
const OVERTURE: &str = "/The%20Long%20Weekend/2-01%20Overture.ogg";
const LANTERN_ROW: &str = "/Low%20Tide%20Ledger/04%20Lantern%20Row.flac";
const EXIT_MUSIC: &str = "/The%20Long%20Weekend/2-02%20Exit%20Music.ogg";
const TWIN_RIVERS: &str = "/Collab/Twin%20Rivers.flac";

/// All that both apps keep of their libraries, as far as it means something to them.
#[derive(Clone, PartialEq, Eq)]
struct Files {
    rhythmdb: Rhythmdb,
    playlists: String,
    strawberry: String,
}

impl Files {
    fn of(stage: &Stage<'_>) -> Told<Self> {
        Ok(Self {
            rhythmdb: Rhythmdb(fs::read_to_string(stage.rhythmdb())?),
            playlists: fs::read_to_string(stage.playlists())?,
            strawberry: strawberry::content(&stage.strawberry_db())?,
        })
    }
}

/// Tells the whole story.
pub(crate) fn tell(out: &mut dyn Write) -> Told {
    let mut stage = Stage::set(out)?;
    let originals = Files::of(&stage)?;
    let plan = looks_and_plans(&mut stage, &originals)?;
    links(&mut stage, &plan)?;
    takes_back_and_returns(&mut stage, &originals)?;
    passes_on(&mut stage)?;
    says_nothing_twice(&mut stage)?;
    settles(&mut stage)?;
    takes_one_step_back(&mut stage)?;
    stage.scene(
        "All is checked",
        "With your own apps it is the same three commands: segue, segue plan, segue apply.",
    )?;
    Ok(())
}

fn claim(holds: bool, what: &str) -> Told {
    if holds { Ok(()) } else { Err(format!("not true: {what}").into()) }
}

/// Types a command that must succeed.
fn typed(stage: &mut Stage<'_>, words: &[&str]) -> Told<Typed> {
    let typed = stage.type_in(words)?;
    claim(typed.code == 0, &format!("`segue {}` exits 0, not {}", words.join(" "), typed.code))?;
    Ok(typed)
}

/// Checks something and says so.
fn proved(stage: &mut Stage<'_>, holds: bool, what: &str) -> Told {
    claim(holds, what)?;
    Ok(stage.proved(what)?)
}

/// The stars that both apps show: as Rhythmbox and as Strawberry write them.
fn ratings(stage: &Stage<'_>, song: &str) -> Told<(Option<String>, f64)> {
    let rhythmdb = Files::of(stage)?.rhythmdb;
    let stars = rhythmdb.value(song, "rating").map(str::to_owned);
    Ok((stars, strawberry::song(&stage.strawberry_db(), song)?.rating))
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 0.001
}

fn rate_in_rhythmbox(stage: &Stage<'_>, song: &str, values: &[(&str, &str)]) -> Told {
    let mut rhythmdb = Files::of(stage)?.rhythmdb;
    for (name, value) in values {
        rhythmdb = rhythmdb.with(song, name, value).ok_or("Rhythmbox has no such song")?;
    }
    Ok(fs::write(stage.rhythmdb(), rhythmdb.0)?)
}

fn looks_and_plans(stage: &mut Stage<'_>, originals: &Files) -> Told<String> {
    stage.scene(
        "Two players, one collection",
        "Rhythmbox and Strawberry play the same 40 files. Each has its own ratings, plays and\n\
         playlists. Segue looks at what is there:",
    )?;
    typed(stage, &[])?;
    stage.scene("What would happen", "Nothing is written yet. Every number can be opened:")?;
    let plan = typed(stage, &["plan", "rhythmbox", "strawberry"])?;
    let plan = plan.word_after("segue apply ").ok_or("the plan has no id")?.to_owned();
    typed(stage, &["plan", &plan, "--show", "ratings"])?;
    proved(stage, Files::of(stage)? == *originals, "until here nothing was written")?;
    Ok(plan)
}

fn links(stage: &mut Stage<'_>, plan: &str) -> Told {
    stage.scene("Exactly that plan", "Each library is backed up, written, and read again:")?;
    typed(stage, &["apply", plan])?;
    let delta = ratings(stage, DELTA)?;
    let delta = delta.0.as_deref() == Some("4") && near(delta.1, 0.8);
    proved(stage, delta, "Rhythmbox has the 4 stars that only Strawberry knew (Delta)")?;
    let plays = Files::of(stage)?.rhythmdb.value(TWIN_RIVERS, "play-count") == Some("3");
    proved(stage, plays, "and its 3 plays (Twin Rivers)")?;
    let overture = ratings(stage, OVERTURE)?;
    let kept = overture.0.as_deref() == Some("3") && near(overture.1, 0.4);
    proved(stage, kept, "where both had a rating, each kept its own (Overture: 3 and 2 stars)")
}

fn takes_back_and_returns(stage: &mut Stage<'_>, originals: &Files) -> Told {
    let linked = Files::of(stage)?;
    claim(linked != *originals, "the link wrote something")?;
    stage.scene("Second thoughts", "All of it can be taken back, and returned to:")?;
    typed(stage, &["undo"])?;
    let restored = Files::of(stage)? == *originals;
    proved(stage, restored, "both apps' files are as they were, Rhythmbox's to the last byte")?;
    typed(stage, &["redo"])?;
    proved(stage, Files::of(stage)? == linked, "and now they are linked again")
}

fn passes_on(stage: &mut Stage<'_>) -> Told {
    stage.scene("An evening with both", "Now each app is used, and saves when it is closed:")?;
    stage.done_in_app("in Rhythmbox: Lantern Row gets 4 stars and is played once")?;
    let values = [("rating", "4"), ("play-count", "1"), ("last-played", "1795287600")];
    rate_in_rhythmbox(stage, LANTERN_ROW, &values)?;
    stage.done_in_app("in Strawberry: Exit Music gets 5 stars and a place on Road Trip")?;
    let db = stage.strawberry_db();
    claim(strawberry::rate(&db, EXIT_MUSIC, 1.0)? == 1, "Strawberry rated a song")?;
    claim(strawberry::append(&db, "Road Trip", EXIT_MUSIC)? == 1, "Strawberry has a new entry")?;
    typed(stage, &["sync"])?;
    let song = strawberry::song(&db, LANTERN_ROW)?;
    let arrived = near(song.rating, 0.8) && song.plays == 1;
    proved(stage, arrived, "Strawberry shows 4 stars and one play (Lantern Row)")?;
    let stars = ratings(stage, EXIT_MUSIC)?.0.as_deref() == Some("5");
    proved(stage, stars, "Rhythmbox shows 5 stars (Exit Music)")?;
    let playlists = Files::of(stage)?.playlists;
    let songs = rhythmbox::playlist(&playlists, "Road Trip");
    let last = songs.len() == 7 && songs.last().is_some_and(|last| last.ends_with(EXIT_MUSIC));
    proved(stage, last, "and has it at the end of its Road Trip")
}

fn says_nothing_twice(stage: &mut Stage<'_>) -> Told {
    stage.scene("No echo", "A second pass finds nothing, and touches nothing:")?;
    let before = Files::of(stage)?;
    typed(stage, &["sync"])?;
    proved(stage, Files::of(stage)? == before, "no file was changed")
}

fn settles(stage: &mut Stage<'_>) -> Told {
    stage.scene("Two opinions", "Between two syncs both apps rate the same song:")?;
    stage.done_in_app("in Rhythmbox: Delta gets 2 stars; in Strawberry: Delta gets 5 stars")?;
    rate_in_rhythmbox(stage, DELTA, &[("rating", "2")])?;
    claim(strawberry::rate(&stage.strawberry_db(), DELTA, 1.0)? == 1, "Strawberry rated it")?;
    typed(stage, &["sync"])?;
    let both = ratings(stage, DELTA)?;
    let kept = both.0.as_deref() == Some("2") && near(both.1, 1.0);
    proved(stage, kept, "neither was overwritten")?;
    typed(stage, &["why", "Delta", "rating"])?;
    typed(stage, &["resolve", "Delta", "rating", "--keep", "strawberry"])?;
    let both = ratings(stage, DELTA)?;
    let settled = both.0.as_deref() == Some("5") && near(both.1, 1.0);
    proved(stage, settled, "both show 5 stars, because a person said so")
}

fn takes_one_step_back(stage: &mut Stage<'_>) -> Told {
    stage.scene("History", "Everything is on record, and each step can be taken back:")?;
    typed(stage, &["log"])?;
    typed(stage, &["undo"])?;
    let both = ratings(stage, DELTA)?;
    let back = both.0.as_deref() == Some("2") && near(both.1, 1.0);
    proved(stage, back, "each app has its own opinion of Delta again")?;
    let song = strawberry::song(&stage.strawberry_db(), LANTERN_ROW)?;
    let kept = near(song.rating, 0.8) && song == Song { plays: 1, ..song };
    proved(stage, kept, "and nothing else was touched (Lantern Row)")?;
    // Its table would be out of line: it shows the temporary home.
    claim(stage.untold(&["doctor"]).code == 0, "`segue doctor` finds all well")?;
    Ok(stage.proved("`segue doctor` finds that all of Segue's own files are well")?)
}
