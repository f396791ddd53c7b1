//! What limits do to a library, before it is written: what would be withheld from it, and what ends soon.
//!
//! It judges nothing; the pass says of each item how it stands, and here is which library has it and what it is
//! called there.

use std::collections::BTreeMap;

use segue_model::{Item, ItemId, Listing, NativeId};
use segue_store::{Reader, StoreError};

use crate::command::{LIMITED_MAX, Limited, LimitedItem};
use crate::limits::Outlook;
use crate::pass::{Member, MemberDraft};
use crate::shown::{self, Titles};

/// Everything that is or would be withheld from a library, and everything that ends within a week, each in the order of
/// ends and titles.
pub(crate) fn of(
    store: &Reader,
    member: &Member,
    draft: &MemberDraft,
    limited: &[Outlook],
) -> Result<(Vec<LimitedItem>, Vec<LimitedItem>), StoreError> {
    let titles = Titles::of(store, member, draft)?;
    let (mut withheld, mut ending) = (Vec::new(), Vec::new());
    for outlook in limited {
        for (native, title) in natives(store, member, draft, outlook.item)? {
            let title = title.map_or_else(|| titles.item(&native), Ok)?;
            if outlook.state.is_valid() {
                ending.extend(outlook.until.map(|at| LimitedItem::ending(outlook.item, title, at)));
            } else {
                let (item, words) = (outlook.item.to_string(), outlook.state.to_string());
                withheld.push(LimitedItem { item, title, until: outlook.until, words });
            }
        }
    }
    let order = |one: &LimitedItem| (one.until.unwrap_or(i64::MAX), one.title.clone());
    withheld.sort_by_key(order);
    ending.sort_by_key(order);
    Ok((withheld, ending))
}

/// How a library knows an item, and what it is called if that is known nowhere else.
fn natives(
    store: &Reader,
    member: &Member,
    draft: &MemberDraft,
    item: ItemId,
) -> Result<BTreeMap<NativeId, Option<String>>, StoreError> {
    let mut natives = BTreeMap::new();
    if !member.pairing {
        let rows = store.base_by_item(member.row.id, item, member.capabilities.schema)?;
        let kept = rows.into_iter().filter(|base| base.listing != Listing::Gone);
        natives.extend(kept.map(|base| (base.held.id, None)));
    }
    let shard = segue_document::shard_of(&item.0);
    let work = draft.work.get(&shard).into_iter().flatten().filter(|work| work.item == item);
    natives.extend(work.filter_map(|work| Some((work.sight.now()?.id.clone(), None))));
    if let Some(parked) = &draft.parked {
        let titled = |item: Item| (item.id.clone(), Some(shown::title(&item)));
        natives.extend(parked.named(item)?.into_iter().map(titled));
    }
    Ok(natives)
}

/// How many there are, and the first few.
pub(crate) fn bounded(mut all: Vec<LimitedItem>) -> Limited {
    let count = all.len() as u64;
    all.truncate(LIMITED_MAX);
    Limited { count, first: all }
}
