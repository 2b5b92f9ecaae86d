//! Which flowcd this is.

/// The release.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit it was built from; `unknown` when it was built outside a checkout.
pub(crate) const COMMIT: &str = env!("FLOWCD_COMMIT");
/// Both, for people.
pub(crate) const TEXT: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("FLOWCD_COMMIT"), ")");
