//! One link as the planner sees it.

use segue_model::{Field, LinkId, Location};
use segue_translator::{Access, Capabilities, FieldSupport};

/// Which fields Segue writes into an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Writing {
    /// What people do with content: ratings, counts, dates, playlists.
    #[default]
    Use,
    /// Descriptive tags too, because a person asked for it.
    UseAndTags,
}

/// A link: whose library, what it can hold, what may be written.
#[derive(Debug, Clone, Copy)]
pub struct LinkView<'a> {
    /// The link.
    pub link: LinkId,
    /// What the app can hold.
    pub capabilities: &'static Capabilities,
    /// The folder that locations are relative to.
    pub root: Option<&'a Location>,
    /// Which fields may be written.
    pub writing: Writing,
    /// The base may be of another time, so that what an app counted since may be in the counts of others too.
    pub in_doubt: bool,
}

impl LinkView<'_> {
    /// How the app holds `field`, if Segue may write it there.
    pub fn writable(&self, field: &Field) -> Option<&'static FieldSupport> {
        let support = self.capabilities.field(field)?;
        let wanted = !field.descriptive || self.writing == Writing::UseAndTags;
        (support.access == Access::Write && wanted).then_some(support)
    }

    /// A location relative to the link's root; one outside stays as it is.
    pub fn relative(&self, location: Option<&Location>) -> Option<Location> {
        let location = location?;
        Some(self.root.and_then(|root| location.below(root)).unwrap_or_else(|| location.clone()))
    }
}
