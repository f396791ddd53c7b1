//! A new device gets everything; then the first rating after that, and two that only meet.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use segue_library_generator::{rhythmbox_folder, strawberry_database};

use crate::Outcome;
use crate::device::{Device, Spent};
use crate::rating::{Rater, lay};
use crate::table::{Amount, Row};
use crate::twins::{Log, Twins};

const JOIN_AIM: Duration = Duration::from_secs(5);
const JOIN_BYTES_AIM: u64 = 8_000_000;
const BYTES_AIM: u64 = 400;
const STEP_BYTES_AIM: u64 = 100;
const QUIET: Duration = Duration::from_secs(2);

/// Joins a document of so many songs.
pub(crate) fn rows(program: &Path, songs: u32) -> Outcome<Vec<Row>> {
    let (mut first, mut second) = (Device::new(program)?, Device::new(program)?);
    lay(&first, "rhythmbox", Some(songs))?;
    first.link("rhythmbox")?;
    first.up()?;
    second.up()?;
    let (before, own) = (second.usage()?.0, first.usage()?.0);
    let begun = first.lets_in(&second)?;
    let answered = begun.elapsed();
    let took = second.until("is in step with")?.duration_since(begun);
    let metrics = second.metrics()?;
    let ((worked, memory), (gave, _)) = (second.usage()?, first.usage()?);
    let mut log = Log::of(&first)?;
    let (mut twins, joined) = Twins::joined(&log)?;
    let what = |what: &str| format!("{songs} songs, {what}");
    let (time, bytes) = (Amount::Time, Amount::Bytes);
    let mut rows = vec![
        Row::new(what("joined cold"), time(took)).aim(time(JOIN_AIM)),
        Row::new(what("joined cold, the command answered"), time(answered)),
        Row::new(what("joined cold, processor of the new device"), time(worked.since(before))),
        Row::new(what("joined cold, processor of the inviter"), time(gave.since(own))),
        Row::new(what("joined cold, memory of the new device then"), bytes(memory)),
        Row::new(what("joined cold, bytes"), bytes(metrics.frames()))
            .aim(bytes(JOIN_BYTES_AIM))
            .beside("automerge sync", bytes(joined)),
        Row::new(what("joined cold, bytes as UDP"), bytes(metrics.udp())),
        Row::new(what("joined cold, the changes themselves"), bytes(log.bytes())),
    ];
    first.rest(QUIET)?;
    let mut rater = Rater::new(&first, &|_| Ok(true))?;
    for nth in ["the first rating after the import, bytes", "the next rating, bytes"] {
        let before = first.rest(QUIET)?;
        rater.rate()?;
        let after = first.more(&before, QUIET)?;
        let theirs = twins.get(&log.news(&first)?)?;
        rows.push(
            Row::new(what(nth), bytes(after.frames() - before.frames()))
                .aim(bytes(BYTES_AIM))
                .beside("automerge sync", bytes(theirs)),
        );
        let as_udp = format!("{nth} as UDP");
        rows.push(Row::new(what(&as_udp), bytes(after.udp() - before.udp())));
    }
    second.down()?;
    second.up()?;
    second.until("is in step with")?;
    let metrics = second.rest(Duration::from_millis(500))?;
    rows.push(
        Row::new(what("two in step meet, bytes"), bytes(metrics.frames()))
            .aim(bytes(STEP_BYTES_AIM))
            .beside("automerge sync", bytes(twins.meet_again()?)),
    );
    rows.push(Row::new(
        what("two in step meet, bytes as UDP, with the handshake"),
        bytes(metrics.udp()),
    ));
    Ok(rows)
}

/// 10,000 plays of 1,000 songs, made by both while they were apart.
pub(crate) fn plays(program: &Path) -> Outcome<Vec<Row>> {
    let pair = crate::rating::Pair::new(program, Some(1_000))?;
    let crate::rating::Pair { mut first, mut second } = pair;
    let mut log = Log::of(&first)?;
    let (mut twins, _) = Twins::joined(&log)?;
    first.down()?;
    second.down()?;
    play_in_rhythmbox(&first, 4)?;
    play_in_strawberry(&second, 6)?;
    // Two apps that disagree are no failure here.
    let _ = (first.say(&["sync"]), second.say(&["sync"]));
    let (here, there) = (log.clone().news(&first)?, log.news(&second)?);
    if here.is_empty() || there.is_empty() {
        return Err("the plays were not taken over".into());
    }
    let theirs = twins.both(&here, &there)?;
    first.up()?;
    first.rest(Duration::from_millis(500))?;
    second.up()?;
    let begun = second.until("is connected with")?;
    let took = second.until("is in step with")?.duration_since(begun);
    let start = Spent::default();
    let worked = first.usage()?.0.since(start) + second.usage()?.0.since(start);
    let until_written = second.until("strawberry got")?.duration_since(begun);
    let (here, there) = (first.rest(QUIET)?, second.rest(QUIET)?);
    if here.frames() != there.frames() {
        return Err("the two did not count the same bytes".into());
    }
    Ok(vec![
        Row::new("10,000 plays meet", Amount::Time(took)).aim(Amount::Time(Duration::from_secs(1))),
        Row::new("10,000 plays meet, processor of both since they started", Amount::Time(worked)),
        Row::new("10,000 plays meet, and are in Strawberry", Amount::Time(until_written)),
        Row::new("10,000 plays meet, bytes", Amount::Bytes(there.frames()))
            .aim(Amount::Bytes(150_000))
            .beside("automerge sync", Amount::Bytes(theirs)),
        Row::new("10,000 plays meet, bytes as UDP", Amount::Bytes(there.udp())),
    ])
}

/// Each song was played so many times more.
fn play_in_rhythmbox(device: &Device, times: u64) -> Outcome<()> {
    let path = rhythmbox_folder(device.home()).join("rhythmdb.xml");
    let mut out = String::new();
    let (mut count, mut has_count) = (0, false);
    for line in std::fs::read_to_string(&path)?.lines() {
        let trimmed = line.trim_start();
        if let Some(rest) = trimmed.strip_prefix("<play-count>") {
            let before: u64 = rest.split('<').next().unwrap_or_default().parse()?;
            writeln!(out, "    <play-count>{}</play-count>", before + times)?;
            (count, has_count) = (count + 1, true);
            continue;
        }
        if trimmed.starts_with("<bitrate>") && !has_count {
            writeln!(out, "    <play-count>{times}</play-count>")?;
            count += 1;
        }
        has_count &= trimmed != "</entry>";
        out += line;
        out.push('\n');
    }
    std::fs::write(&path, out)?;
    if count < 900 { Err(format!("only {count} songs were played").into()) } else { Ok(()) }
}

/// The same in Strawberry.
fn play_in_strawberry(device: &Device, times: u64) -> Outcome<()> {
    let connection = rusqlite::Connection::open(strawberry_database(device.home()))?;
    let sql = "UPDATE songs SET playcount = playcount + ?1";
    connection.execute(sql, [times as i64])?;
    Ok(())
}

/// The least that an agent with a connected peer takes when nothing happens.
pub(crate) fn idle(program: &Path) -> Outcome<Vec<Row>> {
    let pair = crate::rating::Pair::new(program, None)?;
    pair.rest(Duration::from_secs(5))?;
    let (before, _) = pair.first.usage()?;
    std::thread::sleep(Duration::from_secs(30));
    let (after, memory) = pair.first.usage()?;
    let (memory_aim, aim) = (Amount::Bytes(60 << 20), Amount::Time(Duration::from_millis(30)));
    Ok(vec![
        Row::new("idle with a peer, memory", Amount::Bytes(memory)).aim(memory_aim),
        Row::new("idle with a peer, processor in 30 s", Amount::Time(after.since(before))).aim(aim),
    ])
}
