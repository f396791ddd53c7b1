//! Agents that are killed while they get in step.

use std::fmt::Write;
use std::fs;
use std::process::Stdio;

use crate::desk::Desk;

/// A Rhythmbox library of so many songs, rated by the round.
fn many(desk: &Desk, songs: usize, round: usize) {
    let folder = desk.path().join(".local/share/rhythmbox");
    fs::create_dir_all(&folder).unwrap();
    let mut xml =
        String::from("<?xml version=\"1.0\" standalone=\"yes\"?>\n<rhythmdb version=\"2.0\">\n");
    for number in 0..songs {
        let (album, artist) = (number / 12, number / 120);
        let entry = write!(
            xml,
            "  <entry type=\"song\">\n    <title>Song {number}</title>\n    <genre>Rock</genre>\n    \
             <artist>Artist {artist}</artist>\n    <album>Album {album}</album>\n    \
             <track-number>{}</track-number>\n    <duration>{}</duration>\n    \
             <file-size>1000</file-size>\n    <location>file:///m/{artist}/{album}/{number}.mp3</location>\n    \
             <mtime>1700000000</mtime>\n    <first-seen>1700000000</first-seen>\n    \
             <rating>{}</rating>\n    <date>730000</date>\n    \
             <media-type>audio/mpeg</media-type>\n  </entry>\n",
            number % 12 + 1,
            100 + number % 200,
            (number + round) % 5 + 1,
        );
        entry.unwrap();
    }
    xml += "</rhythmdb>\n";
    fs::write(folder.join("rhythmdb.xml.tmp"), xml).unwrap();
    fs::rename(folder.join("rhythmdb.xml.tmp"), folder.join("rhythmdb.xml")).unwrap();
}

const SONGS: usize = 1_000;

#[test]
fn f35_killed_at_any_write_of_a_sync_it_goes_on_and_nothing_is_lost() {
    let (desk, laptop) = (Desk::bare("desk"), Desk::bare("laptop"));
    many(&desk, SONGS, 0);
    desk.link("rhythmbox");
    let mut serving = desk.up();
    let ticket = desk.ticket(&["--yes"]);
    let mut joining = laptop.command(&["join", &ticket, "--json"]);
    let mut joining = joining.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    desk.until_peers("it is in", |peers| peers["peers"] != serde_json::json!([]));
    joining.kill().unwrap();
    joining.wait().unwrap();
    if laptop.json(&["peers"])["peers"] == serde_json::json!([]) {
        // Killed before it had stored that it is in: the ticket is still its own.
        laptop.json(&["join", &ticket]);
    }
    let mut killed = 0;
    let calls = [("fsync", 1), ("pwrite64", 5), ("fsync", 2), ("pwrite64", 60), ("fsync", 3)];
    for (round, (call, nth)) in (1..).zip(calls) {
        // There is something to be taken in each time.
        many(&desk, SONGS, round);
        desk.until_known("Song 7", 20 * ((7 + round as i64) % 5 + 1));
        let Some(was_killed) = laptop.up_until_killed(call, nth) else { return };
        killed += u32::from(was_killed);
        if round == 2 {
            serving.kill();
            serving = desk.up();
        }
    }
    assert!(killed >= 2, "it was killed {killed} times");
    let agent = laptop.up();
    laptop.until_in_step();
    assert_eq!(laptop.export(), desk.export());
    for desk in [&desk, &laptop] {
        assert_eq!(desk.json(&["doctor"])["sound"], true);
    }
    agent.stop();
    serving.stop();
}

#[test]
fn f29_an_inviter_killed_at_any_write_of_a_join_lets_the_device_in_once_and_nobody_else() {
    let (desk, thief) = (Desk::bare("desk"), Desk::bare("thief"));
    many(&desk, 24, 0);
    desk.link("rhythmbox");
    let mut killed = 0;
    let writes = [("pwrite64", 2), ("fsync", 1), ("pwrite64", 10), ("fsync", 2), ("pwrite64", 14)];
    for (call, nth) in writes {
        let agent = desk.up();
        let ticket = desk.ticket(&["--yes"]);
        agent.stop();
        let laptop = Desk::bare("laptop");
        let Some(mut doomed) = desk.doomed(call, nth) else { return };
        if doomed.serves() {
            // It is in, or it is not and was told so.
            laptop.segue(&["join", &ticket]);
        }
        killed += u32::from(doomed.dies());
        let agent = desk.up();
        if laptop.json(&["peers"])["peers"] == serde_json::json!([]) {
            laptop.json(&["join", &ticket]);
        }
        assert!(laptop.refused(&["join", &ticket]).contains("joined that document already"));
        let why = thief.refused(&["join", &ticket]);
        assert!(why.contains("was used"), "{call} {nth}: {why}");
        let peers = desk.json(&["peers"]);
        assert_eq!(peers["peers"].as_array().unwrap().len(), 1, "{call} {nth}: {peers}");
        assert_eq!(peers["invitations"], serde_json::json!([]), "{call} {nth}");
        let laptops = laptop.up();
        laptop.until_in_step();
        assert_eq!(laptop.export(), desk.export(), "{call} {nth}");
        for device in [&desk, &laptop] {
            assert_eq!(device.json(&["doctor"])["sound"], true, "{call} {nth}");
        }
        laptops.stop();
        desk.json(&["revoke", "laptop", "--yes"]);
        agent.stop();
    }
    assert!(killed >= 3, "it was killed {killed} times");
}

#[test]
fn f35_one_that_serves_killed_at_any_write_of_a_sync_gives_and_takes_the_rest_later() {
    let (desk, laptop) = (Desk::bare("desk"), Desk::bare("laptop"));
    many(&desk, SONGS, 0);
    desk.link("rhythmbox");
    let agent = desk.up();
    laptop.json(&["join", &desk.ticket(&["--yes"])]);
    agent.stop();
    let laptops = laptop.up();
    let mut killed = 0;
    let writes = [("pwrite64", 3), ("fsync", 1), ("pwrite64", 24), ("fsync", 3)];
    for (round, (call, nth)) in (1..).zip(writes) {
        // Each has something for the other.
        many(&desk, SONGS, round);
        let comment = format!("round {round}");
        laptop.json(&["resolve", &format!("Song {round}00"), "comment", &comment]);
        let Some(was_killed) = desk.up_until_killed(call, nth) else { return };
        killed += u32::from(was_killed);
    }
    assert!(killed >= 3, "it was killed {killed} times");
    let agent = desk.up();
    desk.until_in_step();
    for number in 1..=writes.len() {
        let song = format!("Song {number}00");
        let rating = 20 * ((number as i64 * 100 + writes.len() as i64) % 5 + 1);
        laptop.until_known(&song, rating);
        let found = desk.json(&["find", &song]);
        assert_eq!(found[0]["fields"]["comment"], format!("round {number}"), "{found}");
    }
    desk.until_in_step();
    assert_eq!(laptop.export(), desk.export());
    let items: serde_json::Value = serde_json::from_str(&laptop.export()).unwrap();
    assert_eq!(items["items"].as_array().unwrap().len(), SONGS, "nothing is doubled");
    for desk in [&desk, &laptop] {
        assert_eq!(desk.json(&["doctor"])["sound"], true);
    }
    agent.stop();
    laptops.stop();
}
