//! Errors of translators: the kind tells the engine what to do, the words tell a person where.

use std::path::PathBuf;

/// What went wrong, as far as the engine must tell cases apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The app is running or holds a lock: wait, and try again next pass.
    Busy,
    /// The app does not run, and its library is reached only while it does: wait, as for `Busy`.
    NotRunning,
    /// The library changed since it was read: read again.
    Stale,
    /// There is no library here (any more): take nothing for deleted.
    Absent,
    /// A schema or version that this translator does not know: read-only.
    Unsupported,
    /// The operating system does not allow it.
    Denied,
    /// The disk is full.
    Full,
    /// The file is damaged or no library of this app; nothing of it is used.
    Corrupt,
    /// The library is larger, has more or lies deeper than is accepted.
    TooLarge,
    /// No answer came within the time that there is for one: of what was asked, all or nothing may
    /// have been done.
    TimedOut,
    /// The translator itself is at fault: it breaks its protocol, floods, or what it made is not
    /// what it declares or was asked for.
    Translator,
    /// Any other failure of the file system.
    Io,
}

impl ErrorKind {
    /// What a person can do about it.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Busy => "quit the app, then run `segue sync` again",
            Self::NotRunning => "start the app, then run `segue sync` again",
            Self::Stale => "the library changed meanwhile; run the command again",
            Self::Absent => "mount the disk or start the app once, then run the command again",
            Self::Unsupported => {
                "the library can be read but not written; a newer Segue may know it"
            }
            Self::Denied => "check who owns the file and its permissions",
            Self::Full => "free some disk space, then run the command again",
            Self::Corrupt => "open the library in the app to check it, or restore it from a backup",
            Self::TooLarge => "the library is larger than Segue accepts; nothing was changed",
            Self::TimedOut => {
                "run the command again; if it takes too long again, restart the app or repair \
                 its translator"
            }
            Self::Translator => {
                "the translator is at fault and nothing was changed; `segue conformance` tries it"
            }
            Self::Io => "check the disk, then run the command again",
        }
    }
}

/// A failure in one library.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {}: {detail}", path.display())]
pub struct Error {
    /// What the engine must know.
    pub kind: ErrorKind,
    /// What was being done: `read`, `write`, `back up`, `restore`.
    pub operation: &'static str,
    /// The file or folder concerned.
    pub path: PathBuf,
    /// What happened, in words, source included.
    pub detail: String,
}

impl Error {
    /// A failure of this kind.
    pub fn new(
        kind: ErrorKind,
        operation: &'static str,
        path: impl Into<PathBuf>,
        detail: impl Into<String>,
    ) -> Self {
        Self { kind, operation, path: path.into(), detail: detail.into() }
    }

    /// A failure of the file system; its kind follows from the error.
    pub fn io(operation: &'static str, path: impl Into<PathBuf>, error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match error.kind() {
            Io::NotFound | Io::NotADirectory => ErrorKind::Absent,
            Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::Denied,
            Io::StorageFull | Io::QuotaExceeded => ErrorKind::Full,
            Io::InvalidData | Io::UnexpectedEof => ErrorKind::Corrupt,
            _ => ErrorKind::Io,
        };
        Self::new(kind, operation, path, error.to_string())
    }
}
