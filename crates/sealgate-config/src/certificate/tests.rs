use rcgen::{CertificateParams, KeyPair};
use sealgate_aws::Secret;

use super::*;

/// A certificate that signed itself, and its key.
fn pair() -> (String, Secret) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["mcp.test".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), Secret::new(key.serialize_pem()))
}

#[test]
fn a_chain_and_its_key_are_taken() {
    let (chain, key) = pair();
    assert_eq!(certified(chain.as_bytes(), &key).unwrap().cert.len(), 1);
    assert_eq!(authorities([chain.clone(), pair().0].concat().as_bytes()).unwrap().len(), 2);
}

#[test]
fn what_is_wrong_is_named_and_never_quoted() {
    let ((chain, key), (_, other)) = (pair(), pair());
    let of = |chain: &str, key: &Secret| certified(chain.as_bytes(), key).unwrap_err();
    let garbled = chain.replacen("MII", "?II", 1);
    assert_eq!(of(&chain, &other), CertificateError::Mismatch);
    assert_eq!(of("", &key), CertificateError::Chain);
    assert_eq!(of(&garbled, &key), CertificateError::Chain);
    assert_eq!(of(key.expose(), &key), CertificateError::Chain);
    assert_eq!(of(&chain, &Secret::new(chain.as_str())), CertificateError::Key);
    let truncated = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    assert!(matches!(of(truncated, &key), CertificateError::Unusable(_)));
    let of = |pem: &str| authorities(pem.as_bytes()).unwrap_err();
    assert_eq!(of(""), CertificateError::NoAuthority);
    assert_eq!(of(key.expose()), CertificateError::NoAuthority);
    let second = of(&[chain.as_str(), truncated].concat());
    assert!(matches!(second, CertificateError::Authority { number: 2, .. }), "{second}");
    assert!(matches!(of(&garbled), CertificateError::Authority { number: 1, .. }));
}
