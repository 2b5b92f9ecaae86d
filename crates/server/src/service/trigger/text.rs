//! Triggers as texts that people edit: YAML, and JSON, which is YAML.

use flowcd_engine::yaml::{self, Broken};
use flowcd_model::trigger::{ConvertedTrigger, TriggerConversion, TriggerSpec};
use serde::Deserialize;
use serde_path_to_error::Track;

use crate::error::{Error, Result, describe};

/// The longest text: far above what a hundred rules take.
const MAX_TEXT_BYTES: usize = 256 * 1024;

/// Reads a trigger from a text, or takes it as it is, and writes it as YAML. What its rules say is not judged.
pub(crate) fn convert_trigger(conversion: TriggerConversion) -> Result<ConvertedTrigger> {
    let trigger_spec = match (conversion.text, conversion.trigger_spec) {
        (Some(text), None) => read(&text)?,
        (None, Some(spec)) => spec,
        _ => {
            return Err(Error::rule(
                "what is to be converted? send either `text` or `triggerSpec`",
            ));
        }
    };
    let yaml = serde_saphyr::to_string(&trigger_spec).map_err(Error::internal)?;
    Ok(ConvertedTrigger { trigger_spec, yaml })
}

fn read(text: &str) -> Result<TriggerSpec> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(Error::invalid(
            "text",
            format!("it is longer than {MAX_TEXT_BYTES} bytes"),
        ));
    }
    let mut path = String::new();
    let spec = serde_saphyr::with_deserializer_from_str_with_options(
        text,
        yaml::options(),
        |deserializer| {
            let mut track = Track::new();
            let deserializer = serde_path_to_error::Deserializer::new(deserializer, &mut track);
            Option::<TriggerSpec>::deserialize(deserializer).inspect_err(|_| {
                path = track.path().to_string();
            })
        },
    );
    spec.map(Option::unwrap_or_default)
        .map_err(|err| refusal(&path, &Broken::new(err)))
}

/// A rule is named by its path, and everything by its place in the text.
fn refusal(path: &str, broken: &Broken) -> Error {
    // Where there is no key yet the path has a `?`; and no rule is at fault that there are too many of them.
    let path = match broken.is_plain {
        true => "",
        false => path.split('?').next().unwrap_or_default(),
    };
    let (field, message) = describe(path.trim_end_matches('.'), &broken.message);
    let field = match field.as_str() {
        "" => "text".to_owned(),
        field => format!("trigger_spec.{field}"),
    };
    let (line, column) = (broken.line(), broken.column());
    Error::invalid(field, format!("line {line}, column {column}: {message}"))
}
