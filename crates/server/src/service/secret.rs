//! Secrets and variables as they come in.

use flowcd_model::secret::{SecretChanges, Secrets, is_secret_name};
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// What a stored secret is shown as.
pub(crate) const MASK: &str = "***";
const MAX_ENTRIES: usize = 200;
const MAX_VALUE_BYTES: usize = 64 * 1024;

/// Checks secrets; `field` is where they are in the request.
pub(crate) fn check_secrets(field: &str, secrets: &Secrets) -> Result<()> {
    check_size(field, secrets.0.len())?;
    for (name, value) in &secrets.0 {
        let field = format!("{field}.{name}");
        if !is_secret_name(name) {
            return Err(Error::invalid(
                field,
                "the name of a secret is 1 to 128 letters, digits and `_`, not first a digit",
            ));
        }
        if value == MASK {
            return Err(Error::invalid(
                field,
                "`***` is how a stored value is shown; send the value itself",
            ));
        }
        check_value(&field, value)?;
    }
    Ok(())
}

/// Checks a change of secrets; the names of those that go may be any.
pub(crate) fn check_secret_changes(field: &str, changes: &SecretChanges) -> Result<()> {
    let set = changes.0.iter().filter_map(|(name, value)| {
        let value = value.as_ref()?;
        Some((name.clone(), value.clone()))
    });
    check_secrets(field, &Secrets(set.collect()))
}

/// Checks an application's variables.
pub(crate) fn check_envs(envs: &Map<String, Value>) -> Result<()> {
    check_size("envs", envs.len())?;
    for (name, value) in envs {
        let field = format!("envs.{name}");
        if !is_secret_name(name) {
            return Err(Error::invalid(
                field,
                "the name of a variable is 1 to 128 letters, digits and `_`, not first a digit",
            ));
        }
        match value {
            Value::String(text) => check_value(&field, text)?,
            Value::Bool(_) | Value::Number(_) => {}
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(Error::invalid(
                    field,
                    "expected text, a number or a boolean",
                ));
            }
        }
    }
    Ok(())
}

fn check_size(field: &str, n_entries: usize) -> Result<()> {
    if n_entries > MAX_ENTRIES {
        return Err(Error::invalid(
            field,
            format!("at most {MAX_ENTRIES} entries"),
        ));
    }
    Ok(())
}

fn check_value(field: &str, value: &str) -> Result<()> {
    if value.len() > MAX_VALUE_BYTES {
        return Err(Error::invalid(
            field,
            format!("at most {MAX_VALUE_BYTES} bytes"),
        ));
    }
    // No environment can hold it.
    if value.contains('\0') {
        return Err(Error::invalid(field, "it holds a NUL character"));
    }
    Ok(())
}

/// Checks a short text: a name or a description.
pub(crate) fn check_line(field: &str, text: &str, max_chars: usize) -> Result<()> {
    if text.is_empty() {
        return Err(Error::invalid(field, "it is empty"));
    }
    check_text(field, text, max_chars)?;
    if text.trim() != text || text.contains(char::is_control) {
        return Err(Error::invalid(
            field,
            "blanks around it or control characters in it",
        ));
    }
    Ok(())
}

/// Checks a text that may be empty and have several lines.
pub(crate) fn check_text(field: &str, text: &str, max_chars: usize) -> Result<()> {
    if text.chars().count() > max_chars {
        return Err(Error::invalid(
            field,
            format!("at most {max_chars} characters"),
        ));
    }
    // PostgreSQL does not store it.
    if text.contains('\0') {
        return Err(Error::invalid(field, "it holds a NUL character"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use flowcd_model::secret::Secrets;
    use serde_json::json;

    use super::{check_envs, check_line, check_secrets};

    #[test]
    fn a_bad_secret_is_told_by_name_and_never_by_value() {
        for (name, value) in [
            ("A-B", "hunter2"),
            ("1A", "hunter2"),
            ("", "hunter2"),
            ("A", "***"),
            ("A", "hunter2\0"),
        ] {
            let secrets = Secrets([(name.to_owned(), value.to_owned())].into());
            let message = check_secrets("secrets", &secrets)
                .expect_err(name)
                .to_string();
            assert!(
                message.starts_with(&format!("`secrets.{name}`: ")),
                "{message}"
            );
            assert!(!message.contains("hunter2"), "{message}");
        }
        let good = Secrets([("_A1".to_owned(), "two\nlines".to_owned())].into());
        assert!(check_secrets("secrets", &good).is_ok());
    }

    #[test]
    fn variables_are_scalars() {
        for (value, is_taken) in [
            (json!("x"), true),
            (json!(1.5), true),
            (json!(false), true),
            (json!(null), false),
            (json!([]), false),
            (json!({}), false),
        ] {
            let envs = [("A".to_owned(), value)].into_iter().collect();
            assert_eq!(check_envs(&envs).is_ok(), is_taken, "{envs:?}");
        }
    }

    #[test]
    fn lines_are_neither_empty_nor_longer_than_allowed() {
        assert!(check_line("repo", "\u{e4}\u{e4}", 2).is_ok());
        for text in ["", " a", "a\n", "a\u{7}", "aaa"] {
            assert!(check_line("repo", text, 2).is_err(), "{text:?}");
        }
    }
}
