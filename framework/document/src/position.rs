//! Fractional indices: texts between any two of which there is always another.
//!
//! Digits are `0-9A-Za-z` in ASCII order; a position never ends in the smallest digit, so there is
//! always room before it.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A position after `low` and before `high`; `None` is an end of the list.
///
/// If the two are equal or out of order, as concurrent insertions can leave them, the result is
/// after `low`.
///
/// ```
/// let middle = segue_document::between(Some("V"), Some("W"));
/// assert!("V" < middle.as_str() && middle.as_str() < "W");
/// ```
pub fn between(low: Option<&str>, high: Option<&str>) -> String {
    let low = digits(low.unwrap_or(""));
    let mut high = high.map(digits).filter(|high| *high > low);
    let mut out = Vec::new();
    for index in 0.. {
        let at = |digits: &Vec<usize>| digits.get(index).copied().unwrap_or(0);
        let lower = at(&low);
        let upper = high.as_ref().map_or(DIGITS.len(), at);
        if upper > lower + 1 {
            out.push(DIGITS[usize::midpoint(lower, upper)]);
            break;
        }
        out.push(DIGITS[lower]);
        if upper != lower {
            // Below `high` from here on, whatever follows.
            high = None;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// `count` positions in order, evenly spread, of equal length.
pub fn spread(count: usize) -> Vec<String> {
    let base = DIGITS.len();
    let mut width = 1;
    let mut room = base;
    while room < count * 4 {
        width += 1;
        room *= base;
    }
    let step = room / (count + 1);
    (1..=count).map(|index| number(index * step, width)).collect()
}

fn number(mut value: usize, width: usize) -> String {
    let mut text = vec![0; width];
    for slot in text.iter_mut().rev() {
        *slot = DIGITS[value % DIGITS.len()];
        value /= DIGITS.len();
    }
    // A closing middle digit keeps the rule that no position ends in the smallest digit.
    text.push(DIGITS[DIGITS.len() / 2]);
    String::from_utf8_lossy(&text).into_owned()
}

/// The values of the digits, without the smallest ones at the end: before those is no room, and who
/// looks for it looks for ever. What is no digit counts as the nearest, so that hostile input cannot
/// panic.
fn digits(text: &str) -> Vec<usize> {
    let value = |byte: u8| DIGITS.partition_point(|digit| *digit < byte).min(DIGITS.len() - 1);
    let mut digits: Vec<usize> = text.bytes().map(value).collect();
    digits.truncate(digits.iter().rposition(|digit| *digit > 0).map_or(0, |last| last + 1));
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spread_is_sorted_and_has_room_everywhere() {
        for count in [0, 1, 2, 61, 1_000] {
            let all = spread(count);
            assert_eq!(all.len(), count);
            assert!(all.is_sorted_by(|a, b| a < b));
            let first = between(None, all.first().map(String::as_str));
            assert!(all.first().is_none_or(|next| first < *next));
        }
    }

    proptest! {
        #[test]
        fn there_is_always_one_between(places in prop::collection::vec(any::<prop::sample::Index>(), 1..200)) {
            let mut list: Vec<String> = Vec::new();
            for place in places {
                let at = place.index(list.len() + 1);
                let low = at.checked_sub(1).map(|index| list[index].clone());
                let new = between(low.as_deref(), list.get(at).map(String::as_str));
                list.insert(at, new);
                prop_assert!(list.is_sorted_by(|a, b| a < b), "{list:?}");
            }
        }

        #[test]
        fn hostile_texts_end_soon(low in "[01z~ ]{0,6}", high in "[01z~ ]{0,6}") {
            prop_assert!(between(Some(&low), Some(&high)).len() <= 8);
        }

        #[test]
        fn hostile_texts_do_not_panic(low in ".*", high in ".*") {
            between(Some(&low), Some(&high));
        }
    }
}
