//! Files of variables, for whoever reads one outside of a run.

use crate::lines;

/// Reads lines as an `env-file` has them. The error is the number of the line that is none, and nothing of it: such
/// files are full of secrets.
pub fn read_variables(source: &[u8]) -> Result<Vec<(String, String)>, usize> {
    lines::text(source)
        .and_then(lines::dotenv)
        .map_err(|error| error.line())
}
