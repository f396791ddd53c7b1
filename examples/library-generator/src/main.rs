//! `segue-library-generator SONGS SEED HOME`: writes both libraries and says how they differ.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use segue_library_generator::{Error, Summary, generate};

const USAGE: &str = "usage: segue-library-generator SONGS SEED HOME";

fn main() -> ExitCode {
    let Some((songs, seed, home)) = arguments() else {
        let _ = writeln!(std::io::stderr(), "{USAGE}");
        return ExitCode::from(2);
    };
    match generate(songs, seed, &home) {
        Ok(summary) => {
            let _ = write!(std::io::stdout(), "{}", in_words(&summary));
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

fn arguments() -> Option<(u32, u64, PathBuf)> {
    let mut given = std::env::args_os().skip(1);
    let songs = given.next()?.to_str()?.parse().ok()?;
    let seed = given.next()?.to_str()?.parse().ok()?;
    let home = PathBuf::from(given.next()?);
    given.next().is_none().then_some((songs, seed, home))
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
