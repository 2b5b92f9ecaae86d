//! The JSON Schema of a pipeline file.

use serde_json::Value;

/// The schema of a pipeline.
pub(crate) fn pipeline() -> Value {
    Value::Bool(true)
}
