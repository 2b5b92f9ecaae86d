//! Groups: parentheses of all kinds, and braces.

use super::{
    super::{
        GlobError, MAX_DEPTH, range,
        tree::{Guard, Node, Times},
    },
    Frame, Kind, Opened, Parser,
};

impl Parser<'_> {
    /// Whether a parenthesis makes a group of its kind of the character at this place.
    pub(super) fn is_group_at(&self, ahead: usize) -> bool {
        if self.peek(ahead + 1) != Some('(') {
            return false;
        }
        match (self.peek(ahead), self.peek(ahead + 2)) {
            (Some('!'), Some('?')) => !matches!(self.peek(ahead + 3), Some('!' | '=' | '<' | ':')),
            (Some('?'), Some('?')) => false,
            (Some('?'), _) => self.prev() != Kind::Open,
            (Some('+' | '@'), next) => next != Some('?'),
            (Some('*'), next) => next.is_some_and(|next| next != '?'),
            (Some('!'), _) => true,
            _ => false,
        }
    }

    /// Behind `**` a star belongs to the stars, whatever follows.
    pub(super) fn is_literal_in_star(&self, c: char) -> bool {
        c == '*' && matches!(self.prev(), Kind::Deep | Kind::Stars)
    }

    pub(super) fn open_group(&mut self, sigil: char) -> Result<(), GlobError> {
        let is_first = self.frames.len() == 1 && self.frame().is_empty();
        let is_at_start = self.prev() == Kind::Start;
        self.token(Kind::Sigil(sigil), &sigil.to_string());
        if is_first && sigil != '@' {
            self.put(Node::Guard(Guard::Something));
        }
        self.index += 1;
        self.open(Opened::Group { sigil, is_at_start })
    }

    pub(super) fn open(&mut self, opened: Opened) -> Result<(), GlobError> {
        if let (Some('?'), Some(c @ ('!' | '=' | '<' | ':'))) = (self.peek(1), self.peek(2)) {
            return Err(GlobError::RegularExpression(c));
        }
        self.token(Kind::Open, "");
        self.push_frame(opened)
    }

    /// Closes a group. A parenthesis that was never opened means itself.
    pub(super) fn close(&mut self) -> Result<(), GlobError> {
        if !self.frames.iter().any(Frame::is_parenthesis) {
            self.token(Kind::Close, "");
            self.put(Node::Char(')'));
            return Ok(());
        }
        while !self.frame().is_parenthesis() {
            self.take_literally()?;
        }
        self.token(Kind::Close, "");
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        let node = match frame.opened {
            Opened::Group { sigil: '!', .. } => self.negation(frame)?,
            Opened::Group { sigil: '?', .. } => frame.group().repeat(Times::Optional),
            Opened::Group { sigil: '*', .. } => frame.group().repeat(Times::Any),
            Opened::Group { sigil: '+', .. } => frame.group().repeat(Times::AtLeastOnce),
            _ => frame.group(),
        };
        self.put(node);
        Ok(())
    }

    /// What does not begin like this, or is not this if the pattern ends here.
    fn negation(&mut self, frame: Frame) -> Result<Node, GlobError> {
        let rest = &self.chars[self.index + 1..];
        if let Opened::Group {
            is_at_start: true, ..
        } = frame.opened
        {
            self.pattern.begins_with_negation = true;
        }
        let is_deep = frame.inner.has_slash && frame.inner.n_chars > 1;
        let has_star = frame.inner.has_star;
        let mut refused = vec![frame.group()];
        let is_extension = rest.len() > 1
            && rest[0] == '.'
            && !rest[1..].iter().any(|c| matches!(c, '\\' | '/' | '.'));
        if has_star && is_extension {
            // `!(*.d).ts`: what is refused ends like the whole. There is one dot more, so this happens once.
            refused.push(Node::Group(Parser::new(rest).read()?.alternatives));
        } else if is_deep || rest.iter().all(|c| *c == ')') {
            refused.push(Node::Guard(Guard::End));
        }
        let any = match is_deep {
            true => Node::deep(),
            false => Node::star(),
        };
        let sequence = vec![Node::Not(vec![refused]), any];
        Ok(Node::Group(vec![sequence]))
    }

    /// Closes a choice, a range, or what is neither and means itself.
    pub(super) fn close_brace(&mut self) -> Result<(), GlobError> {
        let is_open = self.frame().opened == Opened::Brace;
        self.token(
            match is_open {
                true => Kind::CloseBrace,
                false => Kind::Text,
            },
            "}",
        );
        if !is_open {
            self.put(Node::Char('}'));
            return Ok(());
        }
        if self.frame().is_choice() {
            if let Some(frame) = self.frames.pop() {
                self.put(frame.group());
            }
            return Ok(());
        }
        let text: String = self.chars[self.frame().begin..self.index].iter().collect();
        match range::read(&text)? {
            Some(node) => {
                self.frames.pop();
                self.put(node);
            }
            None => {
                self.take_literally()?;
                self.put(Node::Char('}'));
            }
        }
        Ok(())
    }

    pub(super) fn push_frame(&mut self, opened: Opened) -> Result<(), GlobError> {
        if self.frames.len() > MAX_DEPTH {
            return Err(GlobError::TooDeep);
        }
        self.frames.push(Frame::new(opened, self.index + 1));
        Ok(())
    }

    /// Dissolves the innermost group: what opened it means itself.
    pub(super) fn take_literally(&mut self) -> Result<(), GlobError> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        let opening = match frame.opened {
            Opened::Group { sigil, .. } => return Err(GlobError::NeverClosed(sigil)),
            Opened::Brace => '{',
            Opened::Parenthesis | Opened::Whole => '(',
        };
        self.put(Node::Char(opening));
        self.frame().absorb(frame);
        Ok(())
    }
}
