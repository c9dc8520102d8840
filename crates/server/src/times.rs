//! Times as clients read them.

use jiff::Timestamp;

/// A time in milliseconds since 1970-01-01 UTC as `2026-11-22T13:28:02.541000+00:00`.
pub(crate) fn iso(ms: i64) -> String {
    let time = Timestamp::from_millisecond(ms).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_microseconds_and_an_offset() {
        assert_eq!(iso(1_795_354_082_541), "2026-11-22T13:28:02.541000+00:00");
        assert_eq!(iso(0), "1970-01-01T00:00:00.000000+00:00");
    }
}
