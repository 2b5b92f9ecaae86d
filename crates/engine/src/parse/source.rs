//! The text of a file, and where in it things stand.

use std::ops::Range;

/// A line and a column of the file, from 1.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Place {
    pub(crate) line: u64,
    pub(crate) column: u64,
}

impl Default for Place {
    fn default() -> Self {
        Self::START
    }
}

impl Place {
    /// The beginning of a file.
    pub(crate) const START: Self = Self { line: 1, column: 1 };
}

/// The text of a file.
#[derive(Debug)]
pub(crate) struct Source<'s> {
    text: &'s str,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl<'s> Source<'s> {
    pub(crate) fn new(text: &'s str) -> Self {
        let bytes = text.as_bytes();
        // As YAML has it: LF, CR LF, and CR alone.
        let is_break = |at: &usize| match bytes[*at] {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        };
        let breaks = (0..bytes.len()).filter(is_break);
        let lines = std::iter::once(0).chain(breaks.map(|at| at + 1)).collect();
        Self { text, lines }
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &'s str {
        self.text
    }

    /// The text of a line, counted from 1, without its end.
    pub(crate) fn line(&self, number: u64) -> &'s str {
        let start = self.line_start(number);
        first_line(&self.text[start..])
    }

    /// How many lines there are.
    pub(crate) fn n_lines(&self) -> u64 {
        self.lines.len() as u64
    }

    fn line_start(&self, number: u64) -> usize {
        let index = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
        self.lines.get(index).copied().unwrap_or(self.text.len())
    }

    /// Where a byte stands.
    pub(crate) fn place(&self, at: usize) -> Place {
        let at = self.text.floor_char_boundary(at);
        let line = self.lines.partition_point(|start| *start <= at).max(1);
        let start = self.lines[line - 1];
        Place {
            line: line as u64,
            column: self.text[start..at].chars().count() as u64 + 1,
        }
    }

    /// The byte that stands there, or the end of that line.
    pub(crate) fn offset(&self, place: Place) -> usize {
        let start = self.line_start(place.line);
        let column = usize::try_from(place.column.saturating_sub(1)).unwrap_or(usize::MAX);
        let line = self.line(place.line);
        let within = line
            .char_indices()
            .nth(column)
            .map_or(line.len(), |(at, _)| at);
        start + within
    }

    /// What to underline of a part: the part, as far as it stands on its first line. Lists and mappings have no
    /// length of their own, and are shown by the line that they begin on.
    pub(crate) fn underlined(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.text.floor_char_boundary(span.start);
        let rest = &self.text[start..];
        let line = first_line(rest).trim_end();
        let length = match span.end.saturating_sub(start) {
            0 => line.len(),
            length => length.min(line.len()),
        };
        start..self.text.floor_char_boundary(start + length)
    }
}

fn first_line(text: &str) -> &str {
    text.split(['\n', '\r']).next().unwrap_or_default()
}

/// Where in the file the characters of a scalar's text stand.
///
/// A scalar's text is what is written, less indentation, quotes and escapes. So the characters of the text are found
/// in what is written one after the other, and what lies between them is the spelling. That is exact for plain and
/// block text, and right again soon after an escape.
#[derive(Debug)]
pub(crate) struct Spelling {
    raw: Range<usize>,
    /// Where each character that is not blank begins in the text and in the file, and how long it is.
    characters: Vec<(usize, usize, usize)>,
}

impl Spelling {
    /// How `text` is spelled by the bytes `raw` of the file.
    pub(crate) fn new(source: &Source<'_>, raw: &Range<usize>, text: &str) -> Self {
        let written = source.text.get(raw.clone()).unwrap_or_default();
        let mut rest = written.char_indices();
        let mut characters = Vec::new();
        for (at, c) in text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
            let Some((place, _)) = rest.find(|(_, written)| *written == c) else {
                break;
            };
            characters.push((at, raw.start + place, c.len_utf8()));
        }
        Self {
            raw: raw.clone(),
            characters,
        }
    }

    /// Whether it is that of these bytes.
    pub(crate) fn is_of(&self, raw: &Range<usize>) -> bool {
        self.raw == *raw
    }

    /// Where a part of the text stands in the file.
    pub(crate) fn locate(&self, part: &Range<usize>) -> Range<usize> {
        let first = self.characters.partition_point(|(at, ..)| *at < part.start);
        let end = self.characters.partition_point(|(at, ..)| *at < part.end);
        let start = match self.characters.get(first) {
            Some((_, place, _)) => *place,
            // Behind the last character: what is missing there.
            None => match self.characters.last() {
                Some((_, place, length)) => place + length,
                None => self.raw.start,
            },
        };
        let last = end.checked_sub(1).filter(|last| *last >= first);
        match last.and_then(|last| self.characters.get(last)) {
            Some((_, place, length)) => start..(place + length).max(start),
            None => start..start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, Source, Spelling};

    #[test]
    fn a_part_of_a_scalar_is_found_however_it_is_written() {
        for (written, text) in [
            ("echo X y", "echo X y"),
            ("'it''s X y'", "it's X y"),
            ("\"a\\n\\\"b\\\" X y\"", "a\n\"b\" X y"),
            ("one\n    two X y\n    three", "one\ntwo X y\nthree\n"),
            ("one\n  two\n\n  X y", "one two\nX y"),
            ("a  \u{e4}\u{1f600} X y", "a  \u{e4}\u{1f600} X y"),
        ] {
            let source = Source::new(written);
            let at = text.find('X').unwrap_or_default();
            let spelling = Spelling::new(&source, &(0..written.len()), text);
            let found = spelling.locate(&(at..at + 3));
            assert_eq!(written.get(found), Some("X y"), "{written}");
        }
    }

    #[test]
    fn places_count_characters_and_lines() {
        let source = Source::new("a\u{e4}b\r\n\nxyz");
        for (at, line, column) in [(0, 1, 1), (3, 1, 3), (6, 2, 1), (7, 3, 1), (99, 3, 4)] {
            let place = Place { line, column };
            assert_eq!(source.place(at), place, "{at}");
            assert_eq!(source.offset(place), at.min(10), "{at}");
        }
        assert_eq!(source.line(1), "a\u{e4}b");
        assert_eq!(source.line(9), "");
    }

    #[test]
    fn a_line_ends_where_yaml_ends_it() {
        let source = Source::new("a\rbc\r\r\nd\n");
        let lines: Vec<_> = (1..=source.n_lines()).map(|it| source.line(it)).collect();
        assert_eq!(lines, ["a", "bc", "", "d", ""]);
        assert_eq!(source.place(3), Place { line: 2, column: 2 });
        assert_eq!(source.offset(Place { line: 4, column: 1 }), 7);
    }
}
