//! Passwords: argon2id.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{self, PasswordHasher, PasswordVerifier},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::{Error, Result, blocking};

/// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Each hash needs its memory, so that a burst of log-ins must not take the machine's.
const MAX_AT_ONCE: usize = 2;

/// A hash that no password has (its 32 bytes are chosen, not computed), with the parameters of real ones: what is
/// checked when there is no user, so that the time does not tell.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and checks passwords, off the async threads and few at once.
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(MAX_AT_ONCE)),
        }
    }
}

impl Passwords {
    pub(crate) async fn hash(&self, password: &SecretString) -> Result<String> {
        let password = password.clone();
        self.run(move |argon2| {
            let hash = argon2
                .hash_password(password.expose_secret().as_bytes())
                .map_err(failed)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether `password` has this hash; `None` takes as long and is `false`.
    pub(crate) async fn verify(
        &self,
        password: &SecretString,
        hash: Option<String>,
    ) -> Result<bool> {
        let password = password.clone();
        self.run(move |argon2| {
            let is_known = hash.is_some();
            let hash = hash.as_deref().unwrap_or(NOBODY);
            match argon2.verify_password(password.expose_secret().as_bytes(), hash) {
                Ok(()) => Ok(is_known),
                Err(password_hash::Error::PasswordInvalid) => Ok(false),
                Err(err) => Err(failed(err)),
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turns = Arc::clone(&self.turns);
        let turn = turns.acquire_owned().await.map_err(|_| Error::Stopped)?;
        blocking(move || {
            let _turn = turn;
            let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
                .map_err(|err| Error::Password(err.to_string()))?;
            work(&Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
        })
        .await
    }
}

fn failed(err: password_hash::Error) -> Error {
    Error::Password(err.to_string())
}

#[cfg(test)]
mod tests {
    use super::Passwords;

    #[tokio::test]
    async fn a_password_matches_its_own_hash_and_nobodys_never() {
        let passwords = Passwords::default();
        let hash = passwords
            .hash(&"correct horse".into())
            .await
            .expect("a hash");
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        for (password, hash, is_right) in [
            ("correct horse", Some(hash.clone()), true),
            ("incorrect horse", Some(hash), false),
            ("correct horse", None, false),
        ] {
            let verified = passwords.verify(&password.into(), hash).await;
            assert_eq!(verified.expect("a verdict"), is_right, "{password}");
        }
    }
}
