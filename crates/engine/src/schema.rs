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

#[cfg(test)]
mod tests {
    use boon::{Compiler, SchemaIndex, Schemas};
    use serde_json::Value;

    use crate::lint::{self, Severity};

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    /// The schema as an editor has it.
    struct Editor {
        schemas: Schemas,
        index: SchemaIndex,
    }

    impl Editor {
        fn new() -> Result<Self, Box<dyn std::error::Error>> {
            let mut schemas = Schemas::new();
            let mut compiler = Compiler::new();
            compiler.add_resource("pipeline.json", super::pipeline())?;
            let index = compiler
                .compile("pipeline.json", &mut schemas)
                .map_err(|error| error.to_string())?;
            Ok(Self { schemas, index })
        }

        fn accepts(&self, source: &str) -> Result<bool, Box<dyn std::error::Error>> {
            let value: Value = serde_saphyr::from_str(source)?;
            Ok(self.schemas.validate(&value, self.index).is_ok())
        }
    }

    /// Whether the parser sees something wrong that a schema can see, too.
    fn is_wrong(source: &str) -> bool {
        const CODES: [&str; 5] = [
            "bad-input",
            "bad-name",
            "bad-value",
            "no-steps",
            "unknown-key",
        ];
        lint::lint(source.as_bytes()).iter().any(|diagnostic| {
            diagnostic.severity == Severity::Error && diagnostic.code != "expression"
                || CODES.contains(&diagnostic.code)
        })
    }

    #[test]
    fn the_committed_schema_is_up_to_date() {
        let committed = include_str!("../../../openapi/pipeline.schema.json");
        let current = format!("{:#}\n", super::pipeline());
        assert!(
            committed == current,
            "openapi/pipeline.schema.json is out of date; run `cargo xtask openapi`"
        );
    }

    #[test]
    fn the_schema_accepts_what_the_parser_accepts() -> Outcome {
        let editor = Editor::new()?;
        let step_values = [
            "name: a",
            "name: 5",
            "id: a",
            "if: true",
            "if: success() && git.branch == 'main'",
            "env: {A: text, B: 1, C: 1.5, D: true, E: }",
            "env:",
            "env-file: .env",
            "env-file: [.env, b.env]",
            "working-directory: app",
            "shell: bash -x {0}",
            "timeout-minutes: 10",
            "timeout-minutes: 0.05",
            "retry: 3",
            "retry: {max: 1}",
            "retry: {max: 10, delay-seconds: 3600, on-exit-codes: [1, 255]}",
            "retry: {max: 10, delay-seconds: 0.5, on-exit-codes: 75}",
            "continue-on-error: false",
            "outputs: {url: 'x ${{ env.A }}', n: 1}",
        ];
        let plugins = [
            "plugin: ./x\n    inputs: {a: [1, {b: c}], d: }",
            "uses: ./x",
        ];
        let pipelines = [
            "name: x",
            "env: {A: 1}",
            "shell: sh",
            "timeout-minutes: 90",
            "strict-expressions: true",
            "triggers: {push: {branches: [main]}}",
            "runtimes: [nodejs16]",
            "x-common: {anything: [1]}",
            "inputs: {a: , b: {}, c: {type: number, default: 2, description: d, required: false}}",
            "inputs: {a: {type: choice, options: [a, 1, true], default: a}, b: {type: boolean}}",
        ];
        let sources = step_values
            .iter()
            .map(|value| format!("steps:\n  - run: x\n    {value}\n"))
            .chain(
                plugins
                    .iter()
                    .map(|plugin| format!("steps:\n  - {plugin}\n")),
            )
            .chain(
                pipelines
                    .iter()
                    .map(|value| format!("{value}\nsteps: [{{run: x}}]\n")),
            );
        for source in sources {
            assert!(!is_wrong(&source), "the parser refuses {source}");
            assert!(editor.accepts(&source)?, "the schema refuses {source}");
        }
        Ok(())
    }

    #[test]
    fn the_schema_refuses_what_the_parser_has_something_against() -> Outcome {
        let editor = Editor::new()?;
        let step_values = [
            "name: [a]",
            "id: {a: b}",
            "if: [true]",
            "env: [A]",
            "env: {A: [1]}",
            "env: {'A=B': 1}",
            "env: {'': 1}",
            "env-file: {A: b}",
            "env-file: [[a]]",
            "working-directory: []",
            "workingDirectory: app",
            "shell: {a: b}",
            "timeout: 10",
            "timeout-minutes: '10'",
            "timeout-minutes: 0",
            "timeout-minutes: -1",
            "timeout-minutes: 50000",
            "retry: 0",
            "retry: 11",
            "retry: many",
            "retry: {delay-seconds: 1}",
            "retry: {max: 1, delay-seconds: 4000}",
            "retry: {max: 1, on-exit-codes: []}",
            "retry: {max: 1, on-exit-codes: [0]}",
            "retry: {max: 1, on-exit-codes: [x]}",
            "retry: {max: 1, times: 2}",
            "outputs: [a]",
            "outputs: {a: {b: c}}",
            "with: {a: b}",
            "script: x",
        ];
        let steps = [
            "name: x",
            "run: 5",
            "run: [a]",
            "run:echo",
            "plugin: [a]",
            "plugin: x@1.0.0\n    inputs: [a]",
        ];
        let pipelines = [
            "nmae: x",
            "jobs: {}",
            "env: [A]",
            "timeout-minutes: soon",
            "strict-expressions: 'yes'",
            "inputs: [a]",
            "inputs: {a: 5}",
            "inputs: {my-input: {}}",
            "inputs: {git: {}}",
            "inputs: {'true': {}}",
            "inputs: {a: {type: text}}",
            "inputs: {a: {type: choice}}",
            "inputs: {a: {type: choice, options: []}}",
            "inputs: {a: {options: [b]}}",
            "inputs: {a: {default: [b]}}",
            "inputs: {a: {defualt: b}}",
            "inputs: {a: {required: maybe}}",
        ];
        let sources = step_values
            .iter()
            .map(|value| format!("steps:\n  - run: x\n    {value}\n"))
            .chain(steps.iter().map(|step| format!("steps:\n  - {step}\n")))
            .chain(
                pipelines
                    .iter()
                    .map(|value| format!("{value}\nsteps: [{{run: x}}]\n")),
            )
            .chain(["{}", "steps: []", "steps: {a: {run: x}}", "[]", "hello"].map(str::to_owned));
        for source in sources {
            assert!(is_wrong(&source), "the parser accepts {source}");
            assert!(!editor.accepts(&source)?, "the schema accepts {source}");
        }
        Ok(())
    }
}
