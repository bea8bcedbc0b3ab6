//! Enters: the text of `Mcp-Session-Id`. Leaves: the token that it opens to. A client sends the
//! same text with each request, so a worker opens it once and knows it again.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use sealgate_mcp::keyring::Keyring;
use sealgate_mcp::session::{SessionFault, SessionToken};

/// The tokens that one worker opened lately. Whether one still holds is asked each time anew.
#[derive(Default)]
pub(crate) struct KnownTokens {
    state: RandomState,
    /// Only this worker's thread takes the lock, so it is never waited for.
    places: Mutex<Places>,
}

/// What was opened under one keyring.
#[derive(Default)]
struct Places {
    keyring: u64,
    list: Vec<Option<Known>>,
}

/// An opened token.
#[derive(Clone)]
pub(super) struct Opened {
    pub(super) token: Arc<SessionToken>,
    pub(super) fingerprint: u64,
}

struct Known {
    mark: u64,
    text: Box<str>,
    opened: Opened,
}

/// How many are known; each has one place, and the later one stays.
const PLACES: usize = 256;
/// The longest that is known, in bytes, so that all of them take less than a megabyte.
const LONGEST: usize = 1024;
/// What tells texts apart: the end, where the random tag of a token stands.
const END: usize = 32;

impl KnownTokens {
    /// Opens `text`, or knows it.
    ///
    /// # Errors
    /// Those of [`SessionToken::open`].
    pub(super) fn open(&self, keyring: &Keyring, text: &str) -> Result<Opened, SessionFault> {
        let mark = match text.as_bytes().last_chunk::<END>() {
            Some(end) if text.len() <= LONGEST => self.state.hash_one(end),
            _ => return open(keyring, text),
        };
        #[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
        let place = mark as usize % PLACES;
        // The keyed mark first: how long a comparison of texts takes tells nothing of another's.
        if let Some(Some(known)) = self.places(keyring).list.get(place)
            && known.mark == mark
            && *known.text == *text
        {
            return Ok(known.opened.clone());
        }
        let opened = open(keyring, text)?;
        let known = Known { mark, text: text.into(), opened: opened.clone() };
        let list = &mut self.places(keyring).list;
        if list.is_empty() {
            list.resize_with(PLACES, || None);
        }
        list[place] = Some(known);
        Ok(opened)
    }

    /// The places, emptied when the keys are others: what opened under a key that is gone must not
    /// be known on.
    fn places(&self, keyring: &Keyring) -> std::sync::MutexGuard<'_, Places> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.keyring != keyring.serial() {
            *places = Places { keyring: keyring.serial(), list: Vec::new() };
        }
        places
    }
}

fn open(keyring: &Keyring, text: &str) -> Result<Opened, SessionFault> {
    let token = Arc::new(SessionToken::open(keyring, text)?);
    Ok(Opened { token, fingerprint: fingerprint(text) })
}

/// FNV-1a: tokens are random, so that spreading is all that is asked of it.
fn fingerprint(token: &str) -> u64 {
    token.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use sealgate_mcp::session::ClientFacts;
    use sealgate_mcp::version::Version;

    use super::*;

    fn token(keyring: &Keyring, route: u64, name: &str) -> String {
        let token = SessionToken {
            route,
            principal: [0; 16],
            expires_at: 1,
            version: Version::V2025_06_18,
            log_level: None,
            client: ClientFacts::new("{}", name, "1").unwrap(),
            backends: Vec::new(),
        };
        token.seal(keyring).unwrap()
    }

    #[test]
    fn a_token_is_opened_once_and_known_again() {
        let (keyring, known) = (Keyring::generate().unwrap(), KnownTokens::default());
        let text = token(&keyring, 1, "a");
        let first = known.open(&keyring, &text).unwrap();
        let again = known.open(&keyring, &text).unwrap();
        assert!(Arc::ptr_eq(&first.token, &again.token));
        assert_eq!(first.fingerprint, again.fingerprint);
    }

    #[test]
    fn each_text_opens_to_its_own_token_however_many_there_are() {
        let (keyring, known) = (Keyring::generate().unwrap(), KnownTokens::default());
        let texts: Vec<_> =
            (0..3 * PLACES as u64).map(|route| (route, token(&keyring, route, "a"))).collect();
        for _ in 0..2 {
            for (route, text) in &texts {
                assert_eq!(known.open(&keyring, text).unwrap().token.route, *route);
            }
        }
        assert_eq!(known.places(&keyring).list.len(), PLACES);
    }

    #[test]
    fn what_ends_like_a_known_token_is_not_it() {
        let (keyring, known) = (Keyring::generate().unwrap(), KnownTokens::default());
        let text = token(&keyring, 1, "a");
        known.open(&keyring, &text).unwrap();
        let end = &text[text.len() - END..];
        let other = if text.as_bytes()[END] == b'A' { "B" } else { "A" };
        let forged = format!("{}{other}{}", &text[..END], &text[END + 1..]);
        for forged in [end.to_owned(), forged, format!("A{text}"), text[1..].to_owned()] {
            assert!(known.open(&keyring, &forged).is_err(), "{forged}");
        }
        assert!(known.open(&Keyring::generate().unwrap(), &token(&keyring, 2, "b")).is_err());
    }

    #[test]
    fn what_was_opened_under_other_keys_is_not_known() {
        let (keyring, known) = (Keyring::generate().unwrap(), KnownTokens::default());
        let text = token(&keyring, 1, "a");
        known.open(&keyring, &text).unwrap();
        assert!(known.open(&Keyring::generate().unwrap(), &text).is_err());
        assert_eq!(known.open(&keyring, &text).unwrap().token.route, 1);
    }

    #[test]
    fn a_long_token_is_opened_each_time() {
        let (keyring, known) = (Keyring::generate().unwrap(), KnownTokens::default());
        let capabilities = format!(r#"{{"x":"{}"}}"#, "é".repeat(600));
        let token = SessionToken {
            client: ClientFacts::new(&capabilities, "a", "1").unwrap(),
            ..(*known.open(&keyring, &token(&keyring, 1, "a")).unwrap().token).clone()
        };
        let text = token.seal(&keyring).unwrap();
        assert!(text.len() > LONGEST);
        let first = known.open(&keyring, &text).unwrap();
        assert!(!Arc::ptr_eq(&first.token, &known.open(&keyring, &text).unwrap().token));
    }
}
