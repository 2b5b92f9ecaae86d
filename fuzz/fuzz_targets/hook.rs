//! Webhooks of all hosts, signed or not.
//!
//! The files are the server's; what they need of it and of the store, which take minutes to build, stands in below.
#![no_main]

#[path = "../../crates/server/src"]
mod server {
    pub(crate) mod fuzz;
    pub(crate) mod provider;
}

mod auth {
    pub(crate) fn is_same(a: &[u8], b: &[u8]) -> bool {
        a == b
    }
}

extern crate self as flowcd_store;
use server::{fuzz, provider};

/// What the store has under this name.
#[derive(Default)]
pub struct WebhookSecret {
    pub secret: Option<secrecy::SecretString>,
    pub password: Option<secrecy::SecretString>,
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::hook(data));
