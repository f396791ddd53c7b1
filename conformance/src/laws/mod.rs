//! The laws, by what they are about.

mod backup;
mod collections;
mod crash;
mod discover;
mod guard;
mod hostile;
mod listing;
mod place;
mod places;
mod race;
mod read;
mod refuse;
mod size;
mod unseen;
mod values;
mod write;
mod zone;

pub(crate) use size::Count;

use crate::trial::Law;

/// Every law, in the order in which a person wants to see them fail.
pub(crate) fn all() -> impl Iterator<Item = Law> {
    [
        discover::LAWS,
        read::LAWS,
        write::LAWS,
        values::LAWS,
        zone::LAWS,
        collections::LAWS,
        listing::LAWS,
        guard::LAWS,
        race::LAWS,
        refuse::LAWS,
        places::LAWS,
        place::LAWS,
        backup::LAWS,
        hostile::LAWS,
        unseen::LAWS,
        size::LAWS,
        crash::LAWS,
    ]
    .into_iter()
    .flatten()
    .copied()
}
