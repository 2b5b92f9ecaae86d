//! Files of variables: what steps write to `$FLOWCD_OUTPUT` and the like, and what `env-file` names.
//!
//! A line is `name=value`, and `name<<END` begins a value of several lines that the line `END` ends. Values are taken
//! as they are; only `env-file` knows quotes and comments, as the tools that its files come from do.

use std::fmt;

/// The longest name of a variable or an output.
const MAX_NAME_BYTES: usize = 256;

/// What is wrong with a file, and in which line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct LineError {
    line: usize,
    message: String,
}

impl LineError {
    fn new(index: usize, message: impl Into<String>) -> Self {
        Self {
            line: index + 1,
            message: message.into(),
        }
    }

    pub(crate) fn line(&self) -> usize {
        self.line
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// The text of a file.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, LineError> {
    match text_before_fault(bytes) {
        (text, None) => Ok(text),
        (_, Some(error)) => Err(error),
    }
}

/// As many lines of a file as are text, and what is wrong with the next one.
pub(crate) fn text_before_fault(bytes: &[u8]) -> (&str, Option<LineError>) {
    let (text, fault) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let valid = &bytes[..error.valid_up_to()];
            let text = std::str::from_utf8(valid).unwrap_or_default();
            (text, Some("it is not UTF-8"))
        }
    };
    let (text, fault) = match text.find('\0') {
        Some(at) => (&text[..at], Some("it has a NUL byte")),
        None => (text, fault),
    };
    let error = fault.map(|fault| LineError::new(text.matches('\n').count(), fault));
    let end = match error {
        Some(_) => text.rfind('\n').map_or(0, |newline| newline + 1),
        None => text.len(),
    };
    let text = &text[..end];
    (text.strip_prefix('\u{feff}').unwrap_or(text), error)
}

/// Names and values in the order of their lines, and what is wrong with the first line that is none.
pub(crate) struct Pairs {
    pub(crate) pairs: Vec<(String, String)>,
    pub(crate) error: Option<LineError>,
}

/// Reads `name=value` and `name<<END` lines, up to the first that is neither.
pub(crate) fn pairs(text: &str) -> Pairs {
    let mut lines = Lines::new(text);
    let mut pairs = Vec::new();
    let error = loop {
        match lines.pair() {
            Ok(Some(pair)) => pairs.push(pair),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    Pairs { pairs, error }
}

/// Reads a file of values to mask: each line is one, and so is what `<<END` begins.
///
/// It cannot fail, because what looks wrong may be half of what a step is about to write: what is there of a value
/// without an end is a value, and so is the line that begins it, if it is more than that.
pub(crate) fn values(text: &str) -> Vec<String> {
    let mut lines = Lines::new(text);
    let mut values = Vec::new();
    while let Some((_, line)) = lines.next() {
        match line.strip_prefix("<<").map(str::trim_end) {
            Some(end) if !end.is_empty() => {
                let (value, is_ended) = lines.until(end);
                values.push(value);
                if !is_ended {
                    values.push(line.to_owned());
                }
            }
            _ => values.push(line.to_owned()),
        }
    }
    values.retain(|value| !value.trim().is_empty());
    values
}

/// The lines of a text that are not blank.
pub(crate) fn plain(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// Reads the lines of an `env-file`: `name=value`, `export name=value`, `name<<END`, comments and quoted values.
pub(crate) fn dotenv(text: &str) -> Result<Vec<(String, String)>, LineError> {
    let mut lines = Lines::new(text);
    let mut pairs = Vec::new();
    while let Some((index, line)) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        if let Some(end) = line
            .split_once("<<")
            .filter(|(name, _)| !name.contains('='))
        {
            pairs.push(lines.block(index, end)?);
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err(no_pair(index));
        };
        let name = check_name(index, name.trim())?;
        let value = lines.dotenv_value(index, value.trim())?;
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// Lines with their indexes, without the ends that Windows gives them.
struct Lines<'t> {
    rest: std::iter::Enumerate<std::str::Lines<'t>>,
}

impl<'t> Iterator for Lines<'t> {
    type Item = (usize, &'t str);

    fn next(&mut self) -> Option<Self::Item> {
        self.rest.next()
    }
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            rest: text.lines().enumerate(),
        }
    }

    fn pair(&mut self) -> Result<Option<(String, String)>, LineError> {
        let Some((index, line)) = self.find(|(_, line)| !line.trim().is_empty()) else {
            return Ok(None);
        };
        match (line.split_once('='), line.split_once("<<")) {
            (Some((name, value)), block)
                if block.is_none_or(|(other, _)| name.len() < other.len()) =>
            {
                Ok(Some((check_name(index, name)?, value.to_owned())))
            }
            (_, Some(block)) => self.block(index, block).map(Some),
            (_, None) => Err(no_pair(index)),
        }
    }

    /// A value of several lines.
    fn block(
        &mut self,
        index: usize,
        (name, end): (&str, &str),
    ) -> Result<(String, String), LineError> {
        let name = check_name(index, name.trim_end())?;
        let end = end.trim();
        if end.is_empty() {
            return Err(LineError::new(
                index,
                format!("`{name}<<` does not say which line ends the value"),
            ));
        }
        match self.until(end) {
            (value, true) => Ok((name, value)),
            (_, false) => Err(LineError::new(
                index,
                format!("no line `{end}` ends the value of `{name}`"),
            )),
        }
    }

    /// The lines up to `end`, and whether that came.
    fn until(&mut self, end: &str) -> (String, bool) {
        let mut value = String::new();
        for (n, (_, line)) in self.rest.by_ref().enumerate() {
            if line == end {
                return (value, true);
            }
            if n > 0 {
                value.push('\n');
            }
            value.push_str(line);
        }
        (value, false)
    }

    /// A value of an `env-file`, which can go on over lines within quotes.
    fn dotenv_value(&mut self, index: usize, value: &str) -> Result<String, LineError> {
        let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            // A comment has a blank before it: `#` alone can be part of a password.
            let end = value.find(" #").unwrap_or(value.len());
            return Ok(value[..end].trim_end().to_owned());
        };
        let mut inside = String::new();
        let mut line = &value[1..];
        loop {
            if let Some(after) = unquote(line, quote, &mut inside) {
                let after = after.trim();
                if after.is_empty() || after.starts_with('#') {
                    return Ok(inside);
                }
                let message = "something stands after the end of the quoted value";
                return Err(LineError::new(index, message));
            }
            let Some((_, next)) = self.next() else {
                return Err(LineError::new(index, format!("no {quote} ends the value")));
            };
            inside.push('\n');
            line = next;
        }
    }
}

/// Adds what stands before the closing quote to `inside`, and answers what stands after it, if it is in this line.
fn unquote<'t>(line: &'t str, quote: char, inside: &mut String) -> Option<&'t str> {
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            c if c == quote => return Some(chars.as_str()),
            '\\' if quote == '"' => match chars.next() {
                Some('n') => inside.push('\n'),
                Some('r') => inside.push('\r'),
                Some('t') => inside.push('\t'),
                Some(c @ ('"' | '\\' | '$')) => inside.push(c),
                other => {
                    inside.push('\\');
                    inside.extend(other);
                }
            },
            c => inside.push(c),
        }
    }
    None
}

fn check_name(index: usize, name: &str) -> Result<String, LineError> {
    let name = name.trim_start();
    let is_name = !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '=');
    match is_name {
        true => Ok(name.to_owned()),
        false => Err(LineError::new(
            index,
            "a name is one word, of at most 256 bytes",
        )),
    }
}

/// What is in the line is not told: such files are full of secrets.
fn no_pair(index: usize) -> LineError {
    LineError::new(index, "it is neither `name=value` nor `name<<END`")
}

#[cfg(test)]
mod tests;
