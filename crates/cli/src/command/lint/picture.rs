//! A diagnostic as people read it: the line of the file, and what of it is meant.

use flowcd_engine::lint::{Diagnostic, Severity};
use owo_colors::{OwoColorize, Style};
use unicode_width::UnicodeWidthChar;

use super::{Checked, name_of};
use crate::output::clean;

/// The longest part of a line that is shown, in characters.
const MAX_CHARS: usize = 160;
/// How much of a longer line is shown before what is meant.
const CHARS_BEFORE: usize = 40;
/// How wide a tab is drawn.
const TAB: &str = "    ";

/// Everything that there is to say about a file.
pub(super) fn of(checked: &Checked) -> String {
    // Without the mark of UTF-8, as the columns are counted.
    let text = checked
        .text
        .strip_prefix('\u{feff}')
        .unwrap_or(&checked.text);
    // Lines end where YAML ends them: at LF, CR LF and CR.
    let text = text.replace("\r\n", "\n");
    let lines: Vec<&str> = text.split(['\n', '\r']).collect();
    checked
        .diagnostics
        .iter()
        .map(|diagnostic| {
            let index = usize::try_from(diagnostic.line.saturating_sub(1)).unwrap_or(usize::MAX);
            let line = lines.get(index).copied().unwrap_or_default();
            picture(&checked.name, line.trim_end(), diagnostic)
        })
        .collect()
}

fn picture(file: &str, line: &str, diagnostic: &Diagnostic) -> String {
    let Diagnostic {
        severity,
        code,
        line: number,
        column,
        message,
        help,
        ..
    } = diagnostic;
    let style = match severity {
        Severity::Error => Style::new().red().bold(),
        Severity::Warning => Style::new().yellow().bold(),
    };
    let frame = Style::new().blue().bold();
    let number = number.to_string();
    let margin = " ".repeat(number.len());
    let title = format!("{}[{code}]", name_of(*severity));
    let mut picture = format!(
        "{}: {}\n{margin}{} {file}:{number}:{column}\n",
        title.style(style),
        clean(message).bold(),
        "-->".style(frame)
    );
    if !line.is_empty() {
        let (shown, before, width) = part_of(line, diagnostic);
        let carets = "^".repeat(width);
        let bar = "|".style(frame);
        picture.push_str(&format!(
            "{margin} {bar}\n{} {bar} {shown}\n{margin} {bar} {}{}\n",
            number.style(frame),
            " ".repeat(before),
            carets.style(style)
        ));
    }
    if let Some(help) = help {
        picture.push_str(&format!(
            "{margin} {} {}\n",
            "= help:".style(frame),
            clean(help)
        ));
    }
    picture.push('\n');
    picture
}

/// What is shown of a line, how far in what is meant begins on the screen, and how wide it is there.
fn part_of(line: &str, diagnostic: &Diagnostic) -> (String, usize, usize) {
    let index = |column: u64| usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
    let (from, to) = (index(diagnostic.column), index(diagnostic.end_column));
    let n_chars = line.chars().count();
    let start = match n_chars > MAX_CHARS {
        true => from.min(n_chars).saturating_sub(CHARS_BEFORE),
        false => 0,
    };
    let mut shown = String::new();
    let (mut before, mut width) = (0, 0);
    if start > 0 {
        shown.push('\u{2026}');
        before = 1;
    }
    let part = line.chars().enumerate().skip(start).take(MAX_CHARS);
    for (at, c) in part {
        let drawn = match c {
            '\t' => TAB.to_owned(),
            c => clean(c.encode_utf8(&mut [0; 4])),
        };
        let wide: usize = drawn.chars().map(|c| c.width().unwrap_or(1)).sum();
        if at < from {
            before += wide;
        } else if at < to {
            width += wide;
        }
        shown.push_str(&drawn);
    }
    if n_chars > start + MAX_CHARS {
        shown.push('\u{2026}');
    }
    (shown, before, width.max(1))
}
