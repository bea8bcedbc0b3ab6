//! The words for how a backend's lists are kept in, the setting out.

use super::duration;
use crate::resolved::ListCacheSetting;

/// `auto`, `off`, a duration, or a duration and `public`; otherwise what is wrong.
pub(crate) fn cache(text: &str) -> Result<ListCacheSetting, String> {
    let (time, is_shared) = match text.split_once(' ') {
        Some((time, "public")) => (time, true),
        Some((time, "private")) => (time, false),
        Some(_) => ("", false),
        None => (text, false),
    };
    match (text, duration(time).filter(|ttl| !ttl.is_zero())) {
        ("auto", _) => Ok(ListCacheSetting::Hinted),
        ("off", _) => Ok(ListCacheSetting::Off),
        (_, Some(ttl)) => Ok(ListCacheSetting::For { ttl, is_shared }),
        (_, None) => Err(format!(
            "Invalid value: {text:?}: must be auto, off, or a duration such as 60s, which may be \
             followed by public"
        )),
    }
}

/// What is wrong with a text that should be a duration.
pub(crate) fn no_duration(text: &str) -> String {
    format!("Invalid value: {text:?}: must be a duration such as 30s")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lists_are_kept_as_the_words_say() {
        let kept = |ttl, is_shared| Ok(ListCacheSetting::For { ttl, is_shared });
        assert_eq!(cache("auto"), Ok(ListCacheSetting::Hinted));
        assert_eq!(cache("off"), Ok(ListCacheSetting::Off));
        assert_eq!(cache("90s"), kept(Duration::from_secs(90), false));
        assert_eq!(cache("1m private"), kept(Duration::from_secs(60), false));
        assert_eq!(cache("1m public"), kept(Duration::from_secs(60), true));
        for text in ["", "0s", "60", "60s shared", "public", "off public", "60s  public"] {
            assert!(cache(text).is_err(), "{text}");
        }
    }
}
