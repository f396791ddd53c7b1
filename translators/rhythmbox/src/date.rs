//! Rhythmbox's `date`: days since the first day of year 1 (a GDate's Julian day), 0 for none.
//!
//! Only years are read from it; months and days are left in the file as they are.

/// The year that this day lies in; day 1 is 1 January of year 1.
pub(crate) fn year(day: i64) -> i64 {
    let mut year = (day - 1) * 400 / 146_097 + 1;
    while first_day(year) > day {
        year -= 1;
    }
    while first_day(year + 1) <= day {
        year += 1;
    }
    year
}

/// The day of 1 January.
pub(crate) fn first_day(year: i64) -> i64 {
    let past = year - 1;
    past * 365 + past / 4 - past / 100 + past / 400 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_the_app_wrote() {
        assert_eq!(first_day(1998), 729_390);
        assert_eq!(year(729_390), 1998);
        assert_eq!(year(729_389), 1997);
        assert_eq!(year(734_138), 2011);
    }

    #[test]
    fn every_year_holds_its_first_and_last_day() {
        for number in 1..=9999 {
            assert_eq!(year(first_day(number)), number);
            assert_eq!(year(first_day(number + 1) - 1), number);
        }
    }
}
