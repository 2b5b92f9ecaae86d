//! What the fuzz targets run: the readers of text that users write, and what must hold whatever the text is.
//!
//! Nothing here is for anybody else. A broken promise is a panic, which is how a fuzzer hears of it.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::{
    expr::{
        self, Braces, ExprError, GlobalStatus, Origins, Scope, brace_pairs, check_in,
        references_in, render_in, render_strict, render_traced,
    },
    glob::{Glob, GlobError, GlobList, MAX_PATTERN_BYTES},
    inputs, jexl,
    lint::{self, Severity},
};

/// The longest text that may come out.
const MAX_TEXT_BYTES: usize = 1024 * 1024;

/// Reads a pipeline file in all ways: each finding lies in the file, and what has no errors can be run.
pub fn pipeline_file(source: &[u8]) {
    let diagnostics = lint::lint(source);
    // LF, CR LF and CR alone end a line of YAML.
    let n_of = |end: u8| source.iter().filter(|byte| **byte == end).count();
    let n_pairs = source.windows(2).filter(|pair| pair == b"\r\n").count();
    let n_lines = (n_of(b'\n') + n_of(b'\r') - n_pairs) as u64 + 1;
    for diagnostic in &diagnostics {
        assert!(
            (1..=n_lines + 1).contains(&diagnostic.line),
            "{diagnostic:?}"
        );
        assert!(
            diagnostic.column >= 1 && diagnostic.end_column >= diagnostic.column,
            "{diagnostic:?}"
        );
        assert!(!diagnostic.message.is_empty(), "{diagnostic:?}");
    }
    let has_errors = diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error);
    let declared = inputs::declared_inputs("fuzz.yaml", source);
    assert!(
        has_errors || declared.is_ok(),
        "no errors, but: {declared:?}"
    );
}

/// Reads and evaluates a condition: what cannot be read has no value, for the same reason.
pub fn expression(text: &str) {
    let vars = vars();
    let scope = scope(&vars);
    let result = expr::condition(text, &scope);
    check_error(text, result.as_ref().err());
    let references = expr::condition_references(text);
    match expr::check_condition(text) {
        Ok(()) => assert!(references.is_ok(), "{references:?}"),
        Err(error) => {
            assert_eq!(references.err().as_ref(), Some(&error));
            check_same(result.err(), &error);
        }
    }
}

/// Reads and evaluates a JEXL expression in all ways.
pub fn jexl(text: &str) {
    let vars = vars();
    let value = jexl::evaluate(text, &vars);
    let is_match = jexl::is_match(text, &vars);
    match (&value, &is_match) {
        (Ok(value), Ok(is_match)) => match value {
            // What JSON does not know has become null, and infinity counts as true.
            Value::Null => (),
            Value::Bool(false) => assert!(!is_match),
            Value::Number(number) => assert_eq!(*is_match, number.as_f64() != Some(0.0)),
            Value::String(text) => {
                assert!(text.len() <= MAX_TEXT_BYTES);
                assert_eq!(*is_match, !text.is_empty());
            }
            Value::Bool(true) | Value::Array(_) | Value::Object(_) => assert!(is_match),
        },
        (Err(a), Err(b)) => assert_eq!(a, b),
        _ => panic!("{value:?} and {is_match:?}"),
    }
    if let Err(error) = jexl::check(text) {
        assert_eq!(value.err(), Some(error.clone()));
        assert!(error.line() >= 1 && error.column() >= 1, "{error}");
    }
}

/// Matches a name, all lines but the first, against a pattern, the first line: within its bounds, and as part of lists.
pub fn glob(text: &str) {
    let (pattern, name) = text.split_once('\n').unwrap_or((text, ""));
    let glob = match Glob::parse(pattern) {
        Ok(glob) => glob,
        Err(error) => {
            let is_too_long = matches!(error, GlobError::TooLong(_));
            assert_eq!(is_too_long, pattern.len() > MAX_PATTERN_BYTES);
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert!(glob.is_match(pattern), "a pattern matches its own text");
    let (is_match, work) = glob.count_match(name);
    assert!(work <= glob.max_work(name.chars().count()), "{work}");
    assert!(!is_match || !name.is_empty());
    check_negated(&glob, name, is_match);
    for patterns in [&[pattern, "**"][..], &["**", pattern], &[pattern]] {
        let list = GlobList::parse(patterns).expect("each of them is a pattern");
        let everything = Glob::parse("**").expect("it is a pattern");
        let is_expected = match patterns {
            [_] => is_match,
            _ if glob.is_negative() && patterns[0] == "**" => is_match && everything.is_match(name),
            _ if glob.is_negative() => everything.is_match(name),
            _ => is_match || everything.is_match(name),
        };
        assert_eq!(list.is_match(name), is_expected, "{patterns:?}");
    }
}

/// A pattern of segments matches nothing that the same behind a `!` matches.
fn check_negated(glob: &Glob, name: &str, is_match: bool) {
    let pattern = glob.as_str();
    let is_turned = pattern.starts_with(['!', '(', '.', '*']) || !pattern.contains('/');
    if is_turned || name.contains(char::is_control) || name.is_empty() || name == pattern {
        return;
    }
    if let Ok(negated) = Glob::parse(&format!("!{pattern}"))
        && name != negated.as_str()
    {
        assert_ne!(negated.is_match(name), is_match);
    }
}

/// Reads and renders a text in all ways.
pub fn template(text: &str) {
    let vars = vars();
    let scope = scope(&vars);
    let known = |name: &str| vars.contains_key(name);
    let mut trace = Vec::new();
    let plain = render_traced(text, &scope, &mut trace);
    for braces in [Braces::DollarOnly, Braces::Legacy(&known), Braces::Any] {
        let rendered = render_in(text, &scope, &braces);
        check_error(text, rendered.as_ref().err());
        if let Ok(rendered) = &rendered {
            assert!(rendered.len() <= MAX_TEXT_BYTES);
            assert!(text.contains("{{") || rendered == text);
        }
        if matches!(braces, Braces::DollarOnly) {
            assert_eq!(rendered, plain);
        }
        let references = references_in(text, &braces);
        match check_in(text, &braces) {
            Ok(()) => assert!(references.is_ok(), "{references:?}"),
            Err(error) => {
                assert_eq!(references.as_ref().err(), Some(&error));
                check_same(rendered.err(), &error);
            }
        }
        for reference in references.unwrap_or_default() {
            assert!(text.get(reference.span).is_some());
            assert!(text.get(reference.path_span).is_some());
        }
    }
    for pair in brace_pairs(text, &known).unwrap_or_default() {
        assert!(text[pair.span].ends_with("}}"));
    }
    check_strict(text, &scope, plain);
}

/// With placeholders for what is untrusted, the text is the same but for them.
fn check_strict(text: &str, scope: &Scope<'_>, plain: Result<String, ExprError>) {
    let origins = Origins {
        is_checked_input: &|_| false,
        is_untrusted_env: &|_| true,
        is_untrusted_output: &|_, _| true,
    };
    let strict = render_strict(text, scope, &|path| origins.is_untrusted(path), &|n| {
        format!("\u{1}{n}\u{2}")
    });
    if let (Ok(strict), Ok(plain)) = (strict, plain)
        && !text.contains(['\u{1}', '\u{2}', '\\'])
    {
        let mut filled = strict.text;
        for (n, (_, value)) in strict.env.iter().enumerate() {
            filled = filled.replacen(&format!("\u{1}{}\u{2}", n + 1), value, 1);
        }
        assert_eq!(filled, plain);
    }
}

/// What cannot be read is not evaluated: an error of reading is the error, unless an earlier part had one of its own.
fn check_same(evaluated: Option<ExprError>, read: &ExprError) {
    let evaluated = evaluated.expect("what cannot be read has no value");
    assert!(
        evaluated == *read || evaluated.span().start <= read.span().start,
        "{evaluated} and {read}"
    );
}

fn check_error(text: &str, error: Option<&ExprError>) {
    let Some(error) = error else { return };
    assert!(
        text.get(error.span()).is_some(),
        "{error} {:?}",
        error.span()
    );
    assert!(error.line() >= 1 && error.column() >= 1, "{error}");
    assert!(
        error.line() <= text.split('\n').count() && !error.message().is_empty(),
        "{error}"
    );
}

fn scope(vars: &Map<String, Value>) -> Scope<'_> {
    Scope {
        vars,
        status: GlobalStatus::Success,
        workspace: Path::new("/nowhere"),
        allowance: None,
    }
}

fn vars() -> Map<String, Value> {
    let vars = json!({
        "a": [1, "b", null, {"c": [true, 2.5]}],
        "b": {"a": {"b": "c"}, "n": 1e300},
        "s": "x".repeat(200),
        "n": 0,
        "git": {"ref": "refs/heads/main", "message": "it's", "tag": null},
        "env": {"A": "1"},
        "inputs": {"a": "é🎉"},
        "body": {"commits": [{"id": 1, "x": ["y"]}, {"id": 2, "x": []}]},
    });
    match vars {
        Value::Object(vars) => vars,
        _ => Map::new(),
    }
}
