//! The three ways in which a pattern is read: a few that are known as a whole, those without groups and segments, and
//! all others. They differ in what they make of a last slash and of a dot at the end.

use super::{
    GlobError, MAX_PATTERN_BYTES,
    parser::Parser,
    tree::{Guard, Node, Sequence, Times, Wild},
};

/// What a pattern consists of.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) alternatives: Vec<Sequence>,
    /// It begins with a `!` that turns everything around.
    pub(super) is_negated: bool,
    /// It begins with `!(..)`.
    pub(super) begins_with_negation: bool,
}

pub(super) fn read(source: &str) -> Result<Pattern, GlobError> {
    if source.len() > MAX_PATTERN_BYTES {
        return Err(GlobError::TooLong(source.len()));
    }
    let text = match source {
        "***" => "*",
        "**/**" | "**/**/**" => "**",
        _ => source.strip_prefix("./").unwrap_or(source),
    };
    if text.is_empty() {
        return Err(GlobError::Empty);
    }
    let plain = |sequence| Pattern {
        alternatives: vec![sequence],
        is_negated: false,
        begins_with_negation: false,
    };
    if let Some(mut sequence) = known(text) {
        sequence.push(Node::last_slash());
        return Ok(plain(sequence));
    }
    let is_simple = !text.starts_with(['*', '!']) && !text.contains(is_structure);
    if is_simple {
        return Ok(plain(simple(text)));
    }
    let chars: Vec<char> = text.chars().collect();
    Parser::new(&chars).read()
}

fn is_structure(c: char) -> bool {
    matches!(c, '/' | '(' | ')' | '[' | ']' | '{' | '}' | '"')
}

/// Patterns that are known as a whole, also with extensions: `*.js`, `**/*.min.js`.
fn known(text: &str) -> Option<Sequence> {
    use self::Guard::{NoDot, Something};
    let guard = Node::Guard;
    let dot = || Node::Char('.');
    let folders = || {
        let folders = vec![guard(NoDot), Node::deep(), Node::Char('/')];
        Node::Group(vec![folders]).repeat(Times::Optional)
    };
    Some(match text {
        "*" => vec![guard(NoDot), guard(Something), Node::star()],
        ".*" => vec![dot(), guard(Something), Node::star()],
        "*.*" => vec![
            guard(NoDot),
            Node::star(),
            dot(),
            guard(Something),
            Node::star(),
        ],
        "*/*" => {
            let mut sequence = vec![guard(NoDot), Node::star(), Node::Char('/')];
            sequence.extend(known("*")?);
            sequence
        }
        "**" => vec![guard(NoDot), Node::deep()],
        "**/*" | "**/*.*" | "**/.*" => {
            let mut sequence = vec![folders()];
            sequence.extend(known(text.strip_prefix("**/")?)?);
            sequence
        }
        _ => {
            let (before, extension) = text.rsplit_once('.')?;
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if extension.is_empty() || !extension.chars().all(is_word) {
                return None;
            }
            let mut sequence = known(before)?;
            sequence.push(dot());
            sequence.extend(extension.chars().map(Node::Char));
            sequence
        }
    })
}

/// A name with nothing but `*`, `?` and backslashes in it.
fn simple(text: &str) -> Sequence {
    let mut sequence = Vec::new();
    let mut chars = text.chars().enumerate().peekable();
    while let Some((index, c)) = chars.next() {
        match c {
            '\\' => {
                let escaped = chars.next().map_or('\\', |(_, c)| c);
                sequence.push(Node::Char(escaped));
            }
            '*' => {
                while chars.next_if(|(_, c)| *c == '*').is_some() {}
                sequence.push(Node::star());
            }
            '?' if index == 0 => sequence.push(Node::Wild(Wild::NoDot)),
            '?' => sequence.push(Node::Wild(Wild::Segment)),
            c => sequence.push(Node::Char(c)),
        }
    }
    sequence
}
