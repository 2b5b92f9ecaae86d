//! Where in a shell script a variable stands for one word and nothing else: directly inside double quotes.
//!
//! This is no shell. What it does not follow for certain it calls unsafe, as there is always another way to write it.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

/// Commands that take an argument, or what they read, for a program or for the name of something that they change.
const PROGRAMMABLE: [&str; 20] = [
    "[[",
    "awk",
    "declare",
    "eval",
    "gawk",
    "let",
    "local",
    "mapfile",
    "mawk",
    "parallel",
    "read",
    "readarray",
    "sed",
    "source",
    "ssh",
    "su",
    "trap",
    "typeset",
    "unset",
    "xargs",
];

/// Programs that an option gives a program to, and that read one where they are not named a file.
const INTERPRETERS: [&str; 16] = [
    "ash", "bash", "busybox", "dash", "env", "fish", "ksh", "lua", "node", "perl", "php", "pwsh",
    "python", "ruby", "sh", "zsh",
];

/// Why a variable is not safe where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Hazard {
    /// It is split into words, and these are taken for patterns of file names.
    Bare,
    /// It is printed as it is written.
    Literal,
    /// It is inside of something that the shell evaluates, or that is not followed here.
    Nested,
    /// This command would take it for a program.
    Program(String),
    /// It is the name of the command.
    Command,
}

/// What is around a place of the script.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Frame {
    Double,
    /// `$( )`, with the number of parentheses that are open in it.
    Command(usize),
}

/// A here-document whose text has not come yet.
#[derive(Debug)]
struct HereDocument {
    delimiter: String,
    is_quoted: bool,
    has_tabs: bool,
}

/// The expressions of a script that a variable must not take the place of, each with the reason. `all` are the places
/// of all of its expressions, and `wanted` of those in question.
pub(crate) fn hazards(
    script: &str,
    all: &[Range<usize>],
    wanted: &[Range<usize>],
) -> Vec<(Range<usize>, Hazard)> {
    let mut text = script.as_bytes().to_vec();
    // Whatever an expression is made of, to the shell it is a part of a word.
    for range in all {
        if let Some(bytes) = text.get_mut(range.clone()) {
            bytes.fill(b'x');
        }
    }
    let mut scanner = Scanner {
        text: &text,
        at: 0,
        wanted: wanted.iter().map(|range| range.start).collect(),
        frames: Vec::new(),
        documents: Vec::new(),
        word: String::new(),
        words: Vec::new(),
        is_uncertain: false,
        on_line: Vec::new(),
        found: Vec::new(),
    };
    scanner.run();
    let mut found = BTreeMap::new();
    for (start, hazard) in scanner.found {
        found.entry(start).or_insert(hazard);
    }
    let hazard = |range: &Range<usize>| Some((range.clone(), found.get(&range.start)?.clone()));
    wanted.iter().filter_map(hazard).collect()
}

struct Scanner<'t> {
    text: &'t [u8],
    at: usize,
    /// Where the expressions in question begin.
    wanted: BTreeSet<usize>,
    frames: Vec<Frame>,
    documents: Vec<HereDocument>,
    /// The word that is being read, with `"` for whatever is quoted in it.
    word: String,
    /// The words of the line that are not quoted. A mark that parts commands is a word.
    words: Vec<String>,
    /// Whether what follows may not be what it looks like.
    is_uncertain: bool,
    /// The expressions in double quotes on this line, with the number of words before each.
    on_line: Vec<(usize, usize)>,
    found: Vec<(usize, Hazard)>,
}

impl Scanner<'_> {
    fn run(&mut self) {
        while let Some(&byte) = self.text.get(self.at) {
            let is_double = self.frames.last() == Some(&Frame::Double);
            if self.wanted.contains(&self.at) {
                self.meet(is_double);
            }
            match byte {
                b'\\' => {
                    // The end of the line is none then.
                    if self.peek(1) != Some(b'\n') {
                        self.word.push('"');
                    }
                    self.refuse_in(self.at + 1..self.at + 2, &Hazard::Nested);
                    self.at += 2;
                }
                b'`' => {
                    self.is_uncertain = true;
                    self.at += 1;
                }
                b'$' => self.dollar(is_double),
                b'"' => {
                    match is_double {
                        true => self.frames.truncate(self.frames.len().saturating_sub(1)),
                        false => {
                            self.word.push('"');
                            self.frames.push(Frame::Double);
                        }
                    }
                    self.at += 1;
                }
                _ if is_double => self.at += 1,
                _ => self.bare(byte),
            }
        }
        if !self.frames.is_empty() || !self.documents.is_empty() {
            self.is_uncertain = true;
        }
        self.end_line();
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    /// An expression in question begins here.
    fn meet(&mut self, is_double: bool) {
        let is_behind_dollar = self.at > 0 && self.text[self.at - 1] == b'$';
        let hazard = match is_double {
            _ if self.is_uncertain || is_behind_dollar => Hazard::Nested,
            false => Hazard::Bare,
            // A place in a list is a number that is worked out.
            true if self.word.contains('[') => Hazard::Nested,
            true => {
                let is_first = self.words.last().is_none_or(|word| is_mark(word));
                if is_first && self.word == "\"" {
                    self.found.push((self.at, Hazard::Command));
                }
                return self.on_line.push((self.at, self.words.len()));
            }
        };
        self.found.push((self.at, hazard));
    }

    /// Refuses the expressions in question that begin within a range.
    fn refuse_in(&mut self, range: Range<usize>, hazard: &Hazard) {
        if range.start >= range.end {
            return;
        }
        let refused = self.wanted.range(range).map(|at| (*at, hazard.clone()));
        self.found.extend(refused);
    }

    /// What is outside of double quotes.
    fn bare(&mut self, byte: u8) {
        match byte {
            b'\'' => {
                self.word.push('"');
                let end = self.find(self.at + 1, b'\'');
                self.refuse_in(self.at..end, &Hazard::Literal);
                self.at = end + 1;
            }
            b'#' if self.word.is_empty() => {
                // A comment is nothing, and so is what is in it.
                self.at = self.find(self.at, b'\n');
            }
            b'\n' => {
                self.end_word();
                self.at += 1;
                match self.frames.is_empty() {
                    true => self.end_line(),
                    false => {
                        self.is_uncertain |= !self.documents.is_empty();
                        self.words.push(";".to_owned());
                    }
                }
            }
            b' ' | b'\t' => {
                self.end_word();
                self.at += 1;
            }
            b'<' if self.peek(1) == Some(b'<') => self.here(),
            b'(' if self.peek(1) == Some(b'(') => self.arithmetic(self.at + 2),
            b'(' | b')' => self.parenthesis(byte == b'('),
            b'|' if self.peek(1) == Some(b'|') => {
                self.end_word();
                self.words.push(";".to_owned());
                self.at += 2;
            }
            b';' | b'|' | b'&' => {
                self.end_word();
                self.words.push(char::from(byte).to_string());
                self.at += 1;
            }
            b'<' | b'>' => {
                self.end_word();
                self.at += 1;
            }
            _ => {
                self.word.push(char::from(byte));
                self.at += 1;
            }
        }
    }

    fn parenthesis(&mut self, opens: bool) {
        self.end_word();
        self.at += 1;
        match (self.frames.last_mut(), opens) {
            (Some(Frame::Command(open)), true) => *open += 1,
            (Some(Frame::Command(0)), false) => {
                self.frames.truncate(self.frames.len().saturating_sub(1));
                self.word.push('"');
                return;
            }
            (Some(Frame::Command(open)), false) => *open -= 1,
            _ => {}
        }
        self.words.push("(".to_owned());
    }

    fn dollar(&mut self, is_double: bool) {
        match self.peek(1) {
            Some(b'(') if self.peek(2) == Some(b'(') => self.arithmetic(self.at + 3),
            Some(b'(') => {
                self.end_word();
                self.words.push("(".to_owned());
                self.frames.push(Frame::Command(0));
                self.at += 2;
            }
            Some(b'{') => {
                let is_plain = |byte: u8| {
                    byte.is_ascii_alphanumeric() || b"_#@*?!:-+=/%.,^[] $~".contains(&byte)
                };
                self.skip_plain(self.at + 2, b'}', is_plain);
            }
            Some(b'[') => self.is_uncertain_from(2),
            Some(b'\'') if !is_double => {
                let end = self.find(self.at + 2, b'\'');
                // Shells do not agree on what a backslash does here.
                self.is_uncertain |= self.text[self.at..end].ends_with(b"\\");
                self.refuse_in(self.at..end, &Hazard::Literal);
                self.word.push('"');
                self.at = end + 1;
            }
            _ => {
                self.word.push('$');
                self.at += 1;
            }
        }
    }

    /// Arithmetic, which evaluates the values of variables.
    fn arithmetic(&mut self, from: usize) {
        self.end_word();
        self.words.push("((".to_owned());
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || b"_+-*/%<>=!&|^?:,. $[]".contains(&byte);
        self.skip_plain(from, b')', is_plain);
        if !self.is_uncertain && self.peek(0) == Some(b')') {
            self.at += 1;
            self.words.pop();
        } else {
            self.is_uncertain = true;
        }
    }

    /// Goes past what needs no more than a look for its end.
    fn skip_plain(&mut self, from: usize, end: u8, is_plain: impl Fn(u8) -> bool) {
        let length = self.text[from.min(self.text.len())..]
            .iter()
            .position(|byte| !is_plain(*byte));
        let to = length.map_or(self.text.len(), |length| from + length);
        self.refuse_in(self.at..to, &Hazard::Nested);
        self.word.push('"');
        match self.text.get(to) == Some(&end) {
            true => self.at = to + 1,
            false => {
                self.is_uncertain = true;
                self.at = to;
            }
        }
    }

    fn is_uncertain_from(&mut self, ahead: usize) {
        self.is_uncertain = true;
        self.at += ahead;
    }

    /// Where this byte comes next; the end of the script where it does not.
    fn find(&self, from: usize, byte: u8) -> usize {
        let from = from.min(self.text.len());
        let length = self.text[from..].iter().position(|other| *other == byte);
        length.map_or(self.text.len(), |length| from + length)
    }

    fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        let word = std::mem::take(&mut self.word);
        // Its patterns close parentheses that nobody has opened.
        self.is_uncertain |= word == "case" && !self.frames.is_empty();
        self.words.push(word);
    }

    /// `<<`: a here-document, or with a third one a word.
    fn here(&mut self) {
        self.end_word();
        if self.peek(2) == Some(b'<') {
            self.at += 3;
            return;
        }
        let has_tabs = self.peek(2) == Some(b'-');
        self.at += 2 + usize::from(has_tabs);
        while matches!(self.peek(0), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        let rest = &self.text[self.at.min(self.text.len())..];
        let is_end = |byte: &u8| byte.is_ascii_whitespace() || b";|&<>()".contains(byte);
        let length = rest.iter().position(is_end).unwrap_or(rest.len());
        let written = String::from_utf8_lossy(&rest[..length]).into_owned();
        let delimiter = written.replace(['"', '\'', '\\'], "");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if delimiter.is_empty() || !delimiter.chars().all(is_plain) || !self.frames.is_empty() {
            return self.is_uncertain_from(0);
        }
        self.refuse_in(self.at..self.at + length, &Hazard::Nested);
        self.at += length;
        let is_quoted = delimiter != written;
        self.documents.push(HereDocument {
            delimiter,
            is_quoted,
            has_tabs,
        });
    }

    /// The line has ended: its here-documents follow, and all of its commands are known.
    fn end_line(&mut self) {
        self.end_word();
        for document in std::mem::take(&mut self.documents) {
            self.here_document(&document);
        }
        let words = std::mem::take(&mut self.words);
        let on_line = std::mem::take(&mut self.on_line);
        let (program, reader) = (program(&words), reader(&words));
        for (at, n_before) in on_line {
            let program = program.filter(|(from, _)| n_before >= *from);
            let reader = reader.filter(|(to, _)| n_before <= *to);
            if let Some((_, command)) = program.or(reader) {
                self.found.push((at, Hazard::Program(command.clone())));
            }
        }
    }

    fn here_document(&mut self, document: &HereDocument) {
        let begin = self.at;
        let mut has_end = false;
        while !has_end && self.at < self.text.len() {
            let end = self.find(self.at, b'\n');
            let mut line = &self.text[self.at..end];
            while let (true, [b'\t', rest @ ..]) = (document.has_tabs, line) {
                line = rest;
            }
            has_end = line == document.delimiter.as_bytes();
            // Such a line goes on, and may hide the end.
            self.is_uncertain |= !document.is_quoted && line.ends_with(b"\\");
            self.at = end + 1;
        }
        let body = begin..self.at.min(self.text.len());
        self.is_uncertain |= !has_end;
        let text = &self.text[body.clone()];
        let is_evaluated = text.contains(&b'`')
            || text.contains(&b'\\')
            || text.windows(2).any(|pair| {
                [b"$(", b"${", b"$[", b"$x"]
                    .iter()
                    .any(|mark| *mark == pair)
            });
        if document.is_quoted {
            self.refuse_in(body, &Hazard::Literal);
        } else if self.is_uncertain || is_evaluated {
            self.refuse_in(body, &Hazard::Nested);
        } else {
            // The line's command reads it, and so may all that the line pipes it to.
            let n_before = self.words.len();
            let command = self.words.iter().find(|word| reads_programs(word));
            for at in self.wanted.range(body) {
                match command {
                    Some(command) => self.found.push((*at, Hazard::Program(command.clone()))),
                    None => self.on_line.push((*at, n_before)),
                }
            }
        }
    }
}

fn is_mark(word: &str) -> bool {
    [";", "|", "&", "("].contains(&word)
}

/// The program of a path, without a version: `python` of `/usr/bin/python3.12`.
fn program_name(word: &str) -> &str {
    let name = word.rsplit('/').next().unwrap_or(word);
    name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.')
}

/// The command that takes what follows it for a program, and the number of words after which it does.
fn program(words: &[String]) -> Option<(usize, &String)> {
    let mut option = None;
    let mut found = None;
    for (index, word) in words.iter().enumerate().rev() {
        if word.starts_with(['-', '+']) {
            option = Some(index);
        }
        let name = program_name(word);
        let is_first = index == 0 || is_mark(&words[index - 1]);
        let is_direct = PROGRAMMABLE.contains(&name) || word == "((" || word == "." && is_first;
        let from = match INTERPRETERS.contains(&name) {
            true => option,
            false => is_direct.then_some(index),
        };
        if let Some(from) = from
            && found.is_none_or(|(other, _)| from < other)
        {
            found = Some((from + 1, word));
        }
    }
    found
}

/// The command that takes for a program what is piped to it, and the place of the `|` before it.
fn reader(words: &[String]) -> Option<(usize, &String)> {
    let at = words.iter().rposition(|word| reads_programs(word))?;
    let pipe = words[..at].iter().rposition(|word| word == "|")?;
    Some((pipe, &words[at]))
}

fn reads_programs(word: &str) -> bool {
    let name = program_name(word);
    INTERPRETERS.contains(&name)
        || ["eval", "parallel", "source", "ssh", "su", "xargs"].contains(&name)
}

#[cfg(test)]
mod tests;
