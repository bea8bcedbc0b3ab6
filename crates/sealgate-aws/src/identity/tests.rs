use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::refresh::{due, pause_after};
use super::{AssumeRole, Forced, IdentityError, IdentitySpec, Source, State, Tried, Wish};
use crate::credentials::Credentials;
use crate::secret::Secret;

fn living(seconds: u64, now: SystemTime) -> Credentials {
    Credentials::new("A", "B").with_expiry(now + Duration::from_secs(seconds))
}

#[test]
fn credentials_are_fetched_again_five_minutes_or_a_fifth_before_their_end() {
    let now = SystemTime::now();
    for (lifetime, latest) in [(3600, 2880), (43_200, 34_560), (900, 600), (700, 400), (300, 240)] {
        for _ in 0..100 {
            let wait = due(&living(lifetime, now), now).unwrap().duration_since(now).unwrap();
            let latest = Duration::from_secs(latest);
            assert!(wait <= latest && wait >= latest.mul_f64(0.9), "{lifetime}: {wait:?}");
        }
    }
    assert_eq!(due(&Credentials::new("A", "B"), now), None);
    // Never a busy loop, whatever a source claims.
    assert!(due(&living(0, now), now).unwrap() >= now + Duration::from_secs(1));
}

#[test]
fn pauses_between_failures_double_up_to_a_minute() {
    let seconds: Vec<_> = (1..=9).map(|failures| pause_after(failures).as_secs()).collect();
    assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert_eq!(pause_after(u32::MAX).as_secs(), 60);
}

#[test]
fn expired_credentials_are_not_served() {
    let now = SystemTime::now();
    let state = State { credentials: Some(Arc::new(living(10, now))), ..State::default() };
    assert!(state.current(now).is_ok());
    assert!(matches!(
        state.current(now + Duration::from_secs(10)),
        Err(IdentityError::Expired { .. })
    ));
    assert_eq!(State::default().current(now), Err(IdentityError::Pending));
}

#[test]
fn who_is_refused_again_is_served_by_generation_and_not_by_time() {
    let now = SystemTime::now();
    let ago = |milliseconds| now - Duration::from_millis(milliseconds);
    let state = |generation, forced: Option<(SystemTime, u64, bool)>| State {
        generation,
        forced: forced.map(|(at, generation, renewed)| Forced { at, generation, renewed }),
        ..State::default()
    };
    let at_once = Wish::Granted(Duration::ZERO);
    assert_eq!(state(2, None).wish(1, now), Wish::Answered, "newer ones are there");
    assert_eq!(state(1, None).wish(1, now), at_once);
    let fruitless = state(1, Some((ago(400), 1, false)));
    assert_eq!(fruitless.wish(1, now), Wish::Answered, "known to bring nothing");
    assert_eq!(fruitless.wish(1, now + Duration::from_secs(1)), at_once);
    // Refused once more within the second: served, and STS is not asked more often than that.
    let renewed = state(2, Some((ago(400), 2, true)));
    assert_eq!(renewed.wish(2, now), Wish::Granted(Duration::from_millis(600)));
    assert_eq!(
        state(3, Some((ago(400), 2, true))).wish(3, now),
        at_once,
        "renewed since, unforced"
    );
}

#[test]
fn equal_descriptions_share_one_identity() {
    let text = |text: &str| {
        IdentitySpec::new(Source::CredentialsText {
            origin: "text".into(),
            text: Secret::new(text),
            profile: "default".into(),
        })
    };
    let mut known = HashSet::new();
    assert!(known.insert(text("a")));
    assert!(!known.insert(text("a")));
    assert!(known.insert(text("b")));
    assert!(known.insert(text("a").with_role(AssumeRole::new("r"))));
}

#[test]
fn descriptions_and_errors_say_where_credentials_come_from_and_no_secret() {
    let spec = IdentitySpec::new(Source::Static(Credentials::new("AKID", "s3cr3t")))
        .with_role(AssumeRole::new("arn:r"));
    assert_eq!(spec.to_string(), "static keys AKID, role arn:r");
    assert!(!format!("{spec:?}").contains("s3cr3t"));
    let error = IdentityError::NotFound {
        tried: vec![
            Tried { source: "environment".into(), reason: "not set".into() },
            Tried { source: "container".into(), reason: "no uri".into() },
        ]
        .into(),
    };
    let text = error.to_string();
    assert!(text.contains("environment (not set), container (no uri)"), "{text}");
}
