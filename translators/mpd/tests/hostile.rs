//! Servers that hang, flood or lie: a clear error within the limits, and nothing written.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use segue_mpd::{Limits, Mpd};
use segue_translator::model::music::RATING;
use segue_translator::model::{ChangeSet, FieldEdit, Value};
use segue_translator::{Collector, Error, ErrorKind, Idle, Library, Translator as _};

const HELLO: &str = "OK MPD 0.23.5\n";

/// A library whose server greets with `greeting` and answers each command as `answer` says; no
/// answer is silence.
fn library(
    greeting: &'static str,
    answer: impl Fn(&str, &mut UnixStream) + Send + Sync + 'static,
) -> (tempfile::TempDir, Box<dyn Library>) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let config = format!("bind_to_address \"{}\"\n", socket.display());
    fs::write(folder.path().join("mpd.conf"), config).unwrap();
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let _ = stream.write_all(greeting.as_bytes());
            for line in lines {
                let Ok(line) = line else { break };
                answer(&line, &mut stream);
            }
        }
    });
    let limits = Limits {
        silence: Duration::from_millis(200),
        whole: Duration::from_secs(2),
        answer_bytes: 100_000,
        count: 3_000,
    };
    let opened = Mpd::with_limits(limits).open(folder.path(), Arc::new(Idle)).unwrap();
    (folder, opened)
}

/// What a well-behaved server says of one song.
fn honest(command: &str) -> String {
    match command.split(' ').next() {
        Some("stats") => "songs: 1\ndb_update: 1\nOK\n".into(),
        Some("search") => "file: a.ogg\nTitle: A\nOK\n".into(),
        _ => "OK\n".into(),
    }
}

fn say(stream: &mut UnixStream, text: &str) {
    // Who is refused hangs up.
    let _ = stream.write_all(text.as_bytes());
}

fn failure(library: &dyn Library) -> Error {
    let start = Instant::now();
    let error = Collector::collect(library).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(10), "it took {:?}", start.elapsed());
    error
}

/// The error of a read whose answer to a search is this.
fn searched(answer: &'static str) -> Error {
    let (_folder, library) = library(HELLO, move |command, stream| {
        let is_search = command.starts_with("search");
        say(stream, if is_search { answer.to_owned() } else { honest(command) }.as_str());
    });
    failure(&*library)
}

#[test]
fn an_honest_server_is_read() {
    let (_folder, library) = library(HELLO, |command, stream| say(stream, &honest(command)));
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    assert_eq!((catalog.items.len(), reading.read_only), (1, None));
}

#[test]
fn no_server_is_not_running() {
    let (folder, library) = library(HELLO, |_, _| {});
    fs::remove_file(folder.path().join("socket")).unwrap();
    let error = failure(&*library);
    assert_eq!(error.kind, ErrorKind::NotRunning);
    assert!(error.to_string().contains("MPD is not running"), "{error}");
}

#[test]
fn silence_ends() {
    let (_folder, mute) = library("", |_, _| {});
    assert_eq!(failure(&*mute).kind, ErrorKind::TimedOut);
    let (_folder, hanging) = library(HELLO, |_, _| {});
    let error = failure(&*hanging);
    assert_eq!(error.kind, ErrorKind::TimedOut);
    assert!(error.to_string().contains("too long to answer"), "{error}");
}

#[test]
fn a_drip_ends() {
    let (_folder, library) = library(HELLO, |_, stream| {
        let pause = Duration::from_millis(50);
        stream.set_read_timeout(Some(pause)).unwrap();
        let mut waiting = BufReader::new(stream.try_clone().unwrap());
        // Waiting for what does not come is how time passes here.
        while stream.write_all(b"a: b\n").is_ok() {
            if waiting.fill_buf().is_ok() {
                break;
            }
        }
    });
    assert!(failure(&*library).to_string().contains("too long to answer"));
}

#[test]
fn a_flood_ends() {
    let (_folder, one_line) =
        library(HELLO, |_, stream| while stream.write_all(&[b'a'; 4_096]).is_ok() {});
    assert_eq!(failure(&*one_line).kind, ErrorKind::TooLarge);
    let (_folder, songs) = library(HELLO, |command, stream| {
        let same = "file: a.ogg\n".repeat(1_000) + "OK\n";
        let is_search = command.starts_with("search");
        say(stream, if is_search { same } else { honest(command) }.as_str());
    });
    let error = failure(&*songs);
    assert!(error.to_string().contains("more than 3000 songs"), "{error}");
}

#[test]
fn lies_are_errors() {
    let (_folder, other) = library("SSH-2.0-OpenSSH_9.2\n", |_, _| {});
    assert_eq!(failure(&*other).kind, ErrorKind::Corrupt);
    for answer in [
        "file: ../a.ogg\nOK\n",
        "file: /etc/passwd\nOK\n",
        "file: a//b\nOK\n",
        "Title: of nothing\nOK\n",
        "file: a\nfile: a\nOK\n",
        "list_OK\nlist_OK\nOK\n",
        "ACK [50@7] {search} what\n",
        "\u{1}\u{2}\n",
    ] {
        assert_eq!(searched(answer).kind, ErrorKind::Corrupt, "{answer:?}");
    }
    let denied = searched("ACK [4@0] {search} you don't have permission\n");
    assert_eq!(denied.kind, ErrorKind::Denied);
}

#[test]
fn f31_an_unknown_protocol_is_read_only() {
    for greeting in ["OK MPD 1.0.0\n", "OK MPD 0.20.9\n", "OK MPD x\n"] {
        let (_folder, library) = library(greeting, |command, stream| say(stream, &honest(command)));
        let (_, reading) = Collector::collect(&*library).unwrap();
        assert!(reading.read_only.is_some(), "{greeting}");
        let written = library.write(&reading.revision, &ChangeSet::default());
        assert_eq!(written.unwrap_err().kind, ErrorKind::Unsupported, "{greeting}");
    }
}

/// MPD sets without comparing, so the last look is right before the edits are sent.
#[test]
fn f19_what_another_client_sets_while_we_compare_is_stale() {
    const LOOK: &str = "sticker \"list\"";
    let (stickers, told) = (Arc::new(OnceLock::<PathBuf>::new()), Arc::new(Mutex::new(Vec::new())));
    let (changed, heard) = (Arc::clone(&stickers), Arc::clone(&told));
    let (folder, _) = library(HELLO, move |command, stream| {
        heard.lock().unwrap().push(command.to_owned());
        if command.starts_with(LOOK) {
            fs::write(changed.get().unwrap(), "set by another client").unwrap();
        }
        say(stream, &honest(command));
    });
    let file = folder.path().join("stickers");
    fs::write(&file, "").unwrap();
    let config = fs::OpenOptions::new().append(true).open(folder.path().join("mpd.conf"));
    config.unwrap().write_all(format!("sticker_file \"{}\"\n", file.display()).as_bytes()).unwrap();
    stickers.set(file).unwrap();
    let library = Mpd::default().open(folder.path(), Arc::new(Idle)).unwrap();
    let revision = library.revision().unwrap();
    let new = Some(Value::Int(60));
    let fields = vec![FieldEdit { item: "a.ogg".into(), field: &RATING, old: None, new }];
    let written = library.write(&revision, &ChangeSet { fields, ..ChangeSet::default() });
    assert_eq!(written.unwrap_err().kind, ErrorKind::Stale);
    let told = told.lock().unwrap();
    assert!(told.iter().any(|command| command.starts_with(LOOK)), "{told:?}");
    assert!(!told.iter().any(|command| command.starts_with("sticker \"set\"")), "{told:?}");
}
