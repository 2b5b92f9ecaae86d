//! A group while it is read.

use super::super::tree::{Node, Sequence};

/// What opened a group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Opened {
    /// Nothing: it is the whole pattern.
    Whole,
    Parenthesis,
    /// `@(` and the like.
    Group {
        sigil: char,
        is_at_start: bool,
    },
    Brace,
}

pub(super) struct Frame {
    pub(super) opened: Opened,
    /// Where its content begins.
    pub(super) begin: usize,
    /// The alternatives that are complete, each with the separator behind it.
    complete: Vec<(Sequence, char)>,
    /// The alternative that is being read.
    pub(super) sequence: Sequence,
    pub(super) inner: Inner,
}

/// What a group has in it, without the groups that look after themselves.
#[derive(Default)]
pub(super) struct Inner {
    pub(super) n_chars: usize,
    pub(super) has_slash: bool,
    pub(super) has_star: bool,
}

impl Inner {
    pub(super) fn add(&mut self, text: &str) {
        self.n_chars += text.len();
        self.has_slash |= text == "/";
        self.has_star |= text == "*";
    }
}

impl Frame {
    pub(super) fn new(opened: Opened, begin: usize) -> Frame {
        Frame {
            opened,
            begin,
            complete: Vec::new(),
            sequence: Vec::new(),
            inner: Inner::default(),
        }
    }

    pub(super) fn is_parenthesis(&self) -> bool {
        matches!(self.opened, Opened::Parenthesis | Opened::Group { .. })
    }

    /// Whether what is read belongs to this group, for what it has in it; `@(..)` is like parentheses alone.
    pub(super) fn is_noted(&self) -> bool {
        matches!(self.opened, Opened::Group { sigil, .. } if sigil != '@')
    }

    /// Whether a comma makes a choice of these braces.
    pub(super) fn is_choice(&self) -> bool {
        self.complete.iter().any(|(_, separator)| *separator == ',')
    }

    pub(super) fn is_empty(&self) -> bool {
        self.complete.is_empty() && self.sequence.is_empty()
    }

    pub(super) fn begin_alternative(&mut self, separator: char) {
        let sequence = std::mem::take(&mut self.sequence);
        self.complete.push((sequence, separator));
    }

    pub(super) fn alternatives(self) -> Vec<Sequence> {
        let complete = self.complete.into_iter().map(|(sequence, _)| sequence);
        complete.chain([self.sequence]).collect()
    }

    pub(super) fn group(self) -> Node {
        Node::Group(self.alternatives())
    }

    /// Takes over what was read in braces or parentheses that turn out to be none: their commas are commas.
    pub(super) fn absorb(&mut self, other: Frame) {
        for (sequence, separator) in other.complete {
            self.sequence.extend(sequence);
            match separator {
                ',' if self.opened != Opened::Brace => self.sequence.push(Node::Char(',')),
                separator => self.begin_alternative(separator),
            }
        }
        self.sequence.extend(other.sequence);
    }
}
