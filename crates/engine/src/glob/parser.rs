//! Reads patterns with groups or segments, from left to right and without going back.
//!
//! What a character means depends on what kind of thing is before it, so the parser keeps these kinds.

mod frame;
mod group;
mod star;

use self::frame::{Frame, Opened};
use super::{
    GlobError, class,
    read::Pattern,
    tree::{Node, Times, Wild},
};

/// What kind of thing was read last, and before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Start,
    Text,
    /// A dot that is no text: at the beginning of a segment, or in a group.
    Dot,
    Slash,
    /// The slash of `**/`, which may have matched nothing.
    DeepSlash,
    Question,
    Star,
    /// More stars than one that are still only one; any more change nothing.
    Stars,
    /// `**`.
    Deep,
    Class,
    Plus,
    /// What stands before a parenthesis and makes a group of its kind.
    Sigil(char),
    Open,
    Close,
    OpenBrace,
    CloseBrace,
    Comma,
}

pub(super) struct Parser<'a> {
    chars: &'a [char],
    index: usize,
    /// Where the pattern begins, after negations and `./`.
    start: usize,
    kinds: Vec<Kind>,
    /// The groups around this place, the whole pattern first.
    frames: Vec<Frame>,
    is_quoted: bool,
    pattern: Pattern,
}

impl<'a> Parser<'a> {
    pub(super) fn new(chars: &'a [char]) -> Parser<'a> {
        Parser {
            chars,
            index: 0,
            start: 0,
            kinds: vec![Kind::Start],
            frames: vec![Frame::new(Opened::Whole, 0)],
            is_quoted: false,
            pattern: Pattern {
                alternatives: Vec::new(),
                is_negated: false,
                begins_with_negation: false,
            },
        }
    }

    pub(super) fn read(mut self) -> Result<Pattern, GlobError> {
        self.read_negations();
        while let Some(c) = self.peek(0) {
            self.read_one(c)?;
            self.index += 1;
        }
        if matches!(self.prev(), Kind::Star | Kind::Stars | Kind::Class) {
            self.put(Node::last_slash());
        }
        while self.frames.len() > 1 {
            self.take_literally()?;
        }
        let whole = self.frames.pop().map(Frame::alternatives);
        self.pattern.alternatives = whole.unwrap_or_default();
        Ok(self.pattern)
    }

    /// Each `!` at the beginning turns everything around, unless a group follows it.
    fn read_negations(&mut self) {
        if self.peek(0) != Some('!') || self.is_group_at(0) {
            return;
        }
        let mut n_negations = 1;
        while self.peek(n_negations) == Some('!') && !self.is_group_at(n_negations) {
            n_negations += 1;
        }
        self.index = n_negations;
        self.pattern.is_negated = n_negations % 2 == 1;
        // What is turned around twice does not begin at its first wildcard, so a dot is none that hides a name.
        self.start = match self.pattern.is_negated {
            true => n_negations,
            false => n_negations - 1,
        };
    }

    /// Reads what begins at this place, up to its last character.
    fn read_one(&mut self, c: char) -> Result<(), GlobError> {
        match c {
            '\\' => self.read_escaped(),
            '"' => self.is_quoted = !self.is_quoted,
            c if self.is_quoted => self.put(Node::Char(c)),
            '?' | '+' | '@' | '*' | '!' if self.is_group_at(0) && !self.is_literal_in_star(c) => {
                self.open_group(c)?;
            }
            '(' => self.open(Opened::Parenthesis)?,
            ')' => self.close()?,
            '[' => self.read_class()?,
            '{' => {
                self.token(Kind::OpenBrace, "{");
                self.push_frame(Opened::Brace)?;
            }
            '}' => self.close_brace()?,
            '|' => {
                self.token(Kind::Text, "|");
                self.frame().begin_alternative('|');
            }
            ',' => {
                self.token(Kind::Comma, ",");
                match self.frame().opened {
                    Opened::Brace => self.frame().begin_alternative(','),
                    _ => self.put(Node::Char(',')),
                }
            }
            '/' => self.read_slash(),
            '.' => self.read_dot(),
            '?' => self.read_question()?,
            '+' => self.read_plus()?,
            '*' => self.read_star(),
            c => self.read_text(c),
        }
        Ok(())
    }

    fn read_escaped(&mut self) {
        match self.peek(1) {
            // These mean themselves in any case.
            Some('/' | '.' | ';') => (),
            Some(c) => {
                self.token(Kind::Text, &c.to_string());
                self.put(Node::Char(c));
                self.index += 1;
            }
            None => {
                self.token(Kind::Text, "\\");
                self.put(Node::Char('\\'));
            }
        }
    }

    fn read_text(&mut self, c: char) {
        self.token(Kind::Text, "a");
        self.put(Node::Char(c));
        while let Some(c) = self.peek(1).filter(|c| !"^@![].,$*+?{}()|\\/".contains(*c)) {
            self.token(Kind::Text, "a");
            self.put(Node::Char(c));
            self.index += 1;
        }
    }

    fn read_slash(&mut self) {
        if self.prev() == Kind::Dot && self.index == self.start + 1 {
            // A `./` at the beginning says nothing.
            self.start = self.index + 1;
            self.kinds.pop();
            self.frame().sequence.pop();
            return;
        }
        self.token(Kind::Slash, "/");
        self.put(Node::Char('/'));
    }

    fn read_dot(&mut self) {
        let begins = matches!(self.prev(), Kind::Start | Kind::Slash | Kind::DeepSlash);
        let kind = match begins || self.frames.len() > 1 {
            true => Kind::Dot,
            false => Kind::Text,
        };
        self.token(kind, ".");
        self.put(Node::Char('.'));
    }

    fn read_question(&mut self) -> Result<(), GlobError> {
        match self.prev() {
            Kind::Open => {
                self.token(Kind::Text, "?");
                self.put(Node::Char('?'));
            }
            Kind::Close => {
                self.token(Kind::Text, "?");
                // What may be missing already is not missing any more.
                match self.frame().sequence.pop() {
                    Some(node @ Node::Repeat(..)) => self.put(node),
                    Some(node) => self.put(node.repeat(Times::Optional)),
                    None => (),
                }
            }
            Kind::Start | Kind::Slash | Kind::DeepSlash => {
                self.token(Kind::Question, "?");
                self.put(Node::Wild(Wild::NoDot));
            }
            _ => {
                self.token(Kind::Question, "?");
                self.put(Node::Wild(Wild::Segment));
            }
        }
        Ok(())
    }

    /// A plus repeats what it follows if that is a group or a class, and anything in parentheses.
    fn read_plus(&mut self) -> Result<(), GlobError> {
        let prev = self.prev();
        self.token(Kind::Plus, "+");
        let is_behind = matches!(
            prev,
            Kind::Class | Kind::Close | Kind::OpenBrace | Kind::CloseBrace
        );
        let is_inside = self.frames.iter().any(Frame::is_parenthesis) && prev != Kind::Open;
        if !is_behind && !is_inside {
            self.put(Node::Char('+'));
            return Ok(());
        }
        match self.frame().sequence.pop() {
            None | Some(Node::Repeat(..) | Node::Guard(_)) => Err(GlobError::NothingToRepeat),
            Some(node) => {
                self.put(node.repeat(Times::AtLeastOnce));
                Ok(())
            }
        }
    }

    fn read_class(&mut self) -> Result<(), GlobError> {
        self.token(Kind::Class, "[");
        match class::read(self.chars, self.index)? {
            Some((node, end)) => {
                self.put(node);
                self.index = end - 1;
            }
            None => self.put(Node::Char('[')),
        }
        Ok(())
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.index + ahead).copied()
    }

    /// The kind of what was read last.
    fn prev(&self) -> Kind {
        self.kind(1)
    }

    /// The kind of what was read so many steps ago.
    fn kind(&self, ago: usize) -> Kind {
        let index = self.kinds.len().checked_sub(ago);
        index.map_or(Kind::Start, |index| self.kinds[index])
    }

    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("the whole is never closed")
    }

    fn put(&mut self, node: Node) {
        self.frame().sequence.push(node);
    }

    /// Notes what kind of thing begins here, before it is put.
    fn token(&mut self, kind: Kind, text: &str) {
        self.settle_stars(kind);
        if !matches!(kind, Kind::Open | Kind::Close) {
            let around = self.frames.iter_mut().rev().find(|frame| frame.is_noted());
            if let Some(frame) = around {
                frame.inner.add(text);
            }
        }
        self.kinds.push(kind);
    }
}
