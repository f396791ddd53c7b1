//! The laws, by what they are about.

mod backup;
mod collections;
mod crash;
mod discover;
mod guard;
mod hostile;
mod read;
mod values;
mod write;

use crate::trial::Law;

/// Every law, in the order in which a person wants to see them fail.
pub(crate) fn all() -> impl Iterator<Item = Law> {
    [
        discover::LAWS,
        read::LAWS,
        write::LAWS,
        values::LAWS,
        collections::LAWS,
        guard::LAWS,
        backup::LAWS,
        hostile::LAWS,
        crash::LAWS,
    ]
    .into_iter()
    .flatten()
    .copied()
}
