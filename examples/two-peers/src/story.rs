//! What happens, in order, and what must then stand in the apps' own files.
//!
//! Invariant: a line that begins with `✓` is printed only after what it says was checked.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use rusqlite::Connection;
use serde_json::Value as Json;

use crate::SEGUE;
use crate::device::{Device, Told, short, until};

const SONG: &str = "04%20Lantern%20Row.flac</location>";
const TITLE: &str = "Lantern Row";
const RHYTHMBOX: &str = ".local/share/rhythmbox";
const STRAWBERRY: &str = ".local/share/strawberry/strawberry";

/// Tells the whole story.
pub(crate) fn tell(out: &mut dyn Write) -> Told {
    let folder = tempfile::tempdir()?;
    let mut desk = Device::new(folder.path(), "desk", "rhythmbox", RHYTHMBOX)?;
    let mut laptop = Device::new(folder.path(), "laptop", "strawberry", STRAWBERRY)?;
    joins(out, &desk, &laptop)?;
    passes_on(out, &mut desk, &mut laptop)?;
    meets_again(out, &mut desk, &mut laptop)?;
    puts_out(out, &desk, &laptop)?;
    desk.down()?;
    laptop.down()?;
    scene(
        out,
        "All is checked",
        "On two computers of yours it is the same: segue invite, segue join.",
    )
}

fn scene(out: &mut dyn Write, heading: &str, text: &str) -> Told {
    Ok(writeln!(out, "\n── {heading}\n{text}\n")?)
}

fn proved(out: &mut dyn Write, holds: bool, what: &str) -> Told {
    if !holds {
        return Err(format!("not true: {what}").into());
    }
    Ok(writeln!(out, "✓ {what}")?)
}

fn joins(out: &mut dyn Write, desk: &Device, laptop: &Device) -> Told {
    scene(
        out,
        "Two computers",
        "Rhythmbox is on the desk. It is linked, and the laptop is invited:",
    )?;
    apply(out, desk, "rhythmbox")?;
    let (ticket, hosting) = invite(out, desk)?;
    laptop.typed(out, &["join", &ticket])?;
    let served = hosting.wait_with_output()?;
    write!(out, "{}", String::from_utf8_lossy(&served.stderr))?;
    proved(
        out,
        served.status.success(),
        "the laptop is in, and the ticket is good for nobody else",
    )?;
    let again = laptop.segue(&["join", &ticket])?.output()?;
    proved(
        out,
        again.status.code() == Some(1),
        "a ticket that was used joins nothing, and says so",
    )?;
    scene(
        out,
        "What the laptop's Strawberry would get",
        "Nothing is deleted, and nothing written yet:",
    )?;
    apply(out, laptop, "strawberry")
}

/// Plans and applies, as a person would.
fn apply(out: &mut dyn Write, device: &Device, app: &str) -> Told {
    let plan = device.typed(out, &["plan", app])?;
    let id = plan.split("segue apply ").nth(1).and_then(|rest| rest.split_whitespace().next());
    device.typed(out, &["apply", id.ok_or("the plan has no id")?])?;
    Ok(())
}

/// Invites without a person who compares words: both screens are this one.
fn invite(out: &mut dyn Write, desk: &Device) -> Told<(String, std::process::Child)> {
    writeln!(out, "you@desk:~$ {SEGUE} invite --yes")?;
    let mut command = desk.segue(&["invite", "--yes", "--json"])?;
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    let report: Json = serde_json::from_str(&line)?;
    let ticket = report["ticket"].as_str().ok_or("there is no ticket")?.to_owned();
    writeln!(out, "segue join {}…", short(&ticket))?;
    Ok((ticket, child))
}

fn passes_on(out: &mut dyn Write, desk: &mut Device, laptop: &mut Device) -> Told {
    scene(
        out,
        "An evening at the desk",
        "With `segue up` on both, a rating given here is there a moment later:",
    )?;
    desk.up(out)?;
    laptop.up(out)?;
    desk.until_in_step()?;
    writeln!(out, "  (in Rhythmbox, on the desk: {TITLE} gets 4 stars)")?;
    rate(desk, 4)?;
    let took = until("Strawberry has the rating", || Ok(near(rating(laptop)?, 0.8)))?;
    let what = format!("{} ms later Strawberry, on the laptop, shows 4 stars", took.as_millis());
    proved(out, true, &what)?;
    writeln!(out, "  (in Strawberry, on the laptop: {TITLE} gets 2 stars)")?;
    rate_in_strawberry(laptop, 0.4)?;
    until("Rhythmbox has the rating", || Ok(stars(desk)? == Some("2".into())))?;
    proved(out, true, "and back: Rhythmbox, on the desk, shows 2 stars")
}

fn meets_again(out: &mut dyn Write, desk: &mut Device, laptop: &mut Device) -> Told {
    scene(out, "On the train", "The laptop is away. Both go on, and meet when it is back:")?;
    laptop.down()?;
    writeln!(out, "  (in Strawberry, on the laptop, without network: {TITLE} gets 5 stars)")?;
    rate_in_strawberry(laptop, 1.0)?;
    laptop.up(out)?;
    until("Rhythmbox has the rating", || Ok(stars(desk)? == Some("5".into())))?;
    proved(out, true, "the desk has the 5 stars that were given on the train")?;
    desk.until_in_step()?;
    exports(desk, laptop)?;
    proved(out, true, "both exports are equal, byte for byte")?;
    desk.typed(out, &["peers"])?;
    Ok(())
}

fn puts_out(out: &mut dyn Write, desk: &Device, laptop: &Device) -> Told {
    scene(out, "The laptop is sold", "What it writes from now on counts nowhere:")?;
    desk.typed(out, &["revoke", "laptop", "--yes"])?;
    until("the laptop is away", || {
        let peers = desk.json(&["peers"])?;
        Ok(peers["peers"].as_array().is_some_and(Vec::is_empty))
    })?;
    rate_in_strawberry(laptop, 0.2)?;
    rate(desk, 3)?;
    until("the desk has passed on its own", || {
        let found = desk.json(&["find", TITLE])?;
        Ok(found[0]["fields"]["rating"] == 60)
    })?;
    let kept = stars(desk)? == Some("3".into()) && near(rating(laptop)?, 0.2);
    proved(out, kept, "neither hears of the other any more")
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 0.001
}

/// Both documents as canonical JSON.
fn exports(desk: &Device, laptop: &Device) -> Told {
    until("both exports are equal", || Ok(desk.json(&["export"])? == laptop.json(&["export"])?))
        .map(drop)
}

/// As Rhythmbox saves: a new file takes the place of the old one.
fn rate(desk: &Device, stars: u8) -> Told {
    let path = desk.file(&format!("{RHYTHMBOX}/rhythmdb.xml"));
    let old = fs::read_to_string(&path)?;
    let (start, end) = entry(&old)?;
    let kept: Vec<&str> =
        old[start..end].lines().filter(|line| !line.contains("<rating>")).collect();
    let date = kept.iter().position(|line| line.contains("<date>")).ok_or("it has no date")?;
    let line = format!("    <rating>{stars}</rating>");
    let entry = [&kept[..date], &[line.as_str()], &kept[date..]].concat().join("\n");
    let new = path.with_extension("xml.tmp");
    fs::write(&new, format!("{}{entry}\n{}", &old[..start], &old[end..]))?;
    Ok(fs::rename(&new, &path)?)
}

fn stars(desk: &Device) -> Told<Option<String>> {
    let text = fs::read_to_string(desk.file(&format!("{RHYTHMBOX}/rhythmdb.xml")))?;
    let (start, end) = entry(&text)?;
    let rest = text[start..end].split_once("<rating>").map(|(_, rest)| rest);
    Ok(rest.and_then(|rest| rest.split_once('<')).map(|(stars, _)| stars.to_owned()))
}

/// Where the song stands.
fn entry(text: &str) -> Told<(usize, usize)> {
    let at = text.find(SONG).ok_or("Rhythmbox has no such song")?;
    let start = text[..at].rfind("  <entry").ok_or("it has no beginning")?;
    let end = at + text[at..].find("  </entry>").ok_or("it has no end")?;
    Ok((start, end))
}

fn rate_in_strawberry(laptop: &Device, rating: f64) -> Told {
    let changed = strawberry(&laptop.file(STRAWBERRY))?
        .execute("UPDATE songs SET rating = ?1 WHERE title = ?2", (rating, TITLE))?;
    if changed == 1 { Ok(()) } else { Err("Strawberry has no such song".into()) }
}

fn rating(laptop: &Device) -> Told<f64> {
    let database = strawberry(&laptop.file(STRAWBERRY))?;
    let sql = "SELECT rating FROM songs WHERE title = ?1";
    Ok(database.query_row(sql, [TITLE], |row| row.get(0))?)
}

fn strawberry(folder: &Path) -> Told<Connection> {
    Ok(Connection::open(folder.join("strawberry.db"))?)
}
