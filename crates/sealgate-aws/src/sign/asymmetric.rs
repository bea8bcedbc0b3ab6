//! Enters credentials, leaves the P-256 key that SigV4a signs with.
//!
//! The private key is derived from the secret with the counter-mode KDF of NIST SP 800-108 and the
//! rejection sampling of FIPS 186-4, B.4.2, as the AWS SigV4a reference has it.

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Signature};
use zeroize::Zeroizing;

use super::SignError;
use crate::credentials::Credentials;

const LABEL: &[u8] = b"AWS4-ECDSA-P256-SHA256";
/// The order of the curve minus two: the greatest candidate that is accepted.
const GREATEST: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x4f,
];

/// A derived SigV4a key pair.
pub(super) struct AsymmetricKey(EcdsaKeyPair);

impl AsymmetricKey {
    /// Derives the pair; costs one scalar multiplication.
    pub(super) fn derive(credentials: &Credentials) -> Result<Self, SignError> {
        let scalar =
            derive_scalar(&credentials.access_key_id, credentials.secret_access_key.expose())?;
        let public = PrivateKey::from_private_key(&ECDH_P256, &scalar[..])
            .map_err(|_| SignError::Key)?
            .compute_public_key()
            .map_err(|_| SignError::Key)?;
        EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_ASN1_SIGNING,
            &scalar[..],
            public.as_ref(),
        )
        .map(Self)
        .map_err(|_| SignError::Key)
    }

    /// A DER signature; ECDSA draws a nonce, so no two are alike.
    pub(super) fn sign(&self, text: &[u8]) -> Result<Signature, SignError> {
        self.0.sign(&SystemRandom::new(), text).map_err(|_| SignError::Key)
    }
}

/// The private scalar, big-endian.
pub(super) fn derive_scalar(
    access_key_id: &str,
    secret: &str,
) -> Result<Zeroizing<[u8; 32]>, SignError> {
    let mut seed = Zeroizing::new(Vec::with_capacity(5 + secret.len()));
    seed.extend_from_slice(b"AWS4A");
    seed.extend_from_slice(secret.as_bytes());
    let key = hmac::Key::new(HMAC_SHA256, &seed);
    for counter in 1..=254_u8 {
        let mut context = hmac::Context::with_key(&key);
        context.update(&1_u32.to_be_bytes());
        context.update(LABEL);
        context.update(&[0]);
        context.update(access_key_id.as_bytes());
        context.update(&[counter]);
        context.update(&256_u32.to_be_bytes());
        let mut candidate = Zeroizing::new([0; 32]);
        candidate.copy_from_slice(context.sign().as_ref());
        // One rejection in 2^32 at most, so the comparison gives nothing away.
        if *candidate <= GREATEST {
            add_one(&mut candidate);
            return Ok(candidate);
        }
    }
    Err(SignError::Key)
}

fn add_one(number: &mut [u8; 32]) {
    for byte in number.iter_mut().rev() {
        let (sum, carry) = byte.overflowing_add(1);
        *byte = sum;
        if !carry {
            break;
        }
    }
}
