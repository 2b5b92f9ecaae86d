//! The documents for other programs: generated, committed, and checked.

use std::fs;

use anyhow::{Context, Result, ensure};
use flowcd_engine::lint;

use crate::process::root;

/// Writes the API document and the schema of pipeline files, or with `check` fails when the committed ones are others.
pub(crate) fn run(check: bool) -> Result<()> {
    let schema = format!("{:#}\n", lint::pipeline_schema());
    let documents = [
        ("openapi/openapi.json", flowcd_server::openapi_json()?),
        ("openapi/pipeline.schema.json", schema),
    ];
    for (name, document) in documents {
        let place = root().join(name);
        if check {
            let committed = fs::read_to_string(&place)
                .with_context(|| format!("cannot read {}", place.display()))?;
            ensure!(
                committed == document,
                "{name} is out of date; run `cargo xtask openapi` and commit it"
            );
            continue;
        }
        fs::write(&place, document).with_context(|| format!("cannot write {}", place.display()))?;
        println!("wrote {name}");
    }
    Ok(())
}
