//! What is printed, and where: data to stdout, talk to stderr.

use std::io::{self, IsTerminal, Write};

use clap::{ValueEnum, builder::PossibleValue};
use owo_colors::OwoColorize;
use serde::Serialize;

use crate::{args::Global, failure::Failure};

/// The form of the data on stdout.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    // An empty variable is one that is not set.
    #[default]
    #[value(alias = "")]
    Table,
    /// One JSON document; one object on each line where events are followed.
    Json,
    /// One YAML document; one for each event where events are followed.
    Yaml,
    /// A SARIF report, which `lint` alone makes.
    #[value(skip)]
    Sarif,
}

impl Format {
    /// The value that `lint` knows besides those that every command knows.
    pub(crate) fn sarif_value() -> PossibleValue {
        PossibleValue::new("sarif").help("One SARIF report")
    }
}

/// Prints. Colours are left out by `anstream` where the stream is no terminal, and with `NO_COLOR`.
#[derive(Clone, Debug)]
pub(crate) struct Printer {
    pub(crate) format: Format,
    is_quiet: bool,
}

impl Printer {
    pub(crate) fn new(global: &Global) -> Self {
        Self {
            format: global.output,
            is_quiet: global.is_quiet,
        }
    }

    /// Data, as a document or as the text that `text` makes of it.
    pub(crate) fn data<T: Serialize>(
        &self,
        value: &T,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.text(&text()),
            Format::Json | Format::Sarif => {
                let json = serde_json::to_string_pretty(value)
                    .map_err(|source| unprintable(source.into()))?;
                self.text(&format!("{json}\n"))
            }
            Format::Yaml => self.text(&yaml(value)?),
        }
    }

    /// One of many: a line of JSON, or a YAML document.
    pub(crate) fn item<T: Serialize>(&self, value: &T) -> Result<(), Failure> {
        if self.format == Format::Yaml {
            return self.text(&format!("---\n{}", yaml(value)?));
        }
        let json = serde_json::to_string(value).map_err(|source| unprintable(source.into()))?;
        self.text(&format!("{json}\n"))
    }

    /// Text for stdout, with its newlines.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = anstream::stdout().lock();
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(Failure::output)
    }

    /// Bytes for stdout, as they are.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(bytes)
            .and_then(|()| stdout.flush())
            .map_err(Failure::output)
    }

    /// A line for people, which `--quiet` leaves out.
    pub(crate) fn talk(&self, line: &str) {
        if !self.is_quiet {
            to_stderr(line);
        }
    }

    /// Bytes for people as they are, which `--quiet` leaves out.
    pub(crate) fn talk_bytes(&self, bytes: &[u8]) {
        if !self.is_quiet {
            // When stderr is gone there is nobody to tell.
            let _ = io::stderr().lock().write_all(bytes);
        }
    }

    /// A line for people about something that is not right, even with `--quiet`.
    pub(crate) fn warn(&self, line: &str) {
        to_stderr(&format!("{} {line}", "warning:".yellow().bold()));
    }

    /// The line that begins the report of a failure.
    pub(crate) fn error(&self, line: &str) {
        to_stderr(&format!("{} {line}", "error:".red().bold()));
    }

    /// A line more of that report.
    pub(crate) fn detail(&self, name: &str, text: &str) {
        to_stderr(&format!("{} {text}", format_args!("  {name}:").dimmed()));
    }

    /// Whether a picture that moves can be drawn on stderr, and is wanted.
    pub(crate) fn can_draw(&self) -> bool {
        self.format == Format::Table && !self.is_quiet && io::stderr().is_terminal()
    }
}

/// When stderr is gone there is nobody to tell, so this cannot fail.
fn to_stderr(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

fn yaml<T: Serialize>(value: &T) -> Result<String, Failure> {
    let text =
        serde_saphyr::to_string(value).map_err(|source| unprintable(io::Error::other(source)))?;
    Ok(if text.ends_with('\n') {
        text
    } else {
        format!("{text}\n")
    })
}

fn unprintable(source: io::Error) -> Failure {
    Failure::Io {
        what: "print the answer in this format",
        source,
    }
}

/// Text of the server made safe for a terminal's line: characters that steer the terminal, or turn the direction of
/// writing, are replaced.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if is_steering(c) { '\u{fffd}' } else { c })
        .collect()
}

/// A JSON document for people, on several lines. What would steer the terminal can only be inside of texts, where JSON
/// has another way to write it.
pub(crate) fn json_text(value: &serde_json::Value) -> String {
    let mut text = String::new();
    for c in format!("{value:#}\n").chars() {
        match c {
            c if c != '\n' && is_steering(c) => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text
}

/// The first line of a text, clean and at most `n_chars` long.
pub(crate) fn first_line(text: &str, n_chars: usize) -> String {
    let line = clean(text.lines().next().unwrap_or_default().trim());
    if line.chars().count() <= n_chars {
        return line;
    }
    let start: String = line.chars().take(n_chars.saturating_sub(1)).collect();
    format!("{}\u{2026}", start.trim_end())
}

fn is_steering(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{clean, first_line, json_text};

    #[test]
    fn json_for_people_cannot_steer_the_terminal_and_stays_the_same() {
        let value = json!({"a": "x\n\u{1b}[31m\u{9b}2J\u{202e}\u{e4}"});
        let text = json_text(&value);
        assert_eq!(
            text,
            "{\n  \"a\": \"x\\n\\u001b[31m\\u009b2J\\u202e\u{e4}\"\n}\n"
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).ok(),
            Some(value)
        );
    }

    #[test]
    fn text_of_the_server_cannot_steer_the_terminal() {
        assert_eq!(
            clean("a\x1b[31mb\u{202e}c\u{9b}2J\u{e4}"),
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}2J\u{e4}"
        );
    }

    #[test]
    fn long_messages_are_cut_at_their_first_line() {
        assert_eq!(first_line("fix it\n\nbody", 20), "fix it");
        assert_eq!(first_line("a long message", 7), "a long\u{2026}");
        assert_eq!(first_line("", 7), "");
    }
}
