//! The API document: generated, committed, and checked.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::process::root;

/// Writes the document, or with `check` fails when the committed one is another.
pub(crate) fn run(check: bool) -> Result<()> {
    let place = root().join("openapi/openapi.json");
    let document = flowcd_server::openapi_json()?;
    if check {
        let committed = fs::read_to_string(&place)
            .with_context(|| format!("cannot read {}", place.display()))?;
        ensure!(
            committed == document,
            "openapi/openapi.json is out of date; run `cargo xtask openapi` and commit it"
        );
        return Ok(());
    }
    fs::write(&place, document).with_context(|| format!("cannot write {}", place.display()))?;
    println!("wrote openapi/openapi.json");
    Ok(())
}
