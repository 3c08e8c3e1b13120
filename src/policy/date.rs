//! Dates as conditions have them: seconds since 1970, or ISO 8601, of which AWS takes less than the whole:
//! `2026`, `2026-01`, `2026-01-31T2:00`.

const SECOND: i128 = 1_000_000_000;
const DAY: i128 = 86_400 * SECOND;

/// Returns the moment in nanoseconds since 1970, UTC where no zone is said. Four digits are a year.
pub(super) fn parse(text: &str) -> Option<i128> {
    let is_year = text.len() == 4 && is_digits(text);
    if !is_year && let Ok(seconds) = text.parse::<i64>() {
        return Some(i128::from(seconds) * SECOND);
    }
    let (day, time) = match text.find(['T', 't']) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    };
    let of_day = if time.is_empty() { 0 } else { time_of_day(time)? };
    Some(i128::from(days(day)?) * DAY + of_day)
}

/// Reads a day: days since 1970.
fn days(text: &str) -> Option<i64> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |text| (-1, text));
    let year = |part: &str| (part.len() <= 9 && is_digits(part)).then(|| part.parse::<i64>().ok()).flatten();
    let parts: Vec<&str> = text.split('-').collect();
    let (year, month, day) = match parts[..] {
        [y] => (year(y)?, 1, 1),
        [y, month] => (year(y)?, within(month, 1, 12)?, 1),
        [y, month, day] => (year(y)?, within(month, 1, 12)?, within(day, 1, 31)?),
        _ => return None,
    };
    Some(since_1970(sign * year, month, day))
}

/// Counts days in the Gregorian calendar. Years are taken from March, so that the day that leap years have more
/// is the last of its year.
fn since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Reads what follows the `T`: nanoseconds since midnight UTC.
fn time_of_day(text: &str) -> Option<i128> {
    let (clock, zone) = text.split_at(text.find(['Z', 'z', '+', '-']).unwrap_or(text.len()));
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let parts: Vec<&str> = clock.split(':').collect();
    let (hour, minute, second) = match parts[..] {
        [hour] => (within(hour, 0, 24)?, 0, 0),
        [hour, minute] => (within(hour, 0, 24)?, within(minute, 0, 59)?, 0),
        [hour, minute, second] => (within(hour, 0, 24)?, within(minute, 0, 59)?, within(second, 0, 60)?),
        _ => return None,
    };
    if fraction.len() > 9 || !is_digits(fraction) {
        return None;
    }
    let fraction: i128 = format!("{fraction:0<9}").parse().ok()?;
    Some(i128::from(hour * 3600 + minute * 60 + second - ahead(zone)?) * SECOND + fraction)
}

/// Reads nothing, `Z`, `+02`, `+0200` or `+02:00`: the seconds that the zone is ahead of UTC.
fn ahead(zone: &str) -> Option<i64> {
    let Some(offset) = zone.strip_prefix(['+', '-']) else { return matches!(zone, "" | "Z" | "z").then_some(0) };
    let (hours, minutes) = match offset.split_once(':') {
        Some(parts) => parts,
        None if offset.len() == 2 => (offset, "00"),
        None => offset.split_at_checked(2)?,
    };
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let seconds = within(hours, 0, 23)? * 3600 + within(minutes, 0, 59)? * 60;
    Some(if zone.starts_with('-') { -seconds } else { seconds })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn within(text: &str, least: i64, most: i64) -> Option<i64> {
    let number = if text.len() <= 2 && is_digits(text) { text.parse().ok()? } else { return None };
    (least..=most).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_iso_8601_or_seconds() {
        for (date, seconds) in [
            ("2026-01-31T00:00:00Z", 1_769_817_600),
            ("2026-01-31", 1_769_817_600),
            ("2026-01", 1_767_225_600),
            ("2026", 1_767_225_600),
            ("1767225600", 1_767_225_600),
            ("-1", -1),
            ("0", 0),
            ("1970-01-01T00:00:01", 1),
            ("1969-12-31t23:59:59z", -1),
            ("2024-02-29T12:00:00Z", 1_709_208_000),
            ("2000-03-01", 951_868_800),
            ("2026-1-1t2:00+0130", 1_767_225_600 + 1_800),
            ("2026-01-01T00:00:00-05:00", 1_767_225_600 + 18_000),
            ("2026-01-01T24:00", 1_767_225_600 + 86_400),
        ] {
            assert_eq!(parse(date), Some(seconds * SECOND), "{date}");
        }
        assert_eq!(parse("1970-01-01T00:00:00.5+00"), Some(SECOND / 2));
        for wrong in [
            "",
            "soon",
            "2026-00",
            "2026-01-32",
            "2026-01-31T25:00",
            "2026-01-31T00:00+2",
            "T00:00",
            "2026-01-31T00:00:00.",
            "2026-01-31T00:00+1:",
            "2026-01-31T00:00+02:",
            "1-1-1-1",
            "2026-01-01T00:00+é1",
            "1767225600.5",
            "20260131T000000Z",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_odd_to_judge(text in "[0-9tTzZ:.é+-]{0,14}") {
            proptest::prop_assert!(parse(&text).is_none() || text.contains(|c: char| c.is_ascii_digit()));
        }

        #[test]
        fn days_agree_with_a_calendar(day in -719_162_i64..2_932_896) {
            let date = jiff::civil::date(1970, 1, 1) + jiff::Span::new().days(day);
            proptest::prop_assert_eq!(days(&date.to_string()), Some(day));
        }
    }
}
