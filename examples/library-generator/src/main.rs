//! `segue-library-generator SONGS SEED HOME`: writes both libraries and says how they differ.
//! `segue-library-generator mail FILES SEED STORE`: writes a store of mail.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use segue_library_generator::{Error, Summary, generate, mail};

const USAGE: &str = "usage: segue-library-generator SONGS SEED HOME\n       segue-library-generator mail FILES SEED STORE";

fn main() -> ExitCode {
    let Some((is_mail, count, seed, folder)) = arguments() else {
        let _ = writeln!(std::io::stderr(), "{USAGE}");
        return ExitCode::from(2);
    };
    let written = if is_mail {
        mail(count, seed, &folder).map(|sum| {
            format!("{} files with {} messages, {} bytes\n", sum.files, sum.messages, sum.bytes)
        })
    } else {
        generate(count, seed, &folder).map(|sum| in_words(&sum))
    };
    match written {
        Ok(words) => {
            let _ = write!(std::io::stdout(), "{words}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let why = match &error {
                Error::Io { source, .. } => format!(": {source}"),
                _ => String::new(),
            };
            let _ = writeln!(std::io::stderr(), "segue-library-generator: {error}{why}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Option<(bool, u32, u64, PathBuf)> {
    let mut given = std::env::args_os().skip(1).peekable();
    let is_mail = given.next_if(|word| word == "mail").is_some();
    let count = given.next()?.to_str()?.parse().ok()?;
    let seed = given.next()?.to_str()?.parse().ok()?;
    let folder = PathBuf::from(given.next()?);
    given.next().is_none().then_some((is_mail, count, seed, folder))
}

fn in_words(sum: &Summary) -> String {
    format!(
        "songs: {} in rhythmbox, {} in strawberry, {} in both\n\
         of these: {} rated in one, {} equally, {} differently; {} played differently\n\
         playlists: {} in rhythmbox, {} in strawberry, {} in both\n",
        sum.in_rhythmbox,
        sum.in_strawberry,
        sum.in_both,
        sum.rated_in_one,
        sum.rated_equally,
        sum.rated_differently,
        sum.played_differently,
        sum.playlists_in_rhythmbox,
        sum.playlists_in_strawberry,
        sum.playlists_in_both,
    )
}
