//! The laws of a translator as named trials, for ours and for strangers.
//!
//! [`trials`] makes them from a [`Subject`]: a translator, libraries that real apps wrote, and what
//! only its author knows, such as what the app itself would accept. Each trial works on its own
//! copy of a fixture, is chosen by what the translator declares, and says why when it is skipped.
//! [`suite!`] makes a test of them, and of their power: it breaks the translator once for each law
//! and wants that to be seen. A program can run them one by one with [`Trial::run`].
//!
//! What only the author knows, such as what is not modelled, comes from the test or lies among the fixtures.
//!
//! It does not judge whether a fixture is what an app would write: fixtures come from apps.
//!
//! Invariant: no trial touches the fixtures, the network or the user's own libraries, and the same
//! seed gives the same edits.

mod edits;
mod given;
mod harness;
mod laid;
mod laws;
mod mutant;
mod record;
mod rerun;
mod rival;
mod subject;
mod trial;

pub use harness::{main, suite};
pub use mutant::{Mutant, mutants};
pub use record::Record;
pub use rerun::{REPORTED, child};
pub use subject::{Enlarge, Inspect, Running, Subject};
pub use trial::{Outcome, Trial, trials};

/// Makes the `main` of a test with `harness = false` that tries every law on one translator, and each of its
/// [`mutants`].
///
/// ```
/// # mod test {
/// use segue_memory::{Kind, Memory};
///
/// segue_conformance::suite! {
///     translator: Memory(Kind::Exact),
///     // One folder for each version of the app, each a library as `open` takes it.
///     fixtures: "fixtures",
///     // Where in a home folder such a library lies.
///     home: ".local/share/memory-exact",
///     // Optional: why the translator looks for no library, if it does not.
///     // named: "a person says which folder",
///     // Optional: why it is written while its apps run, if it is.
///     // shared: "several programs may write it at once",
///     // Optional: why a file that was cut is a library with less in it, if it is.
///     // shrinks: "nothing says how long a mailbox was",
///     // Whether the app itself would accept the library at this path.
///     sound: |path| std::fs::metadata(path).map(drop).map_err(|error| error.to_string()),
///     // Optional: a digest of everything that the translator does not model.
///     unmodelled: |path| Ok(path.display().to_string()),
///     // Optional: harms something that is not modelled, to show that the digest sees it.
///     spoil: |_path| Ok(()),
///     // Optional: makes the library one of a version that nobody knows.
///     unknown_version: |_path| Ok(()),
///     // Optional: makes the library one of so many items.
///     large: |_path, _count| Ok(()),
///     // Optional: why a crash may leave items new and collections old, or the reverse.
///     separate_files: "items lie in items.xml, playlists in playlists.xml",
///     // Optional: starts the app that alone reaches the library at this path, until it is dropped.
///     live: |_path| Ok(Box::new(())),
/// }
/// # }
/// ```
#[macro_export]
macro_rules! suite {
    (
        translator: $translator:expr,
        fixtures: $fixtures:expr,
        home: $home:expr,
        $(named: $named:expr,)?
        $(shared: $shared:expr,)?
        $(shrinks: $shrinks:expr,)?
        sound: $sound:expr
        $(, unmodelled: $unmodelled:expr)?
        $(, spoil: $spoil:expr)?
        $(, unknown_version: $unknown_version:expr)?
        $(, large: $large:expr)?
        $(, separate_files: $separate_files:expr)?
        $(, live: $live:expr)?
        $(,)?
    ) => {
        fn main() -> ::std::process::ExitCode {
            let folder = ::std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
            let subject = $crate::Subject::new($translator, folder.join($fixtures), $home, $sound)
                $(.with_named($named))?
                $(.with_shared($shared))?
                $(.with_shrinks($shrinks))?
                $(.with_unmodelled($unmodelled))?
                $(.with_spoil($spoil))?
                $(.with_unknown_version($unknown_version))?
                $(.with_large($large))?
                $(.with_separate_files($separate_files))?
                $(.with_live($live))?;
            $crate::suite(&subject, &folder.join("tests/skips.txt"))
        }
    };
}
