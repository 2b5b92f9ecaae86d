//! JEXL, the language of the filters of triggers: `body.ref == "refs/heads/main"`.
//!
//! It behaves as the npm package `jexl` does in version 2.3.0, without transforms and functions, of which the
//! reference registers none. docs/expressions.md has the language and the list of differences.
//!
//! Two things surprise who knows JavaScript: `&&` and `||` bind equally strongly (`true || false && false` is false),
//! and a property of a list is one of its first item (`body.commits.message`).
//!
//! ```
//! use flowcd_engine::jexl;
//! use serde_json::json;
//!
//! let vars = json!({
//!     "headers": {"x-github-event": "push"},
//!     "body": {"ref": "refs/heads/main", "commits": [{"author": "ann"}, {"author": "bob"}]},
//! });
//! let vars = vars.as_object().expect("it is an object");
//! assert_eq!(jexl::is_match("body.ref in ['refs/heads/main', 'refs/heads/next']", vars), Ok(true));
//! assert_eq!(jexl::is_match("body.commits[.author == 'eve'].author", vars), Ok(false));
//! assert_eq!(jexl::evaluate("body.commits[.author == 'bob']", vars), Ok(json!([{"author": "bob"}])));
//!
//! let error = jexl::check("body.ref === 'x'").expect_err("JEXL has no such operator");
//! assert_eq!(error.to_string(), "line 1, column 10: the operator `===` is not supported (`==` compares)");
//! ```
//!
//! An expression is at most 16 KiB long and nests at most 100 deep, what it takes is counted and limited, and no
//! input makes it panic.

use std::fmt;

use serde_json::{Map, Value};

use crate::expr::{self, ExprError};

/// Why a JEXL expression has no value, and where in its text that shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JexlError(ExprError);

impl JexlError {
    /// The line of the expression, from 1 on.
    pub fn line(&self) -> usize {
        self.0.line()
    }

    /// The character of the line, from 1 on.
    pub fn column(&self) -> usize {
        self.0.column()
    }

    /// What is wrong, without its place.
    pub fn message(&self) -> &str {
        self.0.message()
    }
}

impl fmt::Display for JexlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for JexlError {}

/// The value of an expression over these variables. What is undefined, or a number that JSON does not have, is null.
pub fn evaluate(source: &str, vars: &Map<String, Value>) -> Result<Value, JexlError> {
    match expr::jexl_value(source, vars) {
        Ok((value, _)) => Ok(value),
        Err(error) => Err(JexlError(error)),
    }
}

/// Whether the value of an expression counts as true in JavaScript: not false, not 0, not an empty string, not absent.
pub fn is_match(source: &str, vars: &Map<String, Value>) -> Result<bool, JexlError> {
    match expr::jexl_value(source, vars) {
        Ok((_, is_match)) => Ok(is_match),
        Err(error) => Err(JexlError(error)),
    }
}

/// Whether an expression can be read, so that a wrong one is refused when it is saved and not when it is needed.
pub fn check(source: &str) -> Result<(), JexlError> {
    expr::check_jexl(source).map_err(JexlError)
}
