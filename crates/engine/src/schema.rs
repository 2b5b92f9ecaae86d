//! The JSON Schema of a pipeline file, made of the tables that the parser goes by.
//!
//! It is for editors, so it is stricter than the parser in one way: what the parser only warns of, such as a key that
//! it does not know, the schema refuses.

use serde_json::{Map, Value, json};

use crate::{
    expr::CONTEXTS,
    parse::{
        input::TYPES,
        key::{
            Entry, INPUT_KEYS, MAX_RETRIES, MAX_RETRY_DELAY, MAX_TIMEOUT_MINUTES, PIPELINE_KEYS,
            RETRY_KEYS, STEP_KEYS, Shape,
        },
    },
};

/// The schema of a pipeline.
pub(crate) fn pipeline() -> Value {
    let mut schema = mapping(&PIPELINE_KEYS);
    let mut whole = Map::new();
    for (key, value) in [
        (
            "$schema",
            json!("https://json-schema.org/draft/2020-12/schema"),
        ),
        ("title", json!("flowcd pipeline")),
        (
            "description",
            json!("What a deployment does: the file `serverless-pipeline.yaml` of a repository."),
        ),
    ] {
        whole.insert(key.to_owned(), value);
    }
    whole.append(&mut schema);
    // Room for anchors that steps share.
    whole.insert("patternProperties".to_owned(), json!({"^x-": true}));
    whole.insert("required".to_owned(), json!(["steps"]));
    let definitions = json!({
        "input": input(),
        "scalar": {"type": ["string", "number", "boolean", "null"]},
        "step": step(),
    });
    whole.insert("$defs".to_owned(), definitions);
    Value::Object(whole)
}

/// A step has something to run.
fn step() -> Value {
    let mut step = mapping(&STEP_KEYS);
    let one_of: Vec<Value> = ["run", "plugin", "uses"]
        .map(|key| json!({"required": [key]}))
        .into();
    step.insert("oneOf".to_owned(), Value::Array(one_of));
    step.into()
}

/// A choice has options, and nothing else has.
fn input() -> Value {
    let mut input = mapping(&INPUT_KEYS);
    input.insert("type".to_owned(), json!(["object", "null"]));
    let is_choice = json!({"properties": {"type": {"const": "choice"}}, "required": ["type"]});
    input.insert("if".to_owned(), is_choice);
    input.insert("then".to_owned(), json!({"required": ["options"]}));
    input.insert("else".to_owned(), json!({"properties": {"options": false}}));
    input.into()
}

fn mapping<K>(entries: &[Entry<K>]) -> Map<String, Value> {
    let properties: Map<String, Value> = entries
        .iter()
        .map(|entry| (entry.name.to_owned(), property(entry)))
        .collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), properties.into());
    schema.insert("additionalProperties".to_owned(), json!(false));
    schema
}

fn property<K>(entry: &Entry<K>) -> Value {
    let mut schema = Map::new();
    schema.insert("description".to_owned(), entry.description.into());
    if entry.is_deprecated {
        schema.insert("deprecated".to_owned(), true.into());
    }
    if let Value::Object(shape) = shape(entry.shape) {
        schema.extend(shape);
    }
    schema.into()
}

/// What a value looks like. Editors say of text that is written without quotes what YAML takes it for.
fn shape(shape: Shape) -> Value {
    let scalar = || json!({"type": ["string", "number", "boolean", "null"]});
    let attempts = json!({"type": "integer", "minimum": 1, "maximum": MAX_RETRIES});
    match shape {
        Shape::Anything => json!({}),
        Shape::Boolean => json!({"type": ["boolean", "null"]}),
        Shape::Condition | Shape::Scalar | Shape::Text => scalar(),
        Shape::EnvFiles => json!({
            "type": ["string", "number", "boolean", "null", "array"],
            "items": scalar(),
        }),
        Shape::ExitCodes => {
            let code = json!({"type": "integer", "minimum": 1, "maximum": 255});
            json!({"anyOf": [code, {"type": "array", "minItems": 1, "items": code}, {"type": "null"}]})
        }
        Shape::InputSpecs => {
            let names: Vec<&str> = CONTEXTS
                .into_iter()
                .chain(crate::parse::input::KEYWORDS)
                .collect();
            json!({
                "type": ["object", "null"],
                "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "not": {"enum": names}},
                "additionalProperties": {"$ref": "#/$defs/input"},
            })
        }
        Shape::InputType => json!({"enum": TYPES.map(|(name, _)| name)}),
        Shape::Minutes => json!({
            "type": ["number", "null"],
            "exclusiveMinimum": 0,
            "maximum": MAX_TIMEOUT_MINUTES,
        }),
        Shape::NumberOfAttempts => attempts,
        Shape::Options => json!({
            "type": "array",
            "minItems": 1,
            "items": {"type": ["string", "number", "boolean"]},
        }),
        Shape::PluginInputs => json!({"type": ["object", "null"]}),
        Shape::Retry => {
            let mut mapping = mapping(&RETRY_KEYS);
            mapping.insert("required".to_owned(), json!(["max"]));
            json!({"anyOf": [attempts, mapping, {"type": "null"}]})
        }
        Shape::Script => json!({"type": ["string", "null"]}),
        Shape::Seconds => json!({
            "type": ["number", "null"],
            "minimum": 0,
            "maximum": MAX_RETRY_DELAY,
        }),
        Shape::Steps => json!({"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/step"}}),
        Shape::Templates => json!({
            "type": ["object", "null"],
            "propertyNames": {"minLength": 1, "pattern": "^[^=]*$"},
            "additionalProperties": {"$ref": "#/$defs/scalar"},
        }),
    }
}
