//! Cuts the text of an expression into tokens.

use std::{iter::Peekable, ops::Range, str::CharIndices};

use super::{Fault, MAX_SOURCE_BYTES, dialect::Dialect};

/// The smallest part of an expression that means something.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A number.
    Number(f64),
    /// A string, with its escapes resolved.
    Text(String),
    /// A name or a keyword.
    Name(String),
    /// An operator, a bracket, a separator. Those that the language does not have are tokens, too, so that the parser
    /// can say what is wrong with them.
    Mark(&'static str),
    /// The end of the text, or the `}}` that ends the expression.
    End,
}

/// Reads tokens off a text, from an offset on.
#[derive(Debug)]
pub(super) struct Lexer<'s> {
    text: &'s str,
    start: usize,
    at: usize,
    is_template: bool,
    dialect: Dialect,
}

impl<'s> Lexer<'s> {
    /// Starts at the byte `start` of `text`. In a template, `}}` ends the expression.
    pub(super) fn new(text: &'s str, start: usize, is_template: bool, dialect: Dialect) -> Self {
        Self {
            text,
            start,
            at: start,
            is_template,
            dialect,
        }
    }

    /// The next token, and the bytes of the text that it is made of.
    pub(super) fn next(&mut self) -> Result<(Token, Range<usize>), Fault> {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_start_matches(is_space);
        let start = self.at + (rest.len() - trimmed.len());
        self.at = start;
        if start - self.start > MAX_SOURCE_BYTES {
            return Err(Fault::new(
                format!("an expression is at most {MAX_SOURCE_BYTES} bytes long"),
                self.start..self.start + 1,
            ));
        }
        let Some(first) = trimmed.chars().next() else {
            if self.is_template {
                return Err(Fault::new(
                    "the expression is not closed by `}}`",
                    start..start,
                ));
            }
            return Ok((Token::End, start..start));
        };
        if self.is_template && trimmed.starts_with("}}") {
            self.at += 2;
            return Ok((Token::End, start..self.at));
        }
        let token = match first {
            '"' | '\'' => self.text(first)?,
            '0'..='9' => self.number()?,
            '.' if self.dialect == Dialect::Pipeline
                && trimmed[1..].starts_with(|c: char| c.is_ascii_digit()) =>
            {
                self.number()?
            }
            _ if self.dialect.is_name_start(first) => {
                let is_part = |c| self.dialect.is_name_part(c);
                let length = trimmed.find(|c| !is_part(c)).unwrap_or(trimmed.len());
                self.at += length;
                match (&trimmed[..length], self.dialect) {
                    ("in", Dialect::Jexl) => Token::Mark("in"),
                    (name, _) => Token::Name(name.to_owned()),
                }
            }
            _ => self.mark(trimmed)?,
        };
        Ok((token, start..self.at))
    }

    fn mark(&mut self, rest: &str) -> Result<Token, Fault> {
        // `a?.5:b` is a choice, as in JavaScript.
        let is_choice =
            rest.starts_with("?.") && rest[2..].starts_with(|c: char| c.is_ascii_digit());
        let found = self
            .dialect
            .marks()
            .iter()
            .find(|mark| rest.starts_with(**mark) && !(is_choice && **mark == "?."));
        match (found, rest.chars().next()) {
            (Some(mark), _) => {
                self.at += mark.len();
                Ok(Token::Mark(mark))
            }
            (None, Some(c)) => Err(Fault::new(
                format!("unexpected character {c:?}"),
                self.at..self.at + c.len_utf8(),
            )),
            (None, None) => Ok(Token::End),
        }
    }

    fn number(&mut self) -> Result<Token, Fault> {
        let rest = &self.text[self.at..];
        let bytes = rest.as_bytes();
        let start = self.at;
        if self.dialect == Dialect::Jexl {
            let length = jexl_number(bytes);
            self.at += length;
            let number = rest[..length].parse().unwrap_or(f64::NAN);
            return Ok(Token::Number(number));
        }
        let radix = match bytes.get(..2) {
            Some(b"0x" | b"0X") => Some(16),
            Some(b"0o" | b"0O") => Some(8),
            Some(b"0b" | b"0B") => Some(2),
            _ => None,
        };
        let mut length = match radix {
            Some(_) => 2,
            None => 0,
        };
        while let Some(byte) = bytes.get(length) {
            let is_part = match byte {
                b'_' => true,
                b'.' => radix.is_none(),
                // The sign of an exponent.
                b'+' | b'-' => radix.is_none() && matches!(bytes[length - 1], b'e' | b'E'),
                _ => byte.is_ascii_alphanumeric() || *byte == b'$',
            };
            if !is_part {
                break;
            }
            length += 1;
        }
        self.at += length;
        let digits = &rest[..length];
        let value = match radix {
            Some(radix) => whole_number(&digits[2..], radix),
            None => decimal_number(digits),
        };
        value
            .map(Token::Number)
            .ok_or_else(|| Fault::new(format!("`{digits}` is not a number"), start..self.at))
    }

    fn text(&mut self, quote: char) -> Result<Token, Fault> {
        let start = self.at;
        let unclosed = || Fault::new("the string is not closed", start..start + 1);
        let mut value = String::new();
        let mut chars = self.text[start + 1..].char_indices().peekable();
        while let Some((offset, c)) = chars.next() {
            match c {
                _ if c == quote => {
                    self.at = start + 1 + offset + 1;
                    return Ok(Token::Text(value));
                }
                '\\' if self.dialect == Dialect::Jexl => {
                    // There are two escapes. Before anything else the backslash is one of the text.
                    let escaped = chars.next_if(|(_, c)| *c == quote || *c == '\\');
                    value.push(escaped.map_or('\\', |(_, c)| c));
                }
                '\n' | '\r' if self.dialect == Dialect::Pipeline => return Err(unclosed()),
                '\\' => {
                    let at = start + 1 + offset;
                    escape(&mut chars, &mut value).ok_or_else(|| {
                        Fault::new("the string has an invalid escape", at..at + 1)
                    })?;
                }
                _ => value.push(c),
            }
        }
        Err(unclosed())
    }
}

/// What JavaScript takes for white space.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() && c != '\u{85}' || c == '\u{feff}'
}

/// The length of a JEXL number: digits, with others behind a point or not. The rest of JavaScript's is not in it.
fn jexl_number(bytes: &[u8]) -> usize {
    let n_digits = |from: usize| {
        let digits = bytes[from..].iter();
        digits.take_while(|byte| byte.is_ascii_digit()).count()
    };
    let whole = n_digits(0);
    match bytes.get(whole) {
        Some(b'.') if n_digits(whole + 1) > 0 => whole + 1 + n_digits(whole + 1),
        _ => whole,
    }
}

/// Digits of a radix, as the literal and `Number("0x..")` have them.
pub(super) fn whole_number(digits: &str, radix: u32) -> Option<f64> {
    if !are_separators_inside(digits) {
        return None;
    }
    digits
        .chars()
        .filter(|c| *c != '_')
        .try_fold(0.0, |value, c| {
            c.to_digit(radix)
                .map(|digit| value * f64::from(radix) + f64::from(digit))
        })
}

fn decimal_number(digits: &str) -> Option<f64> {
    let is_octal_of_old = digits.len() > 1
        && digits.starts_with('0')
        && digits[1..].starts_with(|c: char| c.is_ascii_digit() || c == '_');
    if is_octal_of_old || !are_separators_inside(digits) {
        return None;
    }
    // The rest of Rust's grammar is JavaScript's, but for the names `inf` and `nan`.
    let plain: String = digits.chars().filter(|c| *c != '_').collect();
    match plain.contains(|c: char| c.is_ascii_alphabetic() && c != 'e' && c != 'E') {
        true => None,
        false => plain.parse().ok(),
    }
}

/// Whether each `_` stands between two digits.
fn are_separators_inside(digits: &str) -> bool {
    let bytes = digits.as_bytes();
    let is_digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_hexdigit)
    };
    !digits.is_empty()
        && bytes.iter().enumerate().all(|(at, byte)| {
            *byte != b'_' || is_digit(at.checked_sub(1)) && is_digit(at.checked_add(1))
        })
}

/// Resolves the escape whose backslash has just been read.
fn escape(chars: &mut Peekable<CharIndices<'_>>, value: &mut String) -> Option<()> {
    let c = match chars.next()?.1 {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        '0' if !chars.peek().is_some_and(|(_, c)| c.is_ascii_digit()) => '\0',
        '0'..='9' => return None,
        'x' => char::from_u32(hex(chars, 2)?)?,
        'u' => unicode(chars)?,
        // A line that goes on in the next one.
        '\n' => return Some(()),
        other => other,
    };
    value.push(c);
    Some(())
}

fn unicode(chars: &mut Peekable<CharIndices<'_>>) -> Option<char> {
    if chars.next_if(|(_, c)| *c == '{').is_some() {
        let mut code = 0;
        let mut n_digits = 0;
        loop {
            match chars.next()?.1 {
                '}' if n_digits > 0 => return Some(char::from_u32(code).unwrap_or('\u{fffd}')),
                c => code = code * 16 + c.to_digit(16)?,
            }
            n_digits += 1;
            if code > 0x10_ffff || n_digits > 16 {
                return None;
            }
        }
    }
    let high = hex(chars, 4)?;
    if !(0xd800..0xdc00).contains(&high) {
        return Some(char::from_u32(high).unwrap_or('\u{fffd}'));
    }
    // Half of a pair; without its other half it is no character.
    let mut ahead = chars.clone();
    let low = match (ahead.next(), ahead.next()) {
        (Some((_, '\\')), Some((_, 'u'))) => hex(&mut ahead, 4),
        _ => None,
    };
    match low {
        Some(low) if (0xdc00..0xe000).contains(&low) => {
            *chars = ahead;
            char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))
        }
        _ => Some('\u{fffd}'),
    }
}

fn hex(chars: &mut Peekable<CharIndices<'_>>, n_digits: usize) -> Option<u32> {
    let mut code = 0;
    for _ in 0..n_digits {
        code = code * 16 + chars.next()?.1.to_digit(16)?;
    }
    Some(code)
}
