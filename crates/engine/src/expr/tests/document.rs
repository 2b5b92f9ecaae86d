//! The examples of docs/expressions.md.

use std::path::Path;

use serde_json::{Map, Value};

use super::super::{
    Braces, Evaluator, ExprError, Fault, GlobalStatus, Scope, parser,
    parser::{parse, parse_jexl},
    render_in, render_legacy,
    value::{number_to_text, to_json},
};

const DOCUMENT: &str = include_str!("../../../../../docs/expressions.md");

/// The blocks of the document that begin with this word.
fn blocks(language: &str) -> impl Iterator<Item = &'static str> {
    let opening = format!("```{language}\n");
    DOCUMENT
        .split("\n```\n")
        .filter_map(move |part| Some(part.split_once(&opening)?.1))
}

/// What an expression comes to: JSON, `undefined`, or `error: ` and why.
fn describe(
    expression: &str,
    parsed: Result<parser::Parsed, Fault>,
    mut evaluator: Evaluator<'_>,
) -> String {
    use super::super::value::Value::{Number, Undefined};
    let value = |parsed: parser::Parsed| {
        let value = evaluator.value(&parsed.tree, parsed.root)?;
        Ok(match &value {
            Undefined => "undefined".to_owned(),
            Number(number) => number_to_text(*number),
            value => to_json(value),
        })
    };
    match parsed.and_then(value) {
        Ok(text) => text,
        Err(fault) => {
            let error = ExprError::new(fault, expression).to_string();
            let (_, message) = error.split_once(": ").expect("an error has a place");
            format!("error: {message}")
        }
    }
}

#[test]
fn examples_of_the_document_are_true() {
    let vars = blocks("json").next().expect("the document has variables");
    let vars: Map<String, Value> = serde_json::from_str(vars).expect("they are JSON");
    let scope = Scope {
        vars: &vars,
        status: GlobalStatus::Success,
        workspace: Path::new("/nowhere"),
        allowance: None,
    };
    let template = |result: Result<String, ExprError>| match result {
        Ok(text) => text,
        Err(error) => format!("error: {error}"),
    };
    let mut n_examples = 0;
    for language in ["expression", "template", "legacy", "jexl"] {
        for line in blocks(language).flat_map(str::lines) {
            let (source, expected) = line.split_once(" => ").expect(line);
            let actual = match language {
                "expression" => describe(source, parse(source, 0, false), Evaluator::new(&scope)),
                "jexl" => {
                    let evaluator = Evaluator::without_functions(&vars);
                    describe(source, parse_jexl(source), evaluator)
                }
                "template" => template(render_in(source, &scope, &Braces::DollarOnly)),
                _ => template(render_legacy(source, &scope)),
            };
            assert_eq!(actual, expected, "{source}");
            n_examples += 1;
        }
    }
    assert!(n_examples > 50, "{n_examples}");
}
