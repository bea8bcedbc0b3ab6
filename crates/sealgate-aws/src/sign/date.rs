//! Enters a point in time, leaves the two dates of a signature: `20150830T123600Z` and `20150830`.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400;
/// 9999-12-31, the last day that four digits can name.
const LAST_DAY: u64 = 2_932_896;

/// A UTC second in AWS's basic format.
pub(super) struct Timestamp {
    text: [u8; 16],
    day: u32,
}

impl Timestamp {
    /// `None` before 1970 and after 9999.
    pub(super) fn new(time: SystemTime) -> Option<Self> {
        let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
        let day = seconds / DAY;
        if day > LAST_DAY {
            return None;
        }
        let second = seconds % DAY;
        let (year, month, date) = civil(day);
        let mut text = *b"00000000T000000Z";
        decimal(&mut text[0..4], year);
        decimal(&mut text[4..6], month);
        decimal(&mut text[6..8], date);
        decimal(&mut text[9..11], second / 3600);
        decimal(&mut text[11..13], second / 60 % 60);
        decimal(&mut text[13..15], second % 60);
        Some(Self { text, day: u32::try_from(day).ok()? })
    }

    /// `20150830T123600Z`.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// `20150830`.
    pub(super) fn date(&self) -> &[u8] {
        &self.text[..8]
    }

    /// Days since 1970.
    pub(super) fn day(&self) -> u32 {
        self.day
    }
}

/// Year, month and day of month of a day since 1970, by counting in 400-year eras that begin in
/// March, where the leap day comes last.
fn civil(day: u64) -> (u64, u64, u64) {
    let shifted = day + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let date = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, date)
}

fn decimal(out: &mut [u8], mut value: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}
