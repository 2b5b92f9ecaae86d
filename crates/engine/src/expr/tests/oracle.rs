//! What other implementations make of the same expressions, as `cargo xtask oracle` has recorded it.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::{
    Evaluator, GlobalStatus, Scope,
    parser::{parse, parse_jexl},
    value::{self, number_to_text, to_json},
};

const PIPELINE: &str = include_str!("../../../tests/data/pipeline.json");
const JEXL: &str = include_str!("../../../tests/data/jexl.json");
const DIFFERENCES: &str = include_str!("../../../tests/data/differences.json");
const DOCUMENT: &str = include_str!("../../../../../docs/expressions.md");

#[derive(Deserialize)]
struct Record {
    context: Map<String, Value>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    expression: String,
    /// What it comes to, in JavaScript's words.
    result: Option<String>,
    error: Option<String>,
}

/// A way in which we differ, why, and every expression of the record where it shows, with what it is here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    dialect: String,
    name: String,
    why: String,
    cases: BTreeMap<String, String>,
}

/// What an expression comes to here, in the words of the record; `error` where it is refused.
fn ours(dialect: &str, expression: &str, vars: &Map<String, Value>) -> String {
    let scope = Scope {
        vars,
        status: GlobalStatus::Success,
        workspace: Path::new("/nowhere"),
        allowance: None,
    };
    let (parsed, mut evaluator) = match dialect {
        "jexl" => (parse_jexl(expression), Evaluator::without_functions(vars)),
        _ => (parse(expression, 0, false), Evaluator::new(&scope)),
    };
    let result = match &parsed {
        Ok(parsed) => evaluator
            .value(&parsed.tree, parsed.root)
            .map(|value| describe(&value)),
        Err(_) => return "error".to_owned(),
    };
    result.unwrap_or_else(|_| "error".to_owned())
}

fn describe(value: &value::Value<'_>) -> String {
    match value {
        value::Value::Undefined => "undefined".to_owned(),
        value::Value::Number(number) => number_to_text(*number),
        value => to_json(value),
    }
}

fn differences() -> Vec<Difference> {
    serde_json::from_str(DIFFERENCES).expect("the list of differences can be read")
}

/// Compares every expression of a record; a difference must be listed, and what is listed must be one.
fn check_record(dialect: &str, record: &str) {
    let record: Record = serde_json::from_str(record).expect("the record can be read");
    assert!(record.cases.len() >= 500, "{}", record.cases.len());
    let listed = differences();
    let mut listed: BTreeMap<&str, &str> = listed
        .iter()
        .filter(|difference| difference.dialect == dialect)
        .flat_map(|difference| &difference.cases)
        .map(|(expression, ours)| (expression.as_str(), ours.as_str()))
        .collect();
    let mut wrong = Vec::new();
    for case in &record.cases {
        let expression = case.expression.as_str();
        let theirs = case.result.as_deref().unwrap_or("error");
        let ours = ours(dialect, expression, &record.context);
        match listed.remove(expression) {
            None if ours == theirs => (),
            Some(expected) if ours == expected && ours != theirs => (),
            expected => wrong.push(format!(
                "{expression:?} is {ours}, the record has {theirs} {:?}, the list {expected:?}",
                case.error
            )),
        }
    }
    let gone: Vec<&str> = listed.into_keys().collect();
    assert!(gone.is_empty(), "listed but not recorded: {gone:#?}");
    assert!(wrong.is_empty(), "{} differ: {wrong:#?}", wrong.len());
}

#[test]
fn pipeline_expressions_are_what_node_makes_of_them() {
    check_record("pipeline", PIPELINE);
}

#[test]
fn jexl_is_what_the_npm_package_makes_of_it() {
    check_record("jexl", JEXL);
}

#[test]
fn each_listed_difference_stands_in_the_document_and_the_other_way_round() {
    let listed = differences();
    let mut n_listed = 0;
    for difference in &listed {
        assert!(!difference.cases.is_empty(), "{}", difference.name);
        n_listed += 1;
        // One item of a list each, on one line: the name, then why.
        let item = format!("- **{}**: {}", difference.name, difference.why);
        assert!(
            DOCUMENT.lines().any(|line| line == item),
            "docs/expressions.md lacks the line\n{item}"
        );
    }
    let n_documented = DOCUMENT
        .lines()
        .filter(|line| line.starts_with("- **"))
        .count();
    assert_eq!(
        n_documented, n_listed,
        "docs/expressions.md has items of differences that are not listed"
    );
}
