//! Values on the command line: `key=value`, secrets, files, lengths of time, refs.

use std::{
    convert::Infallible,
    fs,
    io::{self, IsTerminal, Read},
    path::PathBuf,
};

use flowcd_model::{
    dispatch::Inputs,
    secret::{Secrets, is_secret_name},
    token::MAX_EXPIRATION_MS,
};
use serde_json::Value;
use url::Url;

use crate::{failure::Failure, output::clean};

/// A `key=value`, where the value may be JSON.
pub(crate) fn parse_field(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), json_or_text(value))),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

/// Numbers, `true`, `false`, objects, arrays and quoted texts are JSON; everything else is text as it stands.
///
/// A number is one only when JSON would write it just so: `1.10` and `1e3` are versions or names more often than
/// numbers, and `1.1` would come out of the one and `1000.0` of the other.
fn json_or_text(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(Value::Null) | Err(_) => Value::from(text),
        Ok(Value::Number(number)) if number.to_string() != text => Value::from(text),
        Ok(value) => value,
    }
}

/// The fields as one object; the last of two with one name wins.
pub(crate) fn fields(fields: Vec<(String, Value)>) -> Option<Inputs> {
    if fields.is_empty() {
        None
    } else {
        Some(fields.into_iter().collect())
    }
}

/// A `NAME=VALUE` for the environment.
pub(crate) fn parse_variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// The address of an npm registry.
pub(crate) fn parse_registry(text: &str) -> Result<String, String> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            Ok(text.to_owned())
        }
        _ => Err("expected a URL, http:// or https://".to_owned()),
    }
}

/// A secret as it was asked for; an error where it was asked for in a wrong way.
///
/// It is no error of the command line's parser, which would repeat what was written, and with it a value.
#[derive(Clone, Debug)]
pub(crate) struct SecretSource(Result<Source, String>);

/// Where the value of a secret is.
#[derive(Clone, Debug)]
struct Source {
    name: String,
    /// The file; without one it is the environment variable of the same name, or asked for.
    file: Option<PathBuf>,
}

/// `NAME` or `NAME=@FILE`. A value itself is not taken: other users of the machine can see the arguments.
pub(crate) fn parse_secret(text: &str) -> Result<SecretSource, Infallible> {
    Ok(SecretSource(source(text)))
}

fn source(text: &str) -> Result<Source, String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    if !is_secret_name(name) {
        return Err(
            "a secret's name is letters, digits and _, and begins with no digit".to_owned(),
        );
    }
    let file = match value {
        None => None,
        Some(value) => match value.strip_prefix('@') {
            Some(path) if !path.is_empty() => Some(PathBuf::from(path)),
            // The value is not repeated: it has been seen by enough readers.
            _ => {
                return Err(format!(
                    "a secret's value is not taken from the command line, where others can see it; \
                     use `{name}=@FILE`, `{name}=@-` for stdin, or `{name}` alone for the environment variable or a prompt"
                ));
            }
        },
    };
    Ok(Source {
        name: name.to_owned(),
        file,
    })
}

/// Fetches the values: from files, the environment, or the user.
pub(crate) fn read_secrets(sources: &[SecretSource]) -> Result<Secrets, Failure> {
    let sources: Vec<&Source> = sources
        .iter()
        .map(|SecretSource(source)| source.as_ref().map_err(Failure::usage))
        .collect::<Result<_, _>>()?;
    let is_stdin = |source: &&&Source| {
        source
            .file
            .as_ref()
            .is_some_and(|path| path.as_os_str() == "-")
    };
    if sources.iter().filter(is_stdin).count() > 1 {
        return Err(Failure::usage("stdin can be the value of one secret only"));
    }
    let mut secrets = Secrets::default();
    for source in sources {
        let value = match &source.file {
            Some(path) => without_last_newline(read_file(path)?),
            None => read_variable_or_ask(&source.name)?,
        };
        secrets.0.insert(source.name.clone(), value);
    }
    Ok(secrets)
}

fn read_variable_or_ask(name: &str) -> Result<String, Failure> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the variable's name is the user's, so clap cannot read it"
    )]
    let variable = std::env::var(name);
    if let Ok(value) = variable {
        return Ok(value);
    }
    ask_hidden(
        &format!("Value of {name}"),
        &format!(
            "no value for `{name}`: there is no environment variable `{name}`, and no terminal to ask on"
        ),
    )
}

/// Asks without echo; `otherwise` is the error where there is nobody to ask.
pub(crate) fn ask_hidden(prompt: &str, otherwise: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::usage(otherwise));
    }
    let asked = dialoguer::Password::new()
        .with_prompt(prompt)
        .report(false)
        .interact();
    asked.map_err(|dialoguer::Error::IO(source)| Failure::Io {
        what: "read the answer",
        source,
    })
}

/// Asks yes or no; where there is nobody to ask, `--yes` has to be given.
pub(crate) fn confirm(question: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::usage_with_hint(
            "this needs a confirmation, and there is no terminal to ask on",
            "add --yes",
        ));
    }
    let asked = dialoguer::Confirm::new()
        .with_prompt(question)
        .default(false)
        .interact();
    asked.map_err(|dialoguer::Error::IO(source)| Failure::Io {
        what: "read the answer",
        source,
    })
}

/// A file's text; `-` is stdin.
pub(crate) fn read_file(path: &PathBuf) -> Result<String, Failure> {
    if path.as_os_str() == "-" {
        return read_stdin();
    }
    fs::read_to_string(path).map_err(|source| Failure::File {
        what: "read",
        path: path.clone(),
        source,
    })
}

pub(crate) fn read_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    io::stdin()
        .read_to_string(&mut text)
        .map_err(|source| Failure::Io {
            what: "read stdin",
            source,
        })?;
    Ok(text)
}

/// Editors and `echo` end a file with a newline that is no part of a secret.
pub(crate) fn without_last_newline(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

/// `30s`, `5m`, `24h` or `off`, as the API counts how often to look at a repository: seconds, or 0.
pub(crate) fn parse_poll_interval(text: &str) -> Result<i64, String> {
    if text == "off" {
        return Ok(0);
    }
    match length_ms(text).map(|ms| ms / 1_000) {
        Some(seconds @ 30..=86_400) => Ok(seconds),
        _ => Err("expected a length of time from 30s to 24h, as 5m, or `off`".to_owned()),
    }
}

/// A length of time in milliseconds: a whole number and its unit.
fn length_ms(text: &str) -> Option<i64> {
    let unit_ms = match text.chars().last()? {
        'd' => 86_400_000,
        'h' => 3_600_000,
        'm' => 60_000,
        's' => 1_000,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: i64 = digits.parse().ok()?;
    Some(count.saturating_mul(unit_ms))
}

/// `30d`, `12h`, `45m` or `never`, as the API counts it: milliseconds, or -1.
pub(crate) fn parse_expiration(text: &str) -> Result<i64, String> {
    const FORM: &str = "expected a length of time as 30d, 12h or 45m, or `never`";
    if text == "never" {
        return Ok(-1);
    }
    match length_ms(text) {
        None => Err(FORM.to_owned()),
        Some(0) => Err("a token that expires at once is of no use".to_owned()),
        Some(ms) if ms <= MAX_EXPIRATION_MS => Ok(ms),
        _ => Err("that is longer than ten years; say `never`".to_owned()),
    }
}

/// The full name of a branch: `main` is `refs/heads/main`; full names stay as they are.
pub(crate) fn branch_ref(name: &str) -> String {
    full_ref("refs/heads/", name)
}

/// The full name of a tag: `v1` is `refs/tags/v1`.
pub(crate) fn tag_ref(name: &str) -> String {
    full_ref("refs/tags/", name)
}

fn full_ref(prefix: &str, name: &str) -> String {
    if name.starts_with("refs/") {
        name.to_owned()
    } else {
        format!("{prefix}{name}")
    }
}

/// A step's number as people give it.
pub(crate) fn parse_step(text: &str) -> Result<flowcd_model::step::StepCount, String> {
    text.parse()
        .map_err(|error: flowcd_model::step::InvalidStepCount| error.to_string())
}

/// A JSON or YAML document read from `path` as a `T`. JSON is YAML, so there is one reader.
pub(crate) fn read_document<T: serde::de::DeserializeOwned>(path: &PathBuf) -> Result<T, Failure> {
    let text = read_file(path)?;
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(&text, options).map_err(|error| {
        // The reader's messages may have several lines.
        let message = error.to_string();
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        Failure::usage(format!(
            "cannot understand `{}`: {}",
            path.display(),
            clean(&message)
        ))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        branch_ref, parse_expiration, parse_field, parse_poll_interval, source, tag_ref,
        without_last_newline,
    };

    #[test]
    fn a_field_is_json_where_it_looks_like_it_and_text_otherwise() {
        for (text, expected) in [
            ("k=text", json!("text")),
            ("k=", json!("")),
            ("k=a=b", json!("a=b")),
            ("k=5", json!(5)),
            ("k=-1.5", json!(-1.5)),
            ("k=1.10", json!("1.10")),
            ("k=1e3", json!("1e3")),
            ("k=007", json!("007")),
            ("k=99999999999999999999", json!("99999999999999999999")),
            ("k=true", json!(true)),
            ("k=null", json!("null")),
            (r#"k="5""#, json!("5")),
            (r#"k={"a":[1]}"#, json!({"a": [1]})),
            ("k={broken", json!("{broken")),
        ] {
            assert_eq!(parse_field(text), Ok(("k".to_owned(), expected)), "{text}");
        }
        assert!(parse_field("k").is_err());
        assert!(parse_field("=v").is_err());
    }

    #[test]
    fn a_secrets_value_on_the_command_line_is_refused_and_not_repeated() {
        let error = source("KEY=hunter2").expect_err("a value");
        assert!(!error.contains("hunter2"), "{error}");
        for text in ["1KEY", "", "A-B", "K=@"] {
            assert!(source(text).is_err(), "{text}");
        }
        assert!(source("KEY").is_ok());
        assert!(source("KEY=@-").is_ok());
    }

    #[test]
    fn one_newline_at_the_end_is_no_part_of_a_secret() {
        assert_eq!(without_last_newline("a\n\n".to_owned()), "a\n");
        assert_eq!(without_last_newline("a\r\n".to_owned()), "a");
    }

    #[test]
    fn lengths_of_time_have_a_unit() {
        assert_eq!(parse_expiration("never"), Ok(-1));
        assert_eq!(parse_expiration("30d"), Ok(2_592_000_000));
        assert_eq!(parse_expiration("45m"), Ok(2_700_000));
        for text in [
            "",
            "d",
            "30",
            "-1d",
            "+1d",
            "0h",
            "1y",
            "4000d",
            "99999999999999999999d",
            "5\u{e4}",
        ] {
            assert!(parse_expiration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_repository_is_looked_at_every_30_seconds_to_24_hours() {
        for (text, seconds) in [
            ("off", 0),
            ("30s", 30),
            ("5m", 300),
            ("24h", 86_400),
            ("1d", 86_400),
        ] {
            assert_eq!(parse_poll_interval(text), Ok(seconds), "{text}");
        }
        for text in [
            "",
            "0s",
            "29s",
            "25h",
            "5",
            "5min",
            "never",
            "99999999999999999999h",
        ] {
            assert!(parse_poll_interval(text).is_err(), "{text}");
        }
    }

    #[test]
    fn refs_get_their_full_names() {
        assert_eq!(branch_ref("main"), "refs/heads/main");
        assert_eq!(branch_ref("refs/tags/v1"), "refs/tags/v1");
        assert_eq!(tag_ref("v1"), "refs/tags/v1");
    }
}
