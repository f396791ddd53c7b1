//! Completions, manual pages and the whole reference, all made from the one definition in
//! [`args`](super::args).

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use super::args::Args;

/// A script that completes command lines.
pub(super) fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "segue", &mut script);
    script
}

/// The manual page of `segue`.
pub(super) fn man_page() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Args::command()).render(&mut page)?;
    Ok(page)
}

/// Writes the manual pages of `segue` and its commands into a folder; returns what to print.
pub(super) fn man_pages(folder: &Path) -> io::Result<Vec<u8>> {
    let named = |error: io::Error| {
        io::Error::new(error.kind(), format!("cannot write to {}: {error}", folder.display()))
    };
    fs::create_dir_all(folder).map_err(named)?;
    clap_mangen::generate_to(Args::command(), folder).map_err(named)?;
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use clap::ValueEnum;

    use super::*;

    const HEAD: &str = "# The command line\n\n\
        This is what `segue help` and `segue help COMMAND` print, in one place. It is made from the \
        definition of\nthe arguments, and a test keeps it equal. The names of commands, options and \
        JSON keys only grow.\n";

    fn whole() -> String {
        let mut text = HEAD.to_owned();
        let mut root = Args::command();
        root.build();
        write!(text, "\n## segue\n\n```text\n{}```\n", plain(&mut root)).unwrap();
        for command in root.get_subcommands_mut().filter(|command| command.get_name() != "help") {
            let name = command.get_name().to_owned();
            write!(text, "\n## segue {name}\n\n```text\n{}```\n", plain(command)).unwrap();
        }
        text
    }

    fn plain(command: &mut clap::Command) -> String {
        let help = command.render_long_help().to_string();
        help.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
    }

    /// The document is the snapshot: a change of the help rewrites it, fails once, and is reviewed
    /// with the commit.
    #[test]
    fn the_whole_reference_is_documented() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/command-line.md");
        let documented = fs::read_to_string(&path).unwrap_or_default();
        let text = whole();
        if documented != text {
            fs::write(&path, text).unwrap();
            panic!("docs/command-line.md was not what the help says; it was rewritten: review it");
        }
    }

    #[test]
    fn every_command_has_an_example_that_fits_a_screen() {
        let mut root = Args::command();
        root.build();
        for command in root.get_subcommands().filter(|command| command.get_name() != "help") {
            let help = command.get_long_about().unwrap_or_default().to_string();
            let example = format!("$ segue {}", command.get_name());
            assert!(help.contains(&example), "{}: no example", command.get_name());
            assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
        }
    }

    #[test]
    fn every_shell_gets_completions_of_every_command() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(completions(*shell)).unwrap();
            assert!(script.contains("conflicts"), "{shell}");
        }
    }

    #[test]
    fn every_command_has_a_manual_page() {
        let folder = tempfile::tempdir().unwrap();
        let pages = folder.path().join("man/man1");
        man_pages(&pages).unwrap();
        for page in ["segue.1", "segue-plan.1", "segue-undo.1", "segue-completions.1"] {
            assert!(fs::read_to_string(pages.join(page)).unwrap().contains(".TH"), "{page}");
        }
        assert!(String::from_utf8(man_page().unwrap()).unwrap().contains("segue"));
        fs::write(folder.path().join("file"), "").unwrap();
        let refused = man_pages(&folder.path().join("file")).unwrap_err().to_string();
        assert!(refused.contains("cannot write to"), "{refused}");
    }
}
