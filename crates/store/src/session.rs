//! Sessions of the console.

use flowcd_model::id::UserId;
use secrecy::SecretString;

use crate::{Error, Result, Store};

impl Store {
    /// Begins a session and returns the value of its cookie, of which only a hash is kept.
    pub async fn create_session(&self, user_id: &UserId, ttl_ms: i64) -> Result<SecretString> {
        let _ = (user_id, ttl_ms);
        Err(Error::Stopped)
    }

    /// Whose session it is: id and name. `None` when it is unknown or expired, or the user is disabled.
    pub async fn session(&self, cookie: &str) -> Result<Option<(UserId, String)>> {
        let _ = cookie;
        Err(Error::Stopped)
    }

    /// Ends a session.
    pub async fn delete_session(&self, cookie: &str) -> Result<()> {
        let _ = cookie;
        Err(Error::Stopped)
    }
}
