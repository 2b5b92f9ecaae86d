//! Values, and how JavaScript turns one kind into another.

use std::{borrow::Cow, cmp::Ordering, ptr};

use serde_json::Value as Json;

use super::token::{is_space, whole_number};

/// What an expression, or a part of one, comes to.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    /// An array or an object; nothing else is kept in here.
    Tree(Cow<'a, Json>),
}

impl<'a> Value<'a> {
    /// The value of a piece of JSON that outlives the evaluation.
    pub(super) fn borrowed(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::Number(number.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Self::Text(Cow::Borrowed(text)),
            Json::Array(_) | Json::Object(_) => Self::Tree(Cow::Borrowed(json)),
        }
    }

    /// The value of a piece of JSON that was made on the way.
    pub(super) fn owned(json: Json) -> Self {
        match json {
            Json::String(text) => Self::Text(Cow::Owned(text)),
            Json::Array(_) | Json::Object(_) => Self::Tree(Cow::Owned(json)),
            Json::Null | Json::Bool(_) | Json::Number(_) => match Value::borrowed(&json) {
                Value::Bool(value) => Self::Bool(value),
                Value::Number(number) => Self::Number(number),
                _ => Self::Null,
            },
        }
    }

    /// As JSON, which knows neither undefined nor numbers that are none: they are null there.
    pub(super) fn into_json(self) -> Json {
        match self {
            Self::Undefined | Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(value),
            Self::Number(number) => number_to_json(number),
            Self::Text(text) => Json::String(text.into_owned()),
            Self::Tree(json) => json.into_owned(),
        }
    }

    /// What `typeof` says.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::Null | Self::Tree(_) => "object",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
        }
    }

    /// Whether it counts as true.
    pub(super) fn is_truthy(&self) -> bool {
        match self {
            Self::Undefined | Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(number) => *number != 0.0 && !number.is_nan(),
            Self::Text(text) => !text.is_empty(),
            Self::Tree(_) => true,
        }
    }

    /// Whether it is null or undefined.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Undefined | Self::Null)
    }

    /// Whether it is an array.
    pub(super) fn is_list(&self) -> bool {
        matches!(self, Self::Tree(json) if json.is_array())
    }

    /// As a number.
    pub(super) fn number(&self) -> f64 {
        match self {
            Self::Undefined => f64::NAN,
            Self::Null => 0.0,
            Self::Bool(value) => f64::from(u8::from(*value)),
            Self::Number(number) => *number,
            Self::Text(text) => text_to_number(text),
            Self::Tree(json) => text_to_number(&tree_text(json)),
        }
    }

    /// As the string that JavaScript makes of it in `'' + value`.
    pub(super) fn string(&self) -> Cow<'_, str> {
        match self {
            Self::Undefined => Cow::Borrowed("undefined"),
            Self::Null => Cow::Borrowed("null"),
            Self::Bool(true) => Cow::Borrowed("true"),
            Self::Bool(false) => Cow::Borrowed("false"),
            Self::Number(number) => Cow::Owned(number_to_text(*number)),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Tree(json) => Cow::Owned(tree_text(json)),
        }
    }

    /// As the text that takes the place of `${{ }}`: nothing for what is absent, JSON for arrays and objects.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Undefined | Self::Null => Cow::Borrowed(""),
            Self::Tree(json) => Cow::Owned(json_text(json)),
            _ => self.string(),
        }
    }

    /// `==`
    pub(super) fn is_equal(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Self::Undefined | Self::Null, _) | (_, Value::Undefined | Value::Null) => {
                self.is_absent() && other.is_absent()
            }
            (Self::Text(a), Value::Text(b)) => a == b,
            (Self::Tree(_), Value::Tree(_)) => self.is_same(other),
            (Self::Tree(json), Value::Text(text)) => *text == tree_text(json),
            (Self::Text(text), Value::Tree(json)) => *text == tree_text(json),
            _ => self.number() == other.number(),
        }
    }

    /// `===`, but that null and undefined are the same: a missing key is both, whichever one its reader has in mind.
    pub(super) fn is_same(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Self::Bool(a), Value::Bool(b)) => a == b,
            (Self::Number(a), Value::Number(b)) => a == b,
            (Self::Text(a), Value::Text(b)) => a == b,
            // Two trees are the same only when they are one and the same.
            (Self::Tree(Cow::Borrowed(a)), Value::Tree(Cow::Borrowed(b))) => ptr::eq(*a, *b),
            _ => self.is_absent() && other.is_absent(),
        }
    }

    /// Which one is less; nothing where a number is not one.
    pub(super) fn order(&self, other: &Value<'_>) -> Option<Ordering> {
        let is_textual = |value: &Value<'_>| matches!(value, Value::Text(_) | Value::Tree(_));
        match is_textual(self) && is_textual(other) {
            true => Some(
                self.string()
                    .encode_utf16()
                    .cmp(other.string().encode_utf16()),
            ),
            false => self.number().partial_cmp(&other.number()),
        }
    }

    /// The property `key`. What has no such property has it undefined, and so have null and undefined.
    pub(super) fn property(self, key: &str) -> Value<'a> {
        match self {
            Self::Text(text) if key == "length" => {
                Value::Number(text.encode_utf16().count() as f64)
            }
            Self::Text(text) => match place(key).and_then(|at| text.encode_utf16().nth(at)) {
                Some(unit) => Value::Text(Cow::Owned(String::from_utf16_lossy(&[unit]))),
                None => Value::Undefined,
            },
            Self::Tree(Cow::Borrowed(json)) => match json {
                Json::Array(items) if key == "length" => Value::Number(items.len() as f64),
                Json::Array(items) => place(key)
                    .and_then(|at| items.get(at))
                    .map_or(Value::Undefined, Value::borrowed),
                json => json.get(key).map_or(Value::Undefined, Value::borrowed),
            },
            Self::Tree(Cow::Owned(json)) => match json {
                Json::Array(items) if key == "length" => Value::Number(items.len() as f64),
                Json::Array(mut items) => match place(key) {
                    Some(at) if at < items.len() => Value::owned(items.swap_remove(at)),
                    _ => Value::Undefined,
                },
                Json::Object(mut entries) => entries
                    .swap_remove(key)
                    .map_or(Value::Undefined, Value::owned),
                _ => Value::Undefined,
            },
            _ => Value::Undefined,
        }
    }
}

/// A property's name as a place in a list: `7`, but not `07`.
fn place(key: &str) -> Option<usize> {
    let is_canonical = key == "0" || !key.starts_with(['0', '+']);
    key.parse().ok().filter(|_| is_canonical)
}

/// What JavaScript makes of an array or an object that has to be a string.
fn tree_text(json: &Json) -> String {
    match json {
        Json::Array(items) => {
            let items: Vec<String> = items
                .iter()
                .map(|item| match item {
                    Json::Null => String::new(),
                    item => Value::borrowed(item).string().into_owned(),
                })
                .collect();
            items.join(",")
        }
        _ => "[object Object]".to_owned(),
    }
}

/// A value as JSON; undefined, which JSON does not know, as null.
pub(super) fn to_json(value: &Value<'_>) -> String {
    match value {
        Value::Undefined | Value::Null => "null".to_owned(),
        Value::Bool(_) => value.string().into_owned(),
        Value::Number(number) if number.is_finite() => number_to_text(*number),
        Value::Number(_) => "null".to_owned(),
        Value::Text(text) => Json::String(text.clone().into_owned()).to_string(),
        Value::Tree(json) => json_text(json),
    }
}

/// A number as JSON has it: whole ones as such, and those that are none as null.
fn number_to_json(number: f64) -> Json {
    /// Up to here every whole number has a float of its own.
    const MAX_WHOLE: f64 = 9_007_199_254_740_991.0;
    let is_whole = number.fract() == 0.0 && number.abs() <= MAX_WHOLE;
    match is_whole && !(number == 0.0 && number.is_sign_negative()) {
        true => Json::from(number as i64),
        false => Json::from(number),
    }
}

/// JavaScript's `Math.pow`.
pub(super) fn power(base: f64, exponent: f64) -> f64 {
    // IEEE 754 has it that these are 1.
    match base.abs() == 1.0 && exponent.is_infinite() || exponent.is_nan() {
        true => f64::NAN,
        false => base.powf(exponent),
    }
}

/// JSON on one line, with numbers as JavaScript writes them: `1`, not `1.0`.
fn json_text(json: &Json) -> String {
    struct Numbers;
    impl serde_json::ser::Formatter for Numbers {
        fn write_f64<W: ?Sized + std::io::Write>(
            &mut self,
            writer: &mut W,
            number: f64,
        ) -> std::io::Result<()> {
            writer.write_all(number_to_text(number).as_bytes())
        }
    }
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Numbers);
    match serde::Serialize::serialize(json, &mut serializer) {
        Ok(()) => String::from_utf8(bytes).unwrap_or_default(),
        // Neither a value nor a vector can fail here.
        Err(_) => String::new(),
    }
}

/// A number as JavaScript prints it.
pub(super) fn number_to_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return match number > 0.0 {
            true => "Infinity".to_owned(),
            false => "-Infinity".to_owned(),
        };
    }
    if number == 0.0 {
        return "0".to_owned();
    }
    // Rust finds the same shortest digits as JavaScript; only where the point goes is decided differently.
    let scientific = format!("{:e}", number.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = mantissa.replace('.', "");
    let n_digits = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let point = exponent.parse::<i32>().unwrap_or_default() + 1;
    let zeros = |n: i32| "0".repeat(usize::try_from(n).unwrap_or_default());
    let body = if (n_digits..=21).contains(&point) {
        format!("{digits}{}", zeros(point - n_digits))
    } else if (1..=21).contains(&point) {
        let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or_default());
        format!("{whole}.{fraction}")
    } else if (-5..=0).contains(&point) {
        format!("0.{}{digits}", zeros(-point))
    } else {
        format!("{mantissa}e{:+}", point - 1)
    };
    match number < 0.0 {
        true => format!("-{body}"),
        false => body,
    }
}

/// What JavaScript's `Number(text)` is.
fn text_to_number(text: &str) -> f64 {
    let text = text.trim_matches(is_space);
    if text.is_empty() {
        return 0.0;
    }
    let radix = match text.get(..2) {
        Some("0x" | "0X") => Some(16),
        Some("0o" | "0O") => Some(8),
        Some("0b" | "0B") => Some(2),
        _ => None,
    };
    if let Some(radix) = radix {
        let digits = &text[2..];
        return match digits.contains('_') {
            true => f64::NAN,
            false => whole_number(digits, radix).unwrap_or(f64::NAN),
        };
    }
    match text {
        "Infinity" | "+Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        // Rust takes `inf` and `nan` for numbers, JavaScript does not.
        _ if text.contains(|c: char| c.is_ascii_alphabetic() && c != 'e' && c != 'E') => f64::NAN,
        _ => text.parse().unwrap_or(f64::NAN),
    }
}
