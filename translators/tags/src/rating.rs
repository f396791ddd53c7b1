//! Ratings and play counts: whose scale a number is on, and which of several counts.
//!
//! There is no standard. Each program has numbers of its own, told apart by the name that it leaves beside
//! them; `docs.md` lists them with their sources. What fits no known scale is left out and reported.
//!
//! Invariant: a rating is 1 to 100, a count is positive. 0 says nothing, as all programs read it.

use segue_translator::model::Value;

/// Programs that spread their ratings evenly over 1 to 255.
const EVEN: [&str; 3] =
    ["quodlibet@lists.sacredchao.net", "traktor@native-instruments.de", "users@musicbrainz.org"];
/// Programs with half stars, and their numbers for 0.5, 1.5, … 4.5 stars.
const HALVES: [&str; 2] = ["MusicBee", "no@email"];
const HALF_STARS: [(u8, i64); 5] = [(13, 10), (54, 30), (118, 50), (186, 70), (242, 90)];
/// Where two, three, four and five stars begin, as Strawberry and Clementine read all names.
const STARS: [u8; 4] = [0x40, 0x80, 0xC0, 0xFC];

/// A rating and a count by somebody: a `POPM` frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rater {
    /// A program, or the address of a person.
    pub(crate) name: String,
    /// 0 is none.
    pub(crate) byte: u8,
    /// How often it was played for them.
    pub(crate) plays: u64,
}

/// All that a file says of ratings and counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    /// In the order of the file.
    pub(crate) raters: Vec<Rater>,
    /// Counts that belong to nobody: `PCNT`.
    pub(crate) counters: Vec<u64>,
    /// Texts by name, which is in capitals.
    pub(crate) texts: Vec<(String, String)>,
}

impl Said {
    fn texts<'a>(&'a self, is_it: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = &'a str> {
        self.texts.iter().filter(move |(name, _)| is_it(name)).map(|(_, text)| text.trim())
    }

    /// The rating: the most exact way of saying it first, and of several the first.
    pub(crate) fn rating(&self, losses: &mut Vec<String>) -> Option<Value> {
        let exact = self.texts(|name| name == "FMPS_RATING").map(fraction);
        let named = self.texts(|name| name.starts_with("RATING:")).map(fraction);
        let bare = self.texts(|name| matches!(name, "RATING" | "RATE")).map(number);
        let raters = self.raters.iter().map(|rater| Ok(rater.rating()));
        for said in exact.chain(named).chain(raters).chain(bare) {
            match said {
                Ok(None) => {}
                Ok(Some(rating)) => return Some(Value::Int(rating)),
                Err(text) => losses.push(format!("a rating `{text:.60}` on no known scale")),
            }
        }
        None
    }

    /// How often it was played: the largest count, for several programs may have counted the same.
    pub(crate) fn plays(&self) -> Option<Value> {
        let is_count = |name: &str| name == "FMPS_PLAYCOUNT" || name.starts_with("PLAYCOUNT:");
        let texts = self.texts(is_count).filter_map(|text| text.parse::<f64>().ok());
        // As a number with a fraction, which FMPS demands; a cast stays within the type.
        let texts = texts.map(|count| count as u64);
        let counts = self.raters.iter().map(|rater| rater.plays).chain(texts);
        let most = counts.chain(self.counters.iter().copied()).max()?;
        (most > 0).then(|| Value::Int(i64::from(u32::try_from(most).unwrap_or(u32::MAX))))
    }
}

impl Rater {
    fn rating(&self) -> Option<i64> {
        let byte = self.byte;
        if byte == 0 {
            return None;
        }
        if EVEN.contains(&self.name.as_str()) {
            return Some((i64::from(byte) * 100 + 127) / 255).map(|rating| rating.max(1));
        }
        let half = HALF_STARS.iter().find(|(number, _)| *number == byte);
        if let Some((_, rating)) = half.filter(|_| HALVES.contains(&self.name.as_str())) {
            return Some(*rating);
        }
        let stars = 1 + STARS.iter().filter(|begin| byte >= **begin).count() as i64;
        Some(stars * 20)
    }
}

/// From 0 to 1: FMPS, and Vorbis comments that name who rates.
fn fraction(text: &str) -> Result<Option<i64>, &str> {
    match text.parse::<f64>() {
        Ok(part) if (0.0..=1.0).contains(&part) => {
            Ok(Some((part * 100.0).round() as i64).filter(|rating| *rating > 0))
        }
        _ => Err(text),
    }
}

/// A bare number: up to 5 it is stars, from 6 to 100 a percentage, and a fraction is one.
fn number(text: &str) -> Result<Option<i64>, &str> {
    match text.parse::<i64>() {
        Ok(0) => Ok(None),
        Ok(stars @ 1..=5) => Ok(Some(stars * 20)),
        Ok(percent @ 6..=100) => Ok(Some(percent)),
        Ok(_) => Err(text),
        Err(_) => fraction(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rated(name: &str, byte: u8) -> Option<i64> {
        Rater { name: name.to_owned(), byte, plays: 0 }.rating()
    }

    fn said(texts: &[(&str, &str)]) -> Said {
        let texts = texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Said { texts: texts.collect(), ..Said::default() }
    }

    #[test]
    fn stars_of_known_programs_are_their_stars() {
        let stars = [0, 1, 2, 3, 4, 5].map(|stars| (stars > 0).then_some(stars * 20));
        for (name, bytes) in [
            ("Windows Media Player 9 Series", [0, 1, 64, 128, 196, 255]),
            ("rating@winamp.com", [0, 1, 64, 128, 196, 255]),
            ("no@email", [0, 1, 64, 128, 196, 255]),
            ("Banshee", [0, 1, 64, 128, 192, 255]),
            ("traktor@native-instruments.de", [0, 51, 102, 153, 204, 255]),
            ("users@musicbrainz.org", [0, 51, 102, 153, 204, 255]),
            ("quodlibet@lists.sacredchao.net", [0, 51, 102, 153, 204, 255]),
            ("", [0, 1, 0x40, 0x80, 0xC0, 0xFF]),
        ] {
            assert_eq!(bytes.map(|byte| rated(name, byte)), stars, "{name}");
        }
    }

    #[test]
    fn half_stars_are_those_of_programs_that_have_them() {
        let bytes = [13, 54, 118, 186, 242];
        let halves = [10, 30, 50, 70, 90].map(Some);
        assert_eq!(bytes.map(|byte| rated("MusicBee", byte)), halves);
        assert_eq!(bytes.map(|byte| rated("no@email", byte)), halves);
        assert_eq!(bytes.map(|byte| rated("who", byte)), [20, 20, 40, 60, 80].map(Some));
    }

    #[test]
    fn a_larger_byte_is_never_a_lower_rating() {
        for name in ["", "Banshee", "quodlibet@lists.sacredchao.net"] {
            let all: Vec<_> = (0..=u8::MAX).map(|byte| rated(name, byte)).collect();
            assert!(all.is_sorted(), "{name}");
            assert!(all.iter().flatten().all(|rating| (1..=100).contains(rating)));
        }
    }

    #[test]
    fn the_exact_way_of_saying_it_wins_and_what_fits_no_scale_is_a_loss() {
        let mut losses = Vec::new();
        let mut rating = |said: &Said| said.rating(&mut losses).and_then(|value| value.as_int());
        let mut all = said(&[("RATING", "80"), ("FMPS_RATING", "0.65")]);
        all.raters.push(Rater { name: String::new(), byte: 255, plays: 0 });
        assert_eq!(rating(&all), Some(65));
        assert_eq!(rating(&said(&[("RATING:ME@HOME", "0.7")])), Some(70));
        assert_eq!(rating(&said(&[("FMPS_RATING", "0"), ("RATING", "4")])), Some(80));
        assert_eq!(rating(&said(&[("RATE", "100")])), Some(100));
        for strange in ["255", "-1", "five", "0,5", "NaN", "1e99"] {
            assert_eq!(rating(&said(&[("RATING", strange)])), None, "{strange}");
        }
        assert_eq!(rating(&said(&[("FMPS_RATING", "4")])), None);
        assert_eq!(losses.len(), 7);
    }

    #[test]
    fn the_largest_count_is_the_count_and_none_is_none() {
        let plays = |said: &Said| said.plays().and_then(|value| value.as_int());
        assert_eq!(plays(&Said::default()), None);
        let mut all = said(&[("FMPS_PLAYCOUNT", "7.0"), ("PLAYCOUNT:ME@HOME", "3")]);
        assert_eq!(plays(&all), Some(7));
        all.counters.push(u64::MAX);
        assert_eq!(plays(&all), Some(i64::from(u32::MAX)));
        assert_eq!(plays(&said(&[("FMPS_PLAYCOUNT", "-3")])), None);
        assert_eq!(plays(&said(&[("FMPS_PLAYCOUNT", "NaN")])), None);
        let counters = vec![0];
        assert_eq!(plays(&Said { counters, ..Said::default() }), None);
    }
}
