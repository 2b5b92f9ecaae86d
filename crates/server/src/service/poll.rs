//! Looks at repositories for commits that no webhook told of.

use crate::{error::Result, state::AppState};

/// One pass: looks at the repositories that are due.
pub(crate) async fn look_at_due(_state: &AppState) -> Result<()> {
    Ok(())
}
