//! Compare-and-set edits of both files.
//!
//! It works out the new texts first and only then touches a file. What it does not model stays
//! byte for byte; a file in which nothing changes is not written.
//!
//! Invariant: an edit is made only where the library still holds what the edit expects.

use segue_translator::model::ChangeSet;
use segue_translator::{Error, ErrorKind, Host, Revision, Written};

use crate::files::{Contents, Files, in_file, text};
use crate::format::{Bounds, Songs};
use crate::{playlist_edits, playlists, song_edits, splice};

/// Makes `changes` if the library is still at `expected` and the app is not running.
pub(crate) fn write(
    files: &Files,
    bounds: Bounds,
    host: &dyn Host,
    expected: &Revision,
    changes: &ChangeSet,
) -> Result<Written, Error> {
    files.check(expected, "write")?;
    files.check_idle(host, "write")?;
    let contents = files.load(bounds.bytes)?;
    if contents.revision != *expected {
        let detail = "the library changed meanwhile";
        return Err(Error::new(ErrorKind::Stale, "write", &files.library, detail));
    }
    let (new, mut written) = plan(files, bounds, &contents, changes)?;
    written.revision = files.replace(host, &contents, &new.library, new.playlists.as_deref())?;
    Ok(written)
}

struct New {
    library: Vec<u8>,
    playlists: Option<Vec<u8>>,
}

/// The new bytes of both files, and what was made and refused.
fn plan(
    files: &Files,
    bounds: Bounds,
    contents: &Contents,
    changes: &ChangeSet,
) -> Result<(New, Written), Error> {
    let body = text(&files.library, &contents.library)?;
    let fail = in_file(&files.library);
    let songs = Songs::open(body, bounds).map_err(&fail)?;
    if let Some(reason) = songs.read_only() {
        return Err(Error::new(ErrorKind::Unsupported, "write", &files.library, reason));
    }
    let with_known = !changes.collections.is_empty();
    let fields = song_edits::plan(body, songs, changes, with_known).map_err(&fail)?;
    let mut written = Written { refused: fields.refused, ..Written::default() };
    let library = spliced(&contents.library, body, fields.splices);
    let mut playlists = contents.playlists.clone();
    if with_known {
        let old = contents.playlists.as_deref().unwrap_or(playlist_edits::EMPTY.as_bytes());
        let body = text(&files.playlists, old)?;
        let shelf = playlists::parse(body, bounds).map_err(in_file(&files.playlists))?;
        let lists = playlist_edits::plan(body, &shelf, &changes.collections, &fields.known);
        written.refused.extend(lists.refused);
        written.created = lists.created;
        if !lists.splices.is_empty() {
            playlists = Some(spliced(old, body, lists.splices));
        }
    }
    Ok((New { library, playlists }, written))
}

/// The file after the splices of its text, which may follow a byte order mark.
fn spliced(file: &[u8], body: &str, splices: Vec<splice::Splice>) -> Vec<u8> {
    if splices.is_empty() {
        return file.to_vec();
    }
    let mut out = file[..file.len() - body.len()].to_vec();
    out.extend_from_slice(splice::apply(body, splices).as_bytes());
    out
}
