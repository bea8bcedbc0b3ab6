use proptest::prelude::*;

use super::*;

fn ring(seeds: &[u8]) -> Keyring {
    Keyring::from_seeds(seeds.iter().map(|seed| [*seed; 32]).collect()).unwrap()
}

#[test]
fn a_token_opens_only_for_its_purpose_and_binding() {
    let ring = ring(&[1]);
    let token = ring.seal(Purpose::Cursor, b"route", b"plain").unwrap();
    assert_eq!(ring.open(Purpose::Cursor, b"route", &token).unwrap(), b"plain");
    assert_eq!(ring.open(Purpose::Session, b"route", &token), Err(TokenError::Invalid));
    assert_eq!(ring.open(Purpose::Cursor, b"other", &token), Err(TokenError::Invalid));
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
}

#[test]
fn an_old_seed_still_opens_and_a_removed_one_does_not() {
    let token = ring(&[1]).seal(Purpose::Session, b"", b"x").unwrap();
    assert_eq!(ring(&[2, 1]).open(Purpose::Session, b"", &token).unwrap(), b"x");
    assert_eq!(ring(&[2]).open(Purpose::Session, b"", &token), Err(TokenError::UnknownKey));
    let newer = ring(&[2, 1]).seal(Purpose::Session, b"", b"x").unwrap();
    assert!(ring(&[2]).open(Purpose::Session, b"", &newer).is_ok());
}

#[test]
fn any_changed_character_spoils_a_token() {
    let ring = ring(&[3]);
    let token = ring.seal(Purpose::Session, b"", b"some plain text").unwrap();
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(ring.open(Purpose::Session, b"", &changed).is_err(), "character {at}");
    }
}

#[test]
fn tokens_are_never_the_same_twice() {
    let ring = ring(&[1]);
    let seal = || ring.seal(Purpose::Session, b"", b"same").unwrap();
    assert_ne!(seal(), seal());
}

#[test]
fn a_seed_file_takes_hex_and_base64_and_comments() {
    let hex = "01".repeat(32);
    let base64 = URL_SAFE_NO_PAD.encode([2; 32]);
    let padded = base64::engine::general_purpose::STANDARD.encode([251; 32]);
    let ring_from_file =
        Keyring::parse_file(&format!("# seeds\n\n{hex}\n  {base64}  \r\n{padded}\n")).unwrap();
    for seed in [1, 2, 251] {
        let token = ring(&[seed]).seal(Purpose::Cursor, b"", b"x").unwrap();
        assert!(ring_from_file.open(Purpose::Cursor, b"", &token).is_ok());
    }
}

#[test]
fn a_bad_seed_is_named_by_line_and_never_shown() {
    let fault = Keyring::parse_file("# a\nhunter2\n").unwrap_err();
    assert_eq!(fault, SeedFileFault::NoSeed { line: 2 });
    assert!(!fault.to_string().contains("hunter2"));
    let empty = Keyring::parse_file("# nothing\n").unwrap_err();
    assert_eq!(empty, SeedFileFault::NoKeyring(KeyringFault::NoSeed));
    assert!(Keyring::parse_file(&"é".repeat(32)).is_err());
}

#[test]
fn printing_a_keyring_shows_no_key() {
    let shown = format!("{:?}", ring(&[7]));
    assert!(shown.len() < 40, "{shown}");
}

proptest! {
    #[test]
    fn whatever_is_sealed_opens_again(
        bind in prop::collection::vec(any::<u8>(), 0..50),
        plain in prop::collection::vec(any::<u8>(), 0..500),
    ) {
        let ring = ring(&[9]);
        let token = ring.seal(Purpose::RequestState, &bind, &plain).unwrap();
        prop_assert_eq!(ring.open(Purpose::RequestState, &bind, &token).unwrap(), plain);
    }

    #[test]
    fn no_text_makes_opening_panic(text in any::<String>(), token in "[A-Za-z0-9_-]{0,80}") {
        let ring = ring(&[9]);
        prop_assert!(ring.open(Purpose::Session, b"", &text).is_err());
        let token = format!("AQ{token}");
        prop_assert!(ring.open(Purpose::Session, b"", &token).is_err());
    }
}
