//! What the server says of itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The server's version.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Version {
    /// The release, `0.1.0` for instance.
    pub version: String,
    /// The commit it was built from; `unknown` when it was built outside a checkout.
    pub commit: String,
}

/// Whether the server is up.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    pub status: String,
}
