//! The scales on which apps hold ratings.
//!
//! Invariant: `from_native(to_native(r))` is idempotent, so a coarse rating does not erode.

use segue_translator::model::Value;

/// How an app holds a rating of 0–100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// 0–100.
    Exact,
    /// 1–5 stars; 0 is unrated, and no rating but 0 becomes it.
    Stars,
    /// 0–10 half stars.
    HalfStars,
    /// 0, 20, 40, 60, 80, 100.
    Twenties,
    /// 0–255.
    Bytes,
}

impl Scale {
    /// The app's number for a rating, `None` where the app would be unrated.
    pub fn to_native(self, rating: i64) -> Option<i64> {
        let rating = rating.clamp(0, 100);
        match self {
            Self::Exact => Some(rating),
            Self::Stars if rating == 0 => None,
            Self::Stars => Some(((rating + 10) / 20).max(1)),
            Self::HalfStars => Some((rating + 5) / 10),
            Self::Twenties => Some((rating + 10) / 20 * 20),
            Self::Bytes => Some((rating * 255 + 50) / 100),
        }
    }

    /// The rating for the app's number, `None` where that means unrated or nothing at all.
    pub fn from_native(self, native: i64) -> Option<i64> {
        let (range, rating) = match self {
            Self::Exact => (0..=100, native),
            Self::Stars => (1..=5, native.saturating_mul(20)),
            Self::HalfStars => (0..=10, native.saturating_mul(10)),
            Self::Twenties => (0..=100, native.saturating_add(10) / 20 * 20),
            Self::Bytes => (0..=255, native.saturating_mul(100).saturating_add(127) / 255),
        };
        range.contains(&native).then_some(rating)
    }

    /// The rating as an app of this scale would hold it.
    pub fn hold(self, rating: &Value) -> Option<Value> {
        let native = self.to_native(rating.as_int()?)?;
        self.from_native(native).map(Value::Int)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Scale; 5] =
        [Scale::Exact, Scale::Stars, Scale::HalfStars, Scale::Twenties, Scale::Bytes];

    #[test]
    fn f23_no_scale_erodes_a_rating() {
        for scale in ALL {
            for native in -1..=256 {
                let Some(rating) = scale.from_native(native) else { continue };
                assert!((0..=100).contains(&rating), "{scale:?} {native}");
                let held = scale.hold(&Value::Int(rating));
                assert_eq!(held, Some(Value::Int(rating)), "{scale:?} {native}");
            }
        }
        assert!((0..=100).all(|r| Scale::Bytes.hold(&Value::Int(r)) == Some(Value::Int(r))));
    }

    #[test]
    fn zero_stars_are_unrated_and_the_lowest_rating_keeps_a_star() {
        assert_eq!(Scale::Stars.hold(&Value::Int(0)), None);
        assert_eq!(Scale::Stars.hold(&Value::Int(1)), Some(Value::Int(20)));
        assert_eq!(Scale::Stars.from_native(0), None);
    }
}
