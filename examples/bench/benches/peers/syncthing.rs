//! Syncthing on the same database file: what a program does that moves files and knows nothing of what is in them.
//!
//! Both of its processes listen and dial on the loopback interface alone: no announcements, no discovery, no relays,
//! no mapping of ports, no upgrades, no reports. It is told at once that the file changed.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use segue_library_generator::strawberry_database;
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::Outcome;
use crate::table::{Amount, Row, percentile};

const KEY: &str = "bench";
const PATIENCE: Duration = Duration::from_mins(2);
/// Of the file, one after the other.
const EDITS: u32 = 5;

/// One of the two.
struct Thing {
    folder: TempDir,
    id: String,
    listens: u16,
    answers: u16,
    child: Option<Child>,
}

impl Thing {
    fn new() -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        fs::create_dir_all(folder.path().join("files/.stfolder"))?;
        let home = folder.path().join("home");
        let made = Command::new("syncthing")
            .args(["generate", "--no-default-folder", "--skip-port-probing", "--home"])
            .arg(&home)
            .output()?;
        let id = Command::new("syncthing").arg("--device-id").arg("--home").arg(&home).output()?;
        if !made.status.success() || !id.status.success() {
            return Err("syncthing made no home".into());
        }
        let id = String::from_utf8(id.stdout)?.trim().to_owned();
        Ok(Self { folder, id, listens: free_port()?, answers: free_port()?, child: None })
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("files/strawberry.db")
    }

    fn start(&mut self, other: &Self) -> Outcome<()> {
        let home = self.folder.path().join("home");
        fs::write(home.join("config.xml"), self.config(other))?;
        let mut command = Command::new("syncthing");
        command.args(["serve", "--no-browser", "--no-restart", "--home"]).arg(home);
        command.env("STNOUPGRADE", "1").stdin(Stdio::null());
        self.child = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        Ok(())
    }

    fn config(&self, other: &Self) -> String {
        let folder = self.folder.path().join("files");
        let device = |thing: &Self| {
            let Self { id, listens, .. } = thing;
            format!(
                "<device id=\"{id}\" compression=\"always\">\
                 <address>tcp://127.0.0.1:{listens}</address></device>"
            )
        };
        let no = |name: &str| format!("<{name}>false</{name}>");
        let off = [
            "globalAnnounceEnabled",
            "localAnnounceEnabled",
            "relaysEnabled",
            "natEnabled",
            "startBrowser",
            "crashReportingEnabled",
            "announceLANAddresses",
        ];
        format!(
            "<configuration version=\"35\"><folder id=\"bench\" path=\"{}\" type=\"sendreceive\" \
             rescanIntervalS=\"3600\" fsWatcherEnabled=\"false\">\
             <device id=\"{}\"/><device id=\"{}\"/></folder>{}{}\
             <gui enabled=\"true\" tls=\"false\"><address>127.0.0.1:{}</address>\
             <apikey>{KEY}</apikey></gui><options>\
             <listenAddress>tcp://127.0.0.1:{}</listenAddress>{}<urAccepted>-1</urAccepted>\
             <autoUpgradeIntervalH>0</autoUpgradeIntervalH>\
             <stunKeepaliveStartS>0</stunKeepaliveStartS>\
             <reconnectionIntervalS>1</reconnectionIntervalS></options></configuration>",
            folder.display(),
            self.id,
            other.id,
            device(self),
            device(other),
            self.answers,
            self.listens,
            off.map(no).concat(),
        )
    }

    fn ask(&self, method: &str, path: &str) -> Outcome<Json> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.answers))?;
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: localhost\r\nX-API-Key: {KEY}\r\nContent-Length: 0\r\n\r\n"
        )?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let (_, body) = text.split_once("\r\n\r\n").ok_or("no answer")?;
        Ok(serde_json::from_str(body).unwrap_or(Json::Null))
    }

    /// Bytes both ways so far; `None` while the two are not connected.
    fn bytes(&self, other: &Self) -> Option<u64> {
        let said = self.ask("GET", "/rest/system/connections").ok()?;
        let connection = &said["connections"][&other.id];
        let number = |name: &str| connection[name].as_u64();
        let is_up = connection["connected"].as_bool() == Some(true);
        Some(number("inBytesTotal")? + number("outBytesTotal")?).filter(|_| is_up)
    }
}

impl Drop for Thing {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // It has a process of its own below it, which ends only when it is told to.
        if self.ask("POST", "/rest/system/shutdown").is_err() {
            // It has ended, or never began.
            let _ = child.kill();
        }
        let _ = child.wait();
    }
}

fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn until(mut is_so: impl FnMut() -> bool) -> Outcome<()> {
    let latest = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() >= latest {
            return Err("syncthing does not come to an end".into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn is_equal(one: &Path, other: &Path) -> bool {
    let times = [one, other].map(|path| fs::metadata(path).and_then(|meta| meta.modified()).ok());
    times[0].is_some() && times[0] == times[1] && fs::read(one).ok() == fs::read(other).ok()
}

/// One rating in a Strawberry of so many songs.
pub(crate) fn rows(songs: u32) -> Outcome<Vec<Row>> {
    if Command::new("syncthing").arg("--version").output().is_err() {
        return Err("it is not installed".into());
    }
    let (mut first, mut second) = (Thing::new()?, Thing::new()?);
    let made = tempfile::tempdir()?;
    segue_library_generator::generate(songs, 1, made.path())?;
    fs::copy(strawberry_database(made.path()), first.file())?;
    first.start(&second)?;
    second.start(&first)?;
    until(|| first.bytes(&second).is_some())?;
    until(|| is_equal(&first.file(), &second.file()))?;
    let whole = fs::metadata(first.file())?.len();
    let (mut times, mut bytes) = (Vec::new(), Vec::new());
    for edit in 0..EDITS {
        std::thread::sleep(Duration::from_secs(2));
        let before = first.bytes(&second).unwrap_or_default();
        let connection = rusqlite::Connection::open(first.file())?;
        let sql = "UPDATE songs SET rating = ?1 WHERE rowid = 10";
        connection.execute(sql, [f64::from(edit % 5 + 1) / 5.0])?;
        drop(connection);
        let begun = Instant::now();
        first.ask("POST", "/rest/db/scan?folder=bench")?;
        until(|| is_equal(&first.file(), &second.file()))?;
        times.push(begun.elapsed());
        std::thread::sleep(Duration::from_secs(2));
        bytes.push(first.bytes(&second).unwrap_or_default() - before);
    }
    bytes.sort_unstable();
    let what = |what: &str| format!("{songs} songs, Syncthing {what}");
    let took = Amount::Time(percentile(&mut times, 50));
    Ok(vec![
        Row::new(what("scans and takes over the database, p50"), took),
        Row::new(what("takes over one rating, bytes"), Amount::Bytes(bytes[bytes.len() / 2])),
        Row::new(what("has to look at, bytes"), Amount::Bytes(whole)),
    ])
}
