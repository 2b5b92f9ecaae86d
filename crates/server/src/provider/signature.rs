//! What shows that a delivery knows the application's secret.

use flowcd_model::time::Millis;
use flowcd_store::WebhookSecret;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::Unverified;
use crate::auth::is_same;

/// How far a signed time may be from ours, either way.
const MAX_AGE_MS: u64 = 3_600_000;

/// The secret that the application has; an empty one is none.
pub(super) fn secret_of(secret: &WebhookSecret) -> Result<&str, Unverified> {
    given(secret.secret.as_ref()).ok_or(Unverified::NoSecret)
}

/// A secret that says something.
pub(super) fn given(secret: Option<&SecretString>) -> Option<&str> {
    secret
        .map(ExposeSecret::expose_secret)
        .filter(|value| !value.is_empty())
}

/// Checks a text that is to be the secret itself, in a time that does not even tell how long the secret is.
pub(super) fn check_plain(
    header: &'static str,
    sent: &str,
    secret: &str,
) -> Result<(), Unverified> {
    check(header, &Sha256::digest(sent), &Sha256::digest(secret))
}

/// Checks a signature as it was sent against the one that it is to be.
pub(super) fn check(header: &'static str, sent: &[u8], expected: &[u8]) -> Result<(), Unverified> {
    if is_same(sent, expected) {
        Ok(())
    } else {
        Err(Unverified::Wrong(header))
    }
}

/// Checks that a time is about now.
pub(super) fn check_fresh(
    header: &'static str,
    at: Option<Millis>,
    now: Millis,
) -> Result<(), Unverified> {
    match at {
        Some(at) if at.0.abs_diff(now.0) <= MAX_AGE_MS => Ok(()),
        _ => Err(Unverified::Stale(header)),
    }
}

/// HMAC-SHA256 of some pieces of text, one after the other.
pub(super) fn hmac_sha256(key: &[u8], pieces: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    pieces.iter().for_each(|piece| mac.update(piece));
    mac.finalize().into_bytes().to_vec()
}

/// HMAC-SHA1, for hosts that know no better.
pub(super) fn hmac_sha1(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("a key may have any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// Bytes as hexadecimal digits in lower case.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
