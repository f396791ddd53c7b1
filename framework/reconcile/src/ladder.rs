//! What tells items of one kind from each other, as a table for each schema.
//!
//! [`identify`](crate::identify) and [`arrival`](crate::arrival) know only these tables, never a title
//! or an artist. Nothing here decides: a table says what is compared.
//!
//! Invariant: a kind without a table of its own is told apart by its files alone.

use segue_model::{Field, Schema, books, mail, music};

use crate::identify::Rung;

/// How many steps a ladder has at most.
pub(crate) const STEPS_MAX: usize = 4;
/// How many traits it has at most.
pub(crate) const TRAITS_MAX: usize = 4;

/// Lengths of the same recording as two apps state them differ by at most this.
const DURATION_MS: u64 = 2_000;
/// Lengths of the same file, stated in whole seconds by one of them, differ by at most this.
const SECOND_MS: u64 = 1_000;

/// What tells items of one kind apart.
#[derive(Debug)]
pub(crate) struct Ladder {
    /// Evidence of which one piece is enough, the most certain first.
    pub(crate) steps: &'static [Step],
    /// What may speak against a match.
    pub(crate) traits: &'static [Part],
    /// What must be the same for a doubtful pair, and why it is not certain.
    pub(crate) doubt: Option<(&'static [Part], &'static str)>,
    /// How long an item is, where that is known.
    pub(crate) length: Option<&'static Field>,
    /// How a moved file is recognised.
    pub(crate) moves: Moves,
}

/// One piece of evidence.
#[derive(Debug)]
pub(crate) struct Step {
    /// What it is called.
    pub(crate) rung: Rung,
    /// What must be the same.
    pub(crate) by: By,
    /// A match stands if all checks of one of these rows do.
    pub(crate) holds: &'static [&'static [Check]],
}

/// What a step compares.
#[derive(Debug)]
pub(crate) enum By {
    /// The file on this device.
    File,
    /// The path below the root.
    Path,
    /// All of these, of which none may be absent.
    Parts(&'static [Part]),
    /// Any element of this list.
    Elements(&'static Field),
}

/// One part of what is compared, as text.
#[derive(Debug)]
pub(crate) struct Part {
    /// The field.
    pub(crate) field: &'static Field,
    /// What it is where the field is absent.
    default: Option<&'static str>,
    /// Of a list only the elements that begin so.
    only: &'static str,
    /// Whether its case says nothing.
    is_caseless: bool,
}

/// What must be so for a match to stand; traits are named by their place in the table.
#[derive(Debug)]
pub(crate) enum Check {
    /// Both lengths are known and differ by at most this.
    Near(u64),
    /// Both lengths are known and differ by at most this, or one is not known.
    NotFar(u64),
    /// The trait is known of both, and is the same.
    Same(usize),
    /// Not all of these traits are known of both and differ.
    NotOther(&'static [usize]),
}

/// How a moved file is recognised: by all that describes it, or by its name.
#[derive(Debug)]
pub(crate) struct Moves {
    /// Of each of these rows one field is known.
    pub(crate) needed: &'static [&'static [&'static Field]],
    /// All that describes it.
    pub(crate) described: &'static [&'static Field],
    /// What must be known, and the same, beside the file's name.
    pub(crate) beside_name: &'static [&'static Field],
    /// It is another thing if all fields of one of these rows are known of both and differ.
    pub(crate) others: &'static [&'static [&'static Field]],
}

impl Part {
    const fn of(field: &'static Field) -> Self {
        Self { field, default: None, only: "", is_caseless: false }
    }

    const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    const fn only(self, prefix: &'static str) -> Self {
        Self { only: prefix, ..self }
    }

    const fn caseless(self) -> Self {
        Self { is_caseless: true, ..self }
    }

    /// The text of a value in its normal form.
    pub(crate) fn text(&self, value: Option<&segue_model::Value>) -> Option<String> {
        use crate::identify::text_key;
        let text = match value {
            None => return self.default.map(str::to_owned),
            Some(segue_model::Value::List(texts)) if !self.only.is_empty() => {
                let some: Vec<_> =
                    texts.iter().filter(|text| text.starts_with(self.only)).cloned().collect();
                if some.is_empty() {
                    return self.default.map(str::to_owned);
                }
                text_key(Some(&segue_model::Value::List(some.into())))
            }
            Some(value) => text_key(Some(value)),
        };
        Some(if self.is_caseless { text.to_lowercase() } else { text })
    }
}

impl Ladder {
    /// The ladder of a schema.
    pub(crate) fn of(schema: &Schema) -> &'static Self {
        let ladders = [(&music::MUSIC, &MUSIC), (&books::BOOKS, &BOOKS), (&mail::MAIL, &MAIL)];
        ladders.into_iter().find(|(known, _)| *known == schema).map_or(&FILES, |(_, ladder)| ladder)
    }
}

/// Of a kind about which nothing is known.
static FILES: Ladder = Ladder {
    steps: &[Step { rung: Rung::File, by: By::File, holds: &[&[]] }],
    traits: &[],
    doubt: None,
    length: None,
    moves: Moves { needed: &[&[]], described: &[], beside_name: &[], others: &[] },
};

static MUSIC: Ladder = {
    const RECORDING: usize = 0;
    const TITLE: usize = 1;
    const ARTIST: usize = 2;
    const NOT_OTHER_RECORDING: Check = Check::NotOther(&[RECORDING]);
    Ladder {
        steps: &[
            // One file on one device is one thing, unless one app still describes another file that
            // lay there before.
            Step {
                rung: Rung::File,
                by: By::File,
                holds: &[&[Check::Near(DURATION_MS)], &[Check::Same(TITLE)]],
            },
            Step {
                rung: Rung::Recording,
                by: By::Parts(&[
                    Part::of(&music::MB_RECORDING).caseless(),
                    Part::of(&music::MB_RELEASE).caseless(),
                ]),
                holds: &[&[Check::NotFar(DURATION_MS)]],
            },
            Step {
                rung: Rung::Path,
                by: By::Path,
                holds: &[&[
                    Check::Near(SECOND_MS),
                    NOT_OTHER_RECORDING,
                    Check::NotOther(&[TITLE, ARTIST]),
                ]],
            },
            Step {
                rung: Rung::Tags,
                by: By::Parts(&[
                    Part::of(&music::ARTIST),
                    Part::of(&music::ALBUM),
                    Part::of(&music::DISC).or("1"),
                    Part::of(&music::TRACK).or("0"),
                    Part::of(&music::TITLE),
                ]),
                holds: &[&[Check::Near(DURATION_MS), NOT_OTHER_RECORDING]],
            },
        ],
        traits: &[
            Part::of(&music::MB_RECORDING).caseless(),
            Part::of(&music::TITLE),
            Part::of(&music::ARTIST),
        ],
        doubt: Some((
            &[Part::of(&music::ARTIST), Part::of(&music::TITLE)],
            "same artist, title and length, but the rest does not decide",
        )),
        length: Some(&music::DURATION),
        moves: Moves {
            needed: &[&[&music::DURATION], &[&music::TITLE], &[&music::ARTIST, &music::ALBUM]],
            described: &[
                &music::TITLE,
                &music::ARTIST,
                &music::ALBUM,
                &music::ALBUM_ARTIST,
                &music::DISC,
                &music::TRACK,
                &music::DURATION,
            ],
            beside_name: &[&music::DURATION],
            // A title alone, or all but the title, may have been corrected on the way.
            others: &[
                &[&music::MB_RECORDING],
                &[&music::TITLE, &music::ARTIST],
                &[&music::TITLE, &music::ALBUM],
            ],
        },
    }
};

static BOOKS: Ladder = {
    const TITLE: usize = 0;
    const AUTHORS: usize = 1;
    const ISBN: usize = 2;
    const LANGUAGES: usize = 3;
    Ladder {
        steps: &[
            Step {
                rung: Rung::File,
                by: By::File,
                holds: &[&[Check::NotOther(&[TITLE, AUTHORS])]],
            },
            // Volumes may share the number of their set, and converters make one UUID for all.
            Step {
                rung: Rung::Identifier,
                by: By::Elements(&books::IDENTIFIERS),
                holds: &[&[Check::NotOther(&[TITLE]), Check::NotOther(&[LANGUAGES])]],
            },
            // Two editions may lie at one path of two folders: what they say must be the same.
            Step {
                rung: Rung::Path,
                by: By::Path,
                holds: &[&[
                    Check::Same(TITLE),
                    Check::NotOther(&[AUTHORS]),
                    Check::NotOther(&[ISBN]),
                    Check::NotOther(&[LANGUAGES]),
                ]],
            },
            Step {
                rung: Rung::Tags,
                by: By::Parts(&[
                    Part::of(&books::TITLE),
                    Part::of(&books::AUTHORS),
                    Part::of(&books::SERIES).or(""),
                    Part::of(&books::SERIES_INDEX).or(""),
                ]),
                holds: &[&[Check::NotOther(&[ISBN]), Check::NotOther(&[LANGUAGES])]],
            },
        ],
        traits: &[
            Part::of(&books::TITLE),
            Part::of(&books::AUTHORS),
            Part::of(&books::IDENTIFIERS).only("isbn:"),
            Part::of(&books::LANGUAGES).caseless(),
        ],
        doubt: Some((
            &[Part::of(&books::TITLE), Part::of(&books::AUTHORS)],
            "same title and authors, but the rest does not decide",
        )),
        length: None,
        moves: Moves {
            needed: &[&[&books::TITLE], &[&books::AUTHORS, &books::IDENTIFIERS]],
            described: &[
                &books::TITLE,
                &books::AUTHORS,
                &books::IDENTIFIERS,
                &books::LANGUAGES,
                &books::PUBLISHED,
                &books::PUBLISHER,
                &books::SERIES,
                &books::SERIES_INDEX,
            ],
            beside_name: &[&books::TITLE],
            others: &[&[&books::AUTHORS], &[&books::LANGUAGES]],
        },
    }
};

/// A message is what its key says, wherever it lies.
static MAIL: Ladder = Ladder {
    steps: &[Step { rung: Rung::Key, by: By::Parts(&[Part::of(&mail::KEY)]), holds: &[&[]] }],
    traits: &[],
    doubt: None,
    length: None,
    moves: Moves {
        needed: &[&[&mail::KEY]],
        described: &[&mail::KEY],
        beside_name: &[],
        others: &[],
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_have_room_and_name_what_there_is() {
        for (schema, ladder) in
            [(&music::MUSIC, &MUSIC), (&books::BOOKS, &BOOKS), (&mail::MAIL, &MAIL)]
        {
            assert!(std::ptr::eq(Ladder::of(schema), ladder));
            assert!(ladder.steps.len() <= STEPS_MAX && ladder.traits.len() <= TRAITS_MAX);
            for check in ladder.steps.iter().flat_map(|step| step.holds).copied().flatten() {
                let named: &[usize] = match check {
                    Check::Same(one) => std::slice::from_ref(one),
                    Check::NotOther(several) => several,
                    Check::Near(_) | Check::NotFar(_) => &[],
                };
                assert!(named.iter().all(|one| *one < ladder.traits.len()), "{check:?}");
            }
            let fields = ladder.traits.iter().map(|part| part.field).chain(ladder.length);
            let moves = &ladder.moves;
            let rows = moves.needed.iter().chain(moves.others).copied().flatten();
            let known = rows.chain(moves.described).chain(moves.beside_name).copied().chain(fields);
            known.for_each(|field| assert!(schema.field(field.name).is_some(), "{field:?}"));
        }
    }
}
