//! What a pattern consists of.

/// Nodes that follow each other.
pub(super) type Sequence = Vec<Node>;

/// A part of a pattern.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// This character.
    Char(char),
    /// One character of a kind.
    Wild(Wild),
    /// One character of a class.
    Class(Class),
    /// Nothing, at certain places only.
    Guard(Guard),
    /// One of these.
    Group(Vec<Sequence>),
    /// A node more or less often than once.
    Repeat(Box<Node>, Times),
    /// Nothing, where none of these could follow.
    Not(Vec<Sequence>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wild {
    /// `?`: not a slash.
    Segment,
    /// `?` at the beginning of a segment: neither a slash nor a dot.
    NoDot,
    /// A step of `**`: anything but the beginning of a segment with a dot.
    Deep,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Guard {
    /// No dot follows.
    NoDot,
    /// There is something more.
    Something,
    /// The segment neither ends here nor after one more dot: what was read is not `.` or `..`.
    NoDots,
    /// The name begins here.
    Start,
    /// The name ends here.
    End,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Times {
    Optional,
    Any,
    AtLeastOnce,
}

/// Some characters, or all but them.
#[derive(Clone, Debug, Default)]
pub(super) struct Class {
    pub(super) is_negated: bool,
    /// From the one to the other, both of them included.
    pub(super) ranges: Vec<(char, char)>,
}

impl Node {
    /// `*`.
    pub(super) fn star() -> Node {
        Node::Wild(Wild::Segment).repeat(Times::Any)
    }

    /// `**`.
    pub(super) fn deep() -> Node {
        Node::Wild(Wild::Deep).repeat(Times::Any)
    }

    pub(super) fn is_deep(&self) -> bool {
        matches!(self, Node::Repeat(node, _) if matches!(**node, Node::Wild(Wild::Deep)))
    }

    /// A slash that may end a name: behind a wildcard it makes no difference.
    pub(super) fn last_slash() -> Node {
        Node::Char('/').repeat(Times::Optional)
    }

    pub(super) fn repeat(self, times: Times) -> Node {
        Node::Repeat(Box::new(self), times)
    }
}

impl Class {
    pub(super) fn contains(&self, c: char) -> bool {
        let is_in = self
            .ranges
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&c));
        is_in != self.is_negated
    }
}

/// The characters that end a line in JavaScript, over which `**` and a leading `!` do not reach.
pub(super) fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}
