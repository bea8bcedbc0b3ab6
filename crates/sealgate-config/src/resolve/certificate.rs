//! A reference to a Secret or ConfigMap with PEM text in, what TLS can use of it out.

use sealgate_aws::Secret;

use super::store::{Referrer, Store};
use crate::certificate::{self, CertificateError};
use crate::kind::ObjectReference;

/// The chain and the key of a `kubernetes.io/tls` Secret, PEM.
pub(super) fn pair(
    store: &Store<'_>,
    from: Referrer<'_>,
    reference: &ObjectReference,
) -> Option<(Vec<u8>, Secret)> {
    let chain = store.value_or_report(from, reference, "tls.crt")?;
    let key = store.value_or_report(from, reference, "tls.key")?;
    let chain = chain.expose().as_bytes().to_vec();
    match certificate::certified(&chain, &key) {
        Ok(_) => Some((chain, key)),
        Err(problem) => {
            let wrong = match problem {
                CertificateError::Key | CertificateError::Mismatch => "tls.key",
                _ => "tls.crt",
            };
            store.blame(from, reference, wrong, "certificate", &format!("{wrong}: {problem}"));
            None
        }
    }
}

/// The authorities of a bundle, PEM.
pub(super) fn authorities(
    store: &Store<'_>,
    from: Referrer<'_>,
    reference: &ObjectReference,
) -> Option<Vec<u8>> {
    let bundle = store.value_or_report(from, reference, "ca.crt")?;
    let pem = bundle.expose().as_bytes().to_vec();
    match certificate::authorities(&pem) {
        Ok(_) => Some(pem),
        Err(problem) => {
            store.blame(from, reference, "ca.crt", "certificate", &format!("ca.crt: {problem}"));
            None
        }
    }
}
