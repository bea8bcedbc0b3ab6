use proptest::prelude::*;

use super::*;

const CAPABILITIES: &str =
    r#"{ "roots": {"listChanged": true}, "sampling":{}, "elicitation":{"form":{},"url":{}} }"#;

fn ring() -> Keyring {
    Keyring::from_seeds(vec![[5; 32]]).unwrap()
}

fn session(backends: usize) -> SessionToken {
    let backend = |at: usize| BackendSession {
        backend: at as u32 * 1_000_003,
        session_id: Some(format!("0f8fad5b-d9cb-469f-a165-70867728950{at}").into()),
        era: Era::Legacy(Version::V2025_11_25),
        offers: Offers::TOOLS | Offers::LOGGING,
    };
    SessionToken {
        route: u64::MAX - 1,
        principal: [7; 16],
        expires_at: 1_795_000_000,
        version: Version::V2025_06_18,
        log_level: Some(LogLevel::Notice),
        client: ClientFacts::new(CAPABILITIES, "example-client", "2.1.240").unwrap(),
        backends: (0..backends).map(backend).collect(),
    }
}

#[test]
fn five_backends_with_uuids_stay_under_400_characters() {
    let token = session(5).seal(&ring()).unwrap();
    assert!(token.len() < 400, "{}", token.len());
    assert_eq!(SessionToken::open(&ring(), &token).unwrap(), session(5));
}

#[test]
fn a_session_serves_its_route_and_caller_until_it_expires() {
    let session = session(1);
    let now = session.expires_at - 1;
    assert_eq!(session.admit(session.route, &[7; 16], now), Ok(()));
    assert_eq!(session.admit(session.route, &[7; 16], now + 1), Err(SessionFault::Expired));
    assert_eq!(session.admit(1, &[7; 16], now), Err(SessionFault::OtherRoute));
    assert_eq!(session.admit(session.route, &[8; 16], now), Err(SessionFault::OtherPrincipal));
}

#[test]
fn what_a_client_says_is_bounded() {
    let facts = ClientFacts::new("{}", &"é".repeat(50), "1").unwrap();
    assert_eq!(facts.name.len(), MAX_CLIENT_TEXT);
    let long = format!("{{\"experimental\":\"{}\"}}", "x".repeat(MAX_CAPABILITIES));
    assert_eq!(ClientFacts::new(&long, "", ""), Err(SessionFault::CapabilitiesTooLong));
    let blanks = ClientFacts::new("{ \"a \\\" b\" :\n[ 1 , 2 ] }", "", "").unwrap();
    assert_eq!(&*blanks.capabilities, r#"{"a \" b":[1,2]}"#);
}

#[test]
fn a_token_that_outgrows_its_header_is_refused_when_sealed() {
    let mut session = session(1);
    session.backends[0].session_id = Some("x".repeat(MAX_TOKEN).into());
    assert_eq!(session.seal(&ring()), Err(SessionFault::TokenTooLong));
}

proptest! {
    #[test]
    fn any_session_reads_back(
        route: u64,
        expires_at: u64,
        version in prop::sample::select(Version::ALL.to_vec()),
        level in prop::option::of(prop::sample::select(LogLevel::ALL.to_vec())),
        ids in prop::collection::vec(prop::option::of("[!-~]{0,40}|[0-9a-f]{32}|[0-9A-F]{32}|\
            [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), 0..6),
        capability in any::<String>(),
    ) {
        let capabilities = format!("{{\"roots\":{{}},\"x\":{}}}", serde_json::to_string(&capability).unwrap());
        let mut session = session(0);
        session.client = ClientFacts::new(&capabilities, &capability, "é").unwrap();
        session.backends = ids.into_iter().map(|id| BackendSession {
            backend: route as u32, session_id: id.map(Into::into), era: version.into(),
            offers: Offers::from_bits(route as u16),
        }).collect();
        let session = SessionToken { route, expires_at, version, log_level: level, ..session };
        prop_assert_eq!(binary::decode(&binary::encode(&session)), Some(session));
    }

    #[test]
    fn no_bytes_make_decoding_panic(mut plain in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Some(first) = plain.first_mut() {
            *first = 1;
        }
        let _ = binary::decode(&plain);
    }

    #[test]
    fn no_cut_makes_decoding_panic(length in 0usize..200) {
        let plain = binary::encode(&session(3));
        prop_assert_eq!(binary::decode(&plain[..length.min(plain.len() - 1)]), None);
    }
}
