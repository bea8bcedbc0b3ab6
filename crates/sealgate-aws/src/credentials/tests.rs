use std::time::{Duration, SystemTime};

use super::Credentials;

#[test]
fn printing_credentials_shows_the_key_id_and_nothing_secret() {
    let shown =
        format!("{:?}", Credentials::new("AKIDEXAMPLE", "s3cr3t").with_session_token("t0k3n"));
    assert!(shown.contains("AKIDEXAMPLE"));
    assert!(!shown.contains("s3cr3t") && !shown.contains("t0k3n"));
}

#[test]
fn credentials_expire_at_their_expiry_and_not_before() {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
    let credentials = Credentials::new("A", "B").with_expiry(at);
    assert!(!credentials.is_expired(at - Duration::from_secs(1)));
    assert!(credentials.is_expired(at));
    assert_eq!(credentials.remaining(at + Duration::from_secs(9)), Some(Duration::ZERO));
    assert!(!Credentials::new("A", "B").is_expired(at));
}
