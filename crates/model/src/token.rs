//! Tokens: what a third-party system sends in the header `cd_token`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    id::{TokenId, UserId},
    time::Millis,
};

/// The longest life a token can have, short of forever: ten years, in milliseconds.
pub const MAX_EXPIRATION_MS: i64 = 10 * 366 * 24 * 3_600_000;

/// A token as listed. The token itself is not here: it is shown once, when it is made.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Token {
    /// The id of the row, for `delete` and `update`.
    pub id: TokenId,
    /// The user as whom the token acts.
    pub user_id: UserId,
    /// What it is for.
    pub description: String,
    /// When it expires; `-1` for never.
    pub expire_time: i64,
    /// When it was last used, to the minute; `null` when never.
    pub active_time: Option<Millis>,
    /// When it was made.
    pub created_time: Millis,
    /// When its expiry was last changed.
    pub updated_time: Millis,
}

/// All tokens of the caller, newest first.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct TokenList {
    /// The tokens.
    pub result: Vec<Token>,
}

/// A token to make.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for; at most 200 characters.
    #[serde(default)]
    pub description: String,
    /// Milliseconds from now until it expires, or `-1` for never.
    #[schema(example = 2_592_000_000_i64)]
    pub expiration: i64,
}

/// A token just made.
#[derive(Clone, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct MintedToken {
    /// The id of the row.
    pub id: TokenId,
    /// The token: 40 letters and digits. Keep it; it is not shown again.
    pub cd_token: String,
    /// When it expires; `-1` for never.
    pub expire_time: i64,
}

impl std::fmt::Debug for MintedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MintedToken")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Names a token by the id of its row.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRef {
    /// The id of the row.
    pub id: TokenId,
}

/// A change of a token's expiry.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenPatch {
    /// The id of the row.
    pub id: TokenId,
    /// Milliseconds from now until it expires, or `-1` for never.
    pub expiration: i64,
}
