//! A rating's way: given in Rhythmbox on one device, written by the agent of another into Strawberry's database.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags};
use segue_library_generator::{rhythmbox_folder, strawberry_database};

use crate::Outcome;
use crate::device::{Device, Metrics};
use crate::table::{Amount, Row, percentile};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../two-players/fixtures");
/// Both must be quiet for so long before the next edit.
const QUIET: Duration = Duration::from_millis(150);
const PATIENCE: Duration = Duration::from_mins(2);
const P50_AIM: Duration = Duration::from_millis(50);
const P99_AIM: Duration = Duration::from_millis(250);
const BYTES_AIM: u64 = 400;

/// Two devices in step: the first has Rhythmbox, the second Strawberry.
pub(crate) struct Pair {
    pub(crate) first: Device,
    pub(crate) second: Device,
}

impl Pair {
    /// Lays the songs that both know: those which the real apps wrote, or so many generated ones.
    pub(crate) fn new(program: &Path, songs: Option<u32>) -> Outcome<Self> {
        let (mut first, mut second) = (Device::new(program)?, Device::new(program)?);
        lay(&first, "rhythmbox", songs)?;
        lay(&second, "strawberry", songs)?;
        first.link("rhythmbox")?;
        first.up()?;
        second.up()?;
        first.lets_in(&second)?;
        second.until("is in step with")?;
        second.link("strawberry")?;
        let pair = Self { first, second };
        pair.rest(Duration::from_secs(1))?;
        Ok(pair)
    }

    pub(crate) fn rest(&self, quiet: Duration) -> Outcome<(Metrics, Metrics)> {
        self.second.rest(quiet)?;
        Ok((self.first.rest(quiet)?, self.second.metrics()?))
    }
}

/// One app's library.
pub(crate) fn lay(device: &Device, app: &str, songs: Option<u32>) -> Outcome<()> {
    let home = device.home();
    if let Some(songs) = songs {
        segue_library_generator::generate(songs, 1, home)?;
        return Ok(());
    }
    let copy = |name: &str, to: &Path| -> Outcome<()> {
        fs::create_dir_all(to.parent().ok_or("no folder")?)?;
        // Not a copy: that one would be read-only, too.
        Ok(fs::write(to, fs::read(Path::new(FIXTURES).join(name))?)?)
    };
    if app == "rhythmbox" {
        for name in ["rhythmdb.xml", "playlists.xml"] {
            copy(&format!("rhythmbox/{name}"), &rhythmbox_folder(home).join(name))?;
        }
        return Ok(());
    }
    copy("strawberry/strawberry.db", &strawberry_database(home))
}

/// A song that both apps know: its title, and where its one star or more stands in Rhythmbox's text.
struct Song {
    title: String,
    rating: std::ops::Range<usize>,
}

fn between(text: &str, from: &str, to: &str) -> Option<std::ops::Range<usize>> {
    let start = text.find(from)? + from.len();
    Some(start..start + text[start..].find(to)?)
}

/// The first song with a rating and a title that nobody else has.
fn song(songs: &str, known: &dyn Fn(&str) -> Outcome<bool>) -> Outcome<Song> {
    let mut start = 0;
    while let Some(length) = songs[start..].find("</entry>") {
        let entry = &songs[start..start + length];
        let found = between(entry, "<rating>", "<").zip(between(entry, "<title>", "<"));
        if let Some((rating, title)) = found {
            let title = &entry[title];
            if !title.contains('&') && known(title)? {
                let rating = start + rating.start..start + rating.end;
                return Ok(Song { title: title.to_owned(), rating });
            }
        }
        start += length + "</entry>".len();
    }
    Err("no song is rated".into())
}

/// Rhythmbox, as far as it rates one song.
pub(crate) struct Rater {
    path: PathBuf,
    songs: String,
    song: Song,
}

impl Rater {
    /// Finds a song that this device's Rhythmbox has rated, and of which `known` is true.
    pub(crate) fn new(device: &Device, known: &dyn Fn(&str) -> Outcome<bool>) -> Outcome<Self> {
        let path = rhythmbox_folder(device.home()).join("rhythmdb.xml");
        let songs = fs::read_to_string(&path)?;
        let song = song(&songs, known)?;
        Ok(Self { path, songs, song })
    }

    /// Gives other stars as Rhythmbox does: a new file takes the place of the old one. Returns when it was there.
    pub(crate) fn rate(&mut self) -> Outcome<(f64, u8)> {
        let place = self.song.rating.clone();
        let stars = self.songs[place.clone()].parse::<u8>()? % 5 + 1;
        self.songs.replace_range(place, &stars.to_string());
        let fresh = self.path.with_extension("xml.tmp");
        fs::write(&fresh, &self.songs)?;
        fs::rename(&fresh, &self.path)?;
        Ok((now()?, stars))
    }
}

fn now() -> Outcome<f64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64())
}

/// Whether exactly one song of Strawberry's has this title.
fn is_known(device: &Device, title: &str) -> Outcome<bool> {
    let sql = "SELECT count(*) FROM songs WHERE title = ?1";
    let count: i64 = open(device)?.query_row(sql, [title], |row| row.get(0))?;
    Ok(count == 1)
}

fn open(device: &Device) -> Outcome<Connection> {
    let database = strawberry_database(device.home());
    Ok(Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?)
}

/// Waits until the second agent says that it wrote after `since`, and looks whether it did.
fn until_written(device: &Device, since: f64, title: &str, stars: u8) -> Outcome<Metrics> {
    let latest = Instant::now() + PATIENCE;
    let database = strawberry_database(device.home());
    let before = fs::metadata(&database)?.modified()?;
    // The file's time costs nobody anything; the agent is asked only once it may have written.
    while fs::metadata(&database)?.modified()? == before && Instant::now() < latest {
        std::thread::sleep(Duration::from_millis(2));
    }
    loop {
        let metrics = device.metrics()?;
        if metrics.step("written") > since {
            let sql = "SELECT rating FROM songs WHERE title = ?1";
            let rating: f64 = open(device)?.query_row(sql, [title], |row| row.get(0))?;
            let is_it = (rating * 5.0 - f64::from(stars)).abs() < 0.01;
            return if is_it { Ok(metrics) } else { Err("another rating was written".into()) };
        }
        if Instant::now() >= latest {
            return Err("the rating was not written".into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A step of the first or second device.
type At = (usize, &'static str);

/// Spans of the way, by name: from one step to another.
const SPANS: [(&str, At, At); 8] = [
    ("saved to pass begun (watcher, 60 ms of quiet)", (0, "saved"), (0, "begun")),
    ("pass begun to library read", (0, "begun"), (0, "read")),
    ("agent to agent: read to written", (0, "read"), (1, "written")),
    ("- read to in the document", (0, "read"), (0, "committed")),
    ("- in the document to arrived there", (0, "committed"), (1, "arrived")),
    ("- arrived to stored", (1, "arrived"), (1, "stored")),
    ("- stored to library read there", (1, "stored"), (1, "read")),
    ("- read there to written", (1, "read"), (1, "written")),
];

/// Times so many ratings.
pub(crate) fn times(program: &Path, songs: Option<u32>, edits: u32) -> Outcome<Vec<Row>> {
    let pair = Pair::new(program, songs)?;
    let size = songs.map_or_else(|| "40".to_owned(), |songs| songs.to_string());
    let mut spans: Vec<Vec<Duration>> = vec![Vec::new(); SPANS.len()];
    let (mut frames, mut udp) = (Vec::new(), Vec::new());
    let mut rater = Rater::new(&pair.first, &|title| is_known(&pair.second, title))?;
    // The first may give what is there already.
    rater.rate()?;
    pair.rest(Duration::from_secs(2))?;
    for _ in 0..edits {
        let (before, _) = pair.rest(QUIET)?;
        let (saved, stars) = rater.rate()?;
        let there = until_written(&pair.second, saved, &rater.song.title, stars)?;
        let here = pair.first.metrics()?;
        let at = |(device, step): (usize, &str)| match (device, step) {
            (_, "saved") => saved,
            (0, step) => here.step(step),
            (_, step) => there.step(step),
        };
        for (span, (_, from, to)) in spans.iter_mut().zip(SPANS) {
            span.push(Duration::from_secs_f64((at(to) - at(from)).max(0.0)));
        }
        let (after, _) = pair.rest(QUIET)?;
        frames.push(after.frames() - before.frames());
        udp.push(after.udp() - before.udp());
    }
    let mut rows = Vec::new();
    for ((name, ..), mut span) in SPANS.into_iter().zip(spans) {
        for (percent, aim) in [(50, P50_AIM), (99, P99_AIM)] {
            let took = Amount::Time(percentile(&mut span, percent));
            let row = Row::new(format!("{size} songs, {name}, p{percent}"), took);
            let is_aimed_at = name.starts_with("agent to agent");
            rows.push(if is_aimed_at { row.aim(Amount::Time(aim)) } else { row });
        }
    }
    let floor = Amount::Time(floor(&pair.second)?);
    rows.push(Row::new(format!("{size} songs, one write made durable, p50"), floor));
    frames.sort_unstable();
    udp.sort_unstable();
    let median = |all: &[u64]| Amount::Bytes(all.get(all.len() / 2).copied().unwrap_or(0));
    let aim = Amount::Bytes(BYTES_AIM);
    rows.push(Row::new(format!("{size} songs, bytes of a rating"), median(&frames)).aim(aim));
    rows.push(Row::new(format!("{size} songs, bytes of a rating as UDP"), median(&udp)));
    Ok(rows)
}

/// What the disk takes to keep 4 KiB: each agent waits for that several times.
fn floor(device: &Device) -> Outcome<Duration> {
    use std::io::Write;
    let mut file = fs::File::create(device.home().join("floor"))?;
    let mut times = Vec::new();
    for _ in 0..51 {
        let begun = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    Ok(percentile(&mut times, 50))
}
