//! The report in SARIF 2.1.0, which code hosts and editors show beside the lines.

use flowcd_engine::lint::{CODES, Diagnostic};
use serde_json::{Value, json};

use super::{Checked, name_of};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The report about all files.
pub(super) fn report(checked: &[Checked]) -> Value {
    let rules: Vec<Value> = CODES
        .iter()
        .map(|(code, description)| {
            json!({
                "id": code,
                "shortDescription": {"text": description},
            })
        })
        .collect();
    let results: Vec<Value> = checked
        .iter()
        .flat_map(|file| {
            file.diagnostics
                .iter()
                .map(|diagnostic| result(&file.name, diagnostic))
        })
        .collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "flowcd lint",
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": rules,
                },
            },
            // Columns count characters and not units of UTF-16.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(file: &str, diagnostic: &Diagnostic) -> Value {
    let rule = CODES.iter().position(|(code, _)| *code == diagnostic.code);
    let text = match &diagnostic.help {
        Some(help) => format!("{}; {help}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    json!({
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": name_of(diagnostic.severity),
        "message": {"text": text},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": uri(file)},
                "region": {
                    "startLine": diagnostic.line,
                    "startColumn": diagnostic.column,
                    "endColumn": diagnostic.end_column,
                },
            },
        }],
    })
}

/// A path as a reference: what is not allowed in one is written as `%xx`.
fn uri(file: &str) -> String {
    let path: String = file
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect();
    match file.starts_with('/') {
        true => format!("file://{path}"),
        false => path,
    }
}
