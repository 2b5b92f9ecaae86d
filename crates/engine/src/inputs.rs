//! The inputs that a pipeline declares, and what is given for them.

use flowcd_model::{
    dispatch::Inputs,
    pipeline::{InputSpec, InputType},
};
use serde_json::{Number, Value};

use crate::{
    parse::{PipelineError, parse_pipeline},
    spelling,
    variable::{injects_programs, is_reserved},
};

/// The largest whole number up to which expressions know every one.
const MAX_EXACT: f64 = 9_007_199_254_740_991.0;

/// What is wrong with an input that is given, or is not given.
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

/// Makes what is given into what is declared: values of the declared types, in the declared order, and defaults where
/// nothing is given.
///
/// A pipeline that declares nothing takes everything. `env` is no input but a part of every step's environment, and
/// can be given to each.
pub fn check_inputs(declared: &[InputSpec], given: &Inputs) -> Result<Inputs, Vec<InputError>> {
    let mut errors = check_env(given.get("env"));
    if declared.is_empty() {
        return match errors.is_empty() {
            true => Ok(given.clone()),
            false => Err(errors),
        };
    }
    let mut checked = Inputs::new();
    let mut fail = |name: &str, message: String| {
        errors.push(InputError {
            name: name.to_owned(),
            message,
        });
    };
    for spec in declared {
        let name = &spec.name;
        match given.get(name).filter(|value| !value.is_null()) {
            Some(value) => match coerce(spec, value) {
                Ok(value) => {
                    checked.insert(name.clone(), value);
                }
                Err(problem) => fail(name, format!("the input `{name}` {problem}")),
            },
            None => match &spec.default {
                Some(default) => {
                    checked.insert(name.clone(), default.clone());
                }
                None if spec.is_required => {
                    fail(name, format!("the input `{name}` is required"));
                }
                None => {}
            },
        }
    }
    let names = || declared.iter().map(|spec| spec.name.as_str());
    for (name, value) in given {
        if name == "env" {
            checked.insert(name.clone(), value.clone());
        } else if !names().any(|declared| declared == name) {
            let hint = spelling::hint(name, names());
            let shown = shown(name);
            fail(name, format!("the pipeline has no input {shown}{hint}"));
        }
    }
    match errors.is_empty() {
        true => Ok(checked),
        false => Err(errors),
    }
}

/// What is wrong with the variables that come with a dispatch. Whoever may start a deployment does not decide what the
/// pipeline is told of it, nor which programs it runs.
fn check_env(env: Option<&Value>) -> Vec<InputError> {
    let error = |problem: String| InputError {
        name: "env".to_owned(),
        message: format!("the input `env` {problem}"),
    };
    let env = match env {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Object(env)) => env,
        Some(_) => return vec![error("is an object of names and values".to_owned())],
    };
    let problems = env.iter().filter_map(|(name, value)| {
        let name_shown = shown(name);
        if name.is_empty() || name.contains(['=', '\0']) {
            return Some(format!(
                "has {name_shown}, which cannot be the name of a variable"
            ));
        }
        if is_reserved(name) || injects_programs(name) {
            return Some(format!("cannot set {name_shown}"));
        }
        match value {
            Value::Array(_) | Value::Object(_) => Some(format!(
                "has for {name_shown} neither text nor a number nor a boolean"
            )),
            _ => None,
        }
    });
    problems.map(error).collect()
}

/// The value as one of the declared type, where nothing is lost by that. Else what is wrong, as the rest of a sentence
/// about the input.
pub(crate) fn coerce(spec: &InputSpec, value: &Value) -> Result<Value, String> {
    let instead = || match value {
        Value::String(text) => shown(text),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => format!("`{other}`"),
    };
    match spec.input_type {
        InputType::String => text_of(value)
            .map(Value::String)
            .ok_or_else(|| format!("is text, not {}", instead())),
        InputType::Number => match number_of(value) {
            Some(number) if is_exact(&number) => Ok(Value::Number(number)),
            Some(_) => Err(format!(
                "is a number, and {} is more than can be counted exactly",
                instead()
            )),
            None => Err(format!("is a number, not {}", instead())),
        },
        InputType::Boolean => match value {
            Value::Bool(_) => Ok(value.clone()),
            Value::String(text) if text == "true" => Ok(Value::Bool(true)),
            Value::String(text) if text == "false" => Ok(Value::Bool(false)),
            _ => Err(format!("is true or false, not {}", instead())),
        },
        InputType::Choice => {
            let text = text_of(value).ok_or_else(|| format!("is text, not {}", instead()))?;
            if spec.options.contains(&text) {
                return Ok(Value::String(text));
            }
            let options = || spec.options.iter().map(String::as_str);
            let hint = spelling::hint(&text, options());
            let listed: Vec<String> = options()
                .take(20)
                .map(|option| format!("`{option}`"))
                .collect();
            let more = if spec.options.len() > 20 { ", .." } else { "" };
            Err(format!(
                "is one of {}{more}, not {}{hint}",
                listed.join(", "),
                instead()
            ))
        }
    }
}

/// Somebody's text in a message: in quotes, and not all of it where it is long.
fn shown(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{:?}..", &text[..end]),
        None => format!("{text:?}"),
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn number_of(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        // The grammar of JSON: `007` and `0x10` are rather names than numbers.
        Value::String(text) => serde_json::from_str(text.trim()).ok(),
        _ => None,
    }
}

fn is_exact(number: &Number) -> bool {
    number
        .as_f64()
        .is_some_and(|number| number.abs() <= MAX_EXACT || number.fract() != 0.0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{check_inputs, declared_inputs};

    const PIPELINE: &str = "\
inputs:
  target: {type: choice, options: [dev, prod, '1'], default: dev}
  replicas: {type: number}
  is_dry: {type: boolean, default: false}
  note: {required: true}
steps: [{run: x}]
";

    /// What becomes of the inputs: the checked ones, or the complaints.
    fn check(source: &str, given: &Value) -> String {
        let declared = match declared_inputs("p.yaml", source.as_bytes()) {
            Ok(declared) => declared,
            Err(error) => return error.to_string(),
        };
        let given = given.as_object().cloned().unwrap_or_default();
        match check_inputs(&declared, &given) {
            Ok(checked) => Value::Object(checked).to_string(),
            Err(errors) => {
                let lines: Vec<String> = errors
                    .iter()
                    .map(|error| {
                        assert!(error.message.contains(&error.name), "{error:?}");
                        error.to_string()
                    })
                    .collect();
                lines.join("\n")
            }
        }
    }

    #[test]
    fn a_dispatch_does_not_set_what_the_steps_are_told_or_what_they_run() {
        for source in ["steps: [{run: x}]", "inputs: {a: {}}\nsteps: [{run: x}]"] {
            for (env, expected) in [
                (json!({"A": "b", "N": 1, "B": true}), ""),
                (json!(null), ""),
                (json!(1), "the input `env` is an object of names and values"),
                (
                    json!(["A=1"]),
                    "the input `env` is an object of names and values",
                ),
                (
                    json!({"FLOWCD_BRANCH": "prod"}),
                    "the input `env` cannot set \"FLOWCD_BRANCH\"",
                ),
                (json!({"CI": "no"}), "the input `env` cannot set \"CI\""),
                (
                    json!({"BASH_ENV": "$(x)"}),
                    "the input `env` cannot set \"BASH_ENV\"",
                ),
                (
                    json!({"": "x"}),
                    "the input `env` has \"\", which cannot be the name of a variable",
                ),
                (
                    json!({"L": [1]}),
                    "the input `env` has for \"L\" neither text nor a number nor a boolean",
                ),
            ] {
                let given = json!({"env": env});
                let expected = match expected {
                    "" => given.to_string(),
                    expected => expected.to_owned(),
                };
                assert_eq!(check(source, &given), expected, "{given}");
            }
        }
    }

    #[test]
    fn a_pipeline_that_declares_nothing_takes_everything() {
        let given = json!({"anything": [1, {"a": null}], "env": {"A": 1}});
        for source in ["steps: [{run: x}]", "inputs:\nsteps: []", "inputs: {}"] {
            assert_eq!(check(source, &given), given.to_string());
        }
    }

    #[test]
    fn values_become_what_is_declared_where_nothing_is_lost() {
        for (given, expected) in [
            (
                json!({"note": "n"}),
                json!({"target": "dev", "is_dry": false, "note": "n"}),
            ),
            (
                json!({"note": 1.5, "is_dry": "true", "replicas": "5", "target": 1}),
                json!({"target": "1", "replicas": 5, "is_dry": true, "note": "1.5"}),
            ),
            (
                json!({"env": {"A": "1"}, "note": true, "replicas": " -1.5e3 ", "target": null}),
                json!({"target": "dev", "replicas": -1500.0, "is_dry": false, "note": "true", "env": {"A": "1"}}),
            ),
        ] {
            assert_eq!(check(PIPELINE, &given), expected.to_string());
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_by_the_name_of_the_input() {
        for (given, expected) in [
            (json!({}), "the input `note` is required"),
            (json!({"note": null}), "the input `note` is required"),
            (
                json!({"note": ["a"], "replicas": "many", "is_dry": "yes", "target": "prdo", "replcas": 1}),
                "the input `target` is one of `dev`, `prod`, `1`, not \"prdo\" (did you mean `prod`?)\n\
                 the input `replicas` is a number, not \"many\"\n\
                 the input `is_dry` is true or false, not \"yes\"\n\
                 the input `note` is text, not a list\n\
                 the pipeline has no input \"replcas\" (did you mean `replicas`?)",
            ),
            (
                json!({"note": "", "replicas": "007", "is_dry": 1}),
                "the input `replicas` is a number, not \"007\"\nthe input `is_dry` is true or false, not `1`",
            ),
            (
                json!({"note": "", "replicas": "9007199254740993"}),
                "the input `replicas` is a number, and \"9007199254740993\" is more than can be counted exactly",
            ),
            (
                json!({"note": "", "replicas": "NaN", "git": 1}),
                "the input `replicas` is a number, not \"NaN\"\nthe pipeline has no input \"git\"",
            ),
        ] {
            assert_eq!(check(PIPELINE, &given), expected, "{given}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_declares_nothing() {
        assert_eq!(
            check("inputs: {a: {type: text}}", &json!({})),
            "p.yaml:1:20: the input `a` has the unknown type `text` (did you mean `string`?)"
        );
    }
}
