//! What to say about a token that stands where it cannot.

use super::{dialect::Dialect, token::Token};

/// Words that JavaScript keeps for itself. None of them can be a variable.
const RESERVED: [&str; 36] = [
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "export",
    "extends",
    "finally",
    "for",
    "function",
    "if",
    "import",
    "in",
    "instanceof",
    "let",
    "new",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "try",
    "var",
    "void",
    "while",
    "with",
    "yield",
];

/// Whether a word cannot be a variable.
pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}

/// What is wrong with a token where `expected` should be.
pub(super) fn unexpected(token: &Token, expected: &str, dialect: Dialect) -> String {
    match (token, dialect) {
        (Token::End, _) => format!("the expression ends where {expected} is expected"),
        (Token::Number(_), _) => format!("expected {expected}, found a number"),
        (Token::Text(_), _) => format!("expected {expected}, found a string"),
        (Token::Mark(mark), Dialect::Pipeline) => pipeline_mark(mark, expected),
        (Token::Name(name), Dialect::Pipeline) => pipeline_name(name, expected),
        (Token::Mark(mark), Dialect::Jexl) => jexl_mark(mark, expected),
        (Token::Name(name), Dialect::Jexl) => format!("expected {expected}, found `{name}`"),
    }
}

/// What a token was probably meant to be.
pub(super) fn meant(token: &Token) -> Option<&'static str> {
    match token {
        Token::Name(name) if name == "and" => Some("&&"),
        Token::Name(name) if name == "or" => Some("||"),
        _ => None,
    }
}

fn pipeline_mark(mark: &str, expected: &str) -> String {
    let is_operator = Dialect::Pipeline.binary(mark).is_some();
    match mark {
        "=" => "assignments are not supported (`==` compares)".to_owned(),
        "++" | "--" => "assignments are not supported".to_owned(),
        "=>" => "functions cannot be defined".to_owned(),
        ";" => "statements are not supported, only one expression".to_owned(),
        "`" => "template literals are not supported (use `+` or `format()`)".to_owned(),
        "{" => "object literals and statements are not supported".to_owned(),
        "[" => "array literals are not supported (use `fromJSON('[..]')`)".to_owned(),
        "..." => "spreading is not supported".to_owned(),
        mark if mark.len() > 1 && mark.ends_with('=') && !is_operator => {
            "assignments are not supported".to_owned()
        }
        "**" | "&" | "|" | "^" | "~" | "<<" | ">>" | ">>>" => {
            format!("the operator `{mark}` is not supported")
        }
        "+" => "the operator `+` needs a value on its left".to_owned(),
        mark => format!("expected {expected}, found `{mark}`"),
    }
}

fn pipeline_name(name: &str, expected: &str) -> String {
    match name {
        "and" | "or" => format!("expected an operator, found `{name}`"),
        "in" => "the operator `in` is not supported (use `contains()`)".to_owned(),
        word if is_reserved(word) => format!("`{word}` is not supported"),
        word => format!("expected {expected}, found `{word}`"),
    }
}

fn jexl_mark(mark: &str, expected: &str) -> String {
    match mark {
        "===" => "the operator `===` is not supported (`==` compares)".to_owned(),
        "!==" => "the operator `!==` is not supported (`!=` compares)".to_owned(),
        "=" => "assignments are not supported (`==` compares)".to_owned(),
        "??" => "the operator `??` is not supported (use `?:`)".to_owned(),
        "**" => "the operator `**` is not supported (use `^`)".to_owned(),
        "=>" => "functions cannot be defined".to_owned(),
        "|" => "transforms are not supported".to_owned(),
        "&" | "~" => format!("the operator `{mark}` is not supported"),
        "-" => "`-` stands only before a number (use `0 - x`)".to_owned(),
        "[" => "only a variable or a property can be filtered or indexed".to_owned(),
        mark => format!("expected {expected}, found `{mark}`"),
    }
}

/// Methods are not called, but most of what people want from them is there.
pub(super) fn method(name: &str) -> String {
    let instead = match name {
        "includes" | "indexOf" => "use `contains(text, part)`",
        "startsWith" => "use `startsWith(text, part)`",
        "endsWith" => "use `endsWith(text, part)`",
        "join" => "use `join(list, ',')`",
        "concat" => "use `+`",
        "toString" => "use `'' + value`",
        "stringify" => "use `toJSON(value)`",
        "parse" => "use `fromJSON(text)`",
        _ => return format!("methods are not supported: `{name}`"),
    };
    format!("methods are not supported: `{name}` ({instead})")
}
