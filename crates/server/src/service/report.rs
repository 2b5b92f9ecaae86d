//! Tells Git hosts how the deployments of their commits go.

use crate::{error::Result, state::AppState};

/// One pass: tells what is due to be told.
pub(crate) async fn tell_due(_state: &AppState) -> Result<()> {
    Ok(())
}
