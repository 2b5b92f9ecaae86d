//! What there is to say about a file, collected while it is read.

use std::{collections::BTreeSet, ops::Range};

use crate::lint::{Diagnostic, Severity};

use super::{
    reader::Template,
    source::{Place, Source, Spelling},
};

/// How many findings are kept. A file with more of them is no pipeline.
const MAX_FINDINGS: usize = 200;

/// What a finding means for a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Level {
    /// The file is refused.
    Refused,
    /// A step fails if and when it runs, which a run only foretells: the step may never be reached.
    Fails,
    /// The run goes on, and says so in the log of its set-up.
    Odd,
    /// A run does not mention it.
    Advice,
}

/// A finding that has no place yet.
#[derive(Debug)]
pub(crate) struct Note {
    level: Level,
    code: &'static str,
    message: String,
    help: Option<String>,
}

impl Note {
    pub(crate) fn refused(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Level::Refused, code, message)
    }

    pub(crate) fn fails(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Level::Fails, code, message)
    }

    pub(crate) fn odd(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Level::Odd, code, message)
    }

    pub(crate) fn advice(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Level::Advice, code, message)
    }

    fn new(level: Level, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            level,
            code,
            message: message.into(),
            help: None,
        }
    }

    /// Says what to do about it.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        self.hint(Some(help))
    }

    /// Says what to do about it, where there is something to say.
    pub(crate) fn hint(self, help: Option<impl Into<String>>) -> Self {
        Self {
            help: help.map(Into::into),
            ..self
        }
    }
}

/// A finding in its place.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    pub(crate) diagnostic: Diagnostic,
}

/// The findings of a file.
#[derive(Debug)]
pub(crate) struct Findings<'s> {
    source: Source<'s>,
    list: Vec<Finding>,
    /// What has been said of which bytes: an alias makes the same part come by more than once.
    said: BTreeSet<(usize, usize, String)>,
    /// That of the template that was looked at last.
    spelling: Option<Spelling>,
}

impl<'s> Findings<'s> {
    pub(crate) fn new(text: &'s str) -> Self {
        Self {
            source: Source::new(text),
            list: Vec::new(),
            said: BTreeSet::new(),
            spelling: None,
        }
    }

    /// The file.
    pub(crate) fn source(&self) -> &Source<'s> {
        &self.source
    }

    /// Says something of a part of the file.
    pub(crate) fn add(&mut self, span: &Range<usize>, note: Note) {
        if self.is_full(&note) {
            return;
        }
        let shown = self.source.underlined(span);
        let is_new = self
            .said
            .insert((shown.start, shown.end, note.message.clone()));
        if !is_new {
            return;
        }
        let place = self.source.place(shown.start);
        let n_chars = self.source.text()[shown].chars().count().max(1) as u64;
        self.push(place, n_chars, note);
    }

    /// Says something of a part of a template's text.
    pub(crate) fn add_in(&mut self, template: &Template, part: &Range<usize>, note: Note) {
        if self.is_full(&note) {
            return;
        }
        // To read the spelling takes as long as the text is, and many findings can be of the same.
        let spelling = match self.spelling.take() {
            Some(spelling) if spelling.is_of(&template.span) => spelling,
            _ => Spelling::new(&self.source, &template.span, &template.text),
        };
        let span = spelling.locate(part);
        self.spelling = Some(spelling);
        self.add(&span, note);
    }

    /// Says something of a place.
    pub(crate) fn add_at(&mut self, place: Place, note: Note) {
        self.push(place, 1, note);
    }

    /// Whether there is no room for anything that does not refuse the file.
    pub(crate) fn is_crowded(&self) -> bool {
        self.list.len() >= MAX_FINDINGS
    }

    /// Whether there is no room for this one. An error that is the first is kept in any case: it decides whether the
    /// file is refused.
    fn is_full(&self, note: &Note) -> bool {
        let is_refused = |finding: &Finding| finding.level == Level::Refused;
        self.is_crowded() && (note.level != Level::Refused || self.list.iter().any(is_refused))
    }

    fn push(&mut self, place: Place, n_chars: u64, note: Note) {
        let Note {
            level,
            code,
            message,
            help,
        } = note;
        let diagnostic = Diagnostic {
            severity: match level {
                Level::Refused | Level::Fails => Severity::Error,
                Level::Odd | Level::Advice => Severity::Warning,
            },
            code,
            line: place.line,
            column: place.column,
            end_column: place.column + n_chars,
            message,
            help,
        };
        self.list.push(Finding { level, diagnostic });
    }

    /// The findings in the order of the file.
    pub(crate) fn finish(mut self) -> Vec<Finding> {
        self.list.sort_by_key(|finding| {
            let diagnostic = &finding.diagnostic;
            (diagnostic.line, diagnostic.column, diagnostic.severity)
        });
        self.list
    }
}
