//! Says of a file that is not YAML what its author did, and not what the YAML reader went through.

use crate::{
    lint::code,
    parse::{
        finding::{Findings, Note},
        source::{Place, Source},
    },
    yaml::Broken,
};

/// What is wrong in the words of somebody who writes pipelines.
struct Explained {
    place: Place,
    message: String,
    help: Option<String>,
}

impl Explained {
    fn new(place: Place, message: impl Into<String>, help: &str) -> Self {
        Self {
            place,
            message: message.into(),
            help: Some(help.to_owned()),
        }
    }
}

/// Adds why the file cannot be read.
pub(super) fn explain(broken: Broken, findings: &mut Findings<'_>) {
    if broken.is_plain {
        let note = Note::refused(code::TOO_LARGE, broken.message);
        return findings.add_at(broken.place, note);
    }
    let source = findings.source();
    let explained = by_line(&broken, source)
        .or_else(|| by_message(&broken, source))
        .unwrap_or(Explained {
            place: broken.place,
            message: broken.message,
            help: None,
        });
    let at = source.offset(explained.place);
    let note = Note::refused(code::YAML, explained.message).hint(explained.help);
    findings.add(&(at..at + 1), note);
}

/// What the lines say by themselves.
fn by_line(broken: &Broken, source: &Source<'_>) -> Option<Explained> {
    // What is wrong is often noticed a line later than it was done.
    let around = broken.place.line.saturating_sub(1).max(1)..=broken.place.line + 1;
    for number in around.filter(|number| *number <= source.n_lines()) {
        let line = source.line(number);
        let is_conflict = ["<<<<<<<", "=======", ">>>>>>>"]
            .iter()
            .any(|mark| line.starts_with(mark));
        if is_conflict {
            let place = Place {
                line: number,
                column: 1,
            };
            return Some(Explained::new(
                place,
                "this is the mark of a merge conflict",
                "decide for one of the two versions",
            ));
        }
        let indentation = &line[..line.len() - line.trim_start().len()];
        if let Some(column) = indentation.find('\t') {
            let place = Place {
                line: number,
                column: column as u64 + 1,
            };
            return Some(Explained::new(
                place,
                "the line is indented with a tab",
                "YAML is indented with blanks only; write two for each level",
            ));
        }
    }
    None
}

/// What the reader's message means.
fn by_message(broken: &Broken, source: &Source<'_>) -> Option<Explained> {
    let Broken { place, message, .. } = broken;
    let place = *place;
    let line = source.line(place.line);
    let has = |part: &str| message.contains(part);
    let explained = if has("mapping values are not allowed") {
        second_colon(place, line)
    } else if has("unexpected character") || has("did not find expected whitespace") {
        first_character(place, source)?
    } else if has("trailing content after") {
        Explained::new(
            place,
            "there is text after the closing quote",
            "put the whole value in quotes, or on a line of its own under `|`",
        )
    } else if has("did not find expected key") || has("did not find expected '-'") {
        Explained::new(
            place,
            "the line does not stand under any of the lines above it",
            match line.trim_start().starts_with('-') {
                true => "indent every `-` of a list by the same number of blanks",
                false => "indent the keys of a step like its first key, by two more than its `-`",
            },
        )
    } else if has("simple key expected") {
        Explained::new(
            place,
            "the line is neither `key: value` nor a part of the text above it",
            "write a blank after the `:` of a key, and indent the lines of a text under `|` by more than its key",
        )
    } else if has("expected comment or line break") {
        Explained::new(
            place,
            "there is text on the line of the `|` or `>`",
            "begin the text on the next line",
        )
    } else if has("unknown escape") {
        Explained::new(
            place,
            "the text in double quotes has a `\\` that YAML does not know",
            "write `\\\\`, or put the text in single quotes",
        )
    } else if has("unknown value") || has("unknown anchor") {
        Explained::new(
            place,
            "a value that begins with `*` is an alias, and there is no anchor of that name",
            "put the value in quotes",
        )
    } else if has("unclosed quote") {
        Explained::new(
            place,
            "the quote is not closed",
            "a `'` inside of single quotes is written `''`",
        )
    } else if has("unclosed bracket") {
        Explained::new(
            place,
            "the `{` or `[` is not closed",
            "close it, or put a value that begins with it in quotes",
        )
    } else if has("flow mapping") || has("flow sequence") {
        Explained::new(
            place,
            "the `{` or `[` is not closed here, and there is no `,`",
            "put a value that begins with `{` or `[` in quotes, or close it",
        )
    } else if has("expected string scalar") || has("string scalar") {
        Explained::new(
            place,
            "a value that begins with `{` or `[` is not text",
            "put the value in quotes: \"${{ .. }}\"",
        )
    } else if has("duplicate mapping key") {
        return Some(duplicate_key(place, source));
    } else {
        return None;
    };
    Some(explained)
}

/// A `: ` where no mapping can begin: the second on its line, or one on a line that is indented too far.
fn second_colon(place: Place, line: &str) -> Explained {
    let column = usize::try_from(place.column.saturating_sub(1)).unwrap_or_default();
    let before: String = line.chars().take(column).collect();
    match before.find(": ") {
        Some(first) => {
            let key = before[..first].trim_start_matches([' ', '-']);
            Explained {
                place,
                message: format!("the value of `{key}` has a `: `, which begins a mapping"),
                help: Some(format!(
                    "put the value in quotes, or on a line of its own under `{key}: |`"
                )),
            }
        }
        None => Explained::new(
            Place {
                line: place.line,
                column: (line.len() - line.trim_start().len()) as u64 + 1,
            },
            "the line is indented further than the one above it, which has a value already",
            "indent it like the key above it",
        ),
    }
}

/// A value that begins with a character that YAML keeps for itself.
fn first_character(place: Place, source: &Source<'_>) -> Option<Explained> {
    let first = source.text()[source.offset(place)..].chars().next()?;
    if first.is_control() {
        return Some(Explained::new(
            place,
            format!("the file has the control character U+{:04X}", first as u32),
            "remove it, or write it as an escape in double quotes: \"\\e\"",
        ));
    }
    Some(Explained::new(
        place,
        match first {
            '!' => "a value that begins with `!` is a tag of YAML and not text".to_owned(),
            _ => format!("a value cannot begin with `{first}`"),
        },
        "put the value in quotes",
    ))
}

fn duplicate_key(place: Place, source: &Source<'_>) -> Explained {
    let line = source.line(place.line).trim_start();
    let key = line.split(':').next().unwrap_or_default().trim();
    if let Some(rest) = key.strip_prefix('-').filter(|rest| !rest.starts_with(' ')) {
        return Explained {
            place,
            message: format!("`{key}` is there already"),
            help: Some(format!("write a blank after the `-`: `- {rest}:`")),
        };
    }
    let key = key.trim_start_matches(['-', ' ']);
    Explained {
        place,
        message: format!("the key `{key}` is there already"),
        help: Some("remove one of the two, or begin the next step with `- `".to_owned()),
    }
}
