//! What players keep: the files of their libraries, and what stands in songs.

/// Rhythmbox's songs.
pub(crate) mod rhythmdb {
    use segue_rhythmbox::Rhythmbox;

    use crate::library::{fixture, take};
    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = None;

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        take(&Rhythmbox, &[("rhythmdb.xml", bytes)])
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        vec![fixture("translators/rhythmbox/fixtures/3.4.6/rhythmdb.xml")]
    }
}

/// Rhythmbox's playlists, beside sound songs.
pub(crate) mod playlists {
    use segue_rhythmbox::Rhythmbox;

    use crate::library::{fixture, take};
    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = None;

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        let songs = super::rhythmdb::seeds().remove(0);
        take(&Rhythmbox, &[("rhythmdb.xml", &songs), ("playlists.xml", bytes)])
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        vec![fixture("translators/rhythmbox/fixtures/3.4.6/playlists.xml")]
    }
}

/// Strawberry's database.
pub(crate) mod strawberry {
    use segue_strawberry::Strawberry;

    use crate::library::{fixture, take};
    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = None;

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        take(&Strawberry, &[("strawberry.db", bytes)])
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        vec![fixture("translators/strawberry/fixtures/1.0.14/strawberry.db")]
    }
}

/// A song; the first byte says of which format it claims to be.
pub(crate) mod tags {
    use segue_tags::Tags;

    use crate::library::{fixture, take};
    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = None;

    const FORMATS: [(&str, &str); 6] = [
        ("one.mp3", "translators/tags/tests/sounds/one.mp3"),
        ("two.flac", "translators/tags/tests/sounds/two.flac"),
        ("three.ogg", "translators/tags/tests/sounds/three.ogg"),
        ("four.opus", "translators/tags/tests/sounds/four.opus"),
        ("five.m4a", "translators/tags/tests/sounds/five.m4a"),
        ("six.wav", "translators/tags/fixtures/1/silence.wav"),
    ];

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        let Some((format, bytes)) = bytes.split_first() else { return Outcome::Refused };
        let (name, _) = FORMATS[usize::from(*format) % FORMATS.len()];
        take(&Tags, &[(name, bytes)])
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        let marked =
            |(number, (_, path)): (u8, &(&str, &str))| [&[number], &fixture(path)[..]].concat();
        (0..).zip(&FORMATS).map(marked).collect()
    }
}
