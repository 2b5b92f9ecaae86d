//! Stars: one for a segment, two for all segments.

use super::{
    super::tree::{Guard, Node},
    Frame, Kind, Opened, Parser,
};

impl Parser<'_> {
    pub(super) fn read_star(&mut self) {
        match self.prev() {
            Kind::Deep | Kind::Stars => {
                // Three and more are one.
                self.replace_deep();
                if let Some(kind) = self.kinds.last_mut() {
                    *kind = Kind::Stars;
                }
            }
            Kind::Star if self.is_deep_place() => self.read_deep(),
            Kind::Star => self.token(Kind::Star, "*"),
            prev => {
                self.guard_star(prev);
                self.token(Kind::Star, "*");
                self.put(Node::star());
            }
        }
    }

    /// At the beginning of a segment a star hides names with a dot.
    fn guard_star(&mut self, prev: Kind) {
        let is_at_start = self.index == self.start;
        let guard = match prev {
            Kind::Dot => Guard::NoDots,
            Kind::Slash | Kind::DeepSlash => Guard::NoDot,
            _ if is_at_start => Guard::NoDot,
            _ => return,
        };
        self.put(Node::Guard(guard));
        if self.peek(1) != Some('*') {
            self.put(Node::Guard(Guard::Something));
        }
    }

    /// Whether the first of two stars is where all segments may begin.
    fn is_deep_place(&self) -> bool {
        match self.kind(2) {
            Kind::Start | Kind::Slash | Kind::DeepSlash | Kind::Open | Kind::Close => true,
            Kind::Comma | Kind::OpenBrace | Kind::CloseBrace => self.is_in_braces(),
            _ => false,
        }
    }

    fn is_in_braces(&self) -> bool {
        let is_brace = |frame: &Frame| frame.opened == Opened::Brace;
        self.frames.iter().any(is_brace)
    }

    /// The second star of `**`: what it is depends on the slashes around it.
    fn read_deep(&mut self) {
        while let (Some('/'), Some('*'), Some('*'), None | Some('/')) =
            (self.peek(1), self.peek(2), self.peek(3), self.peek(4))
        {
            // `**/**` is `**`.
            self.index += 3;
        }
        let (prior, before) = (self.kind(2), self.kind(3));
        let is_last = self.peek(1).is_none();
        let is_before_slash = self.peek(1) == Some('/');
        let is_behind_slash = prior == Kind::Slash && before != Kind::Start;
        let is_behind_star = matches!(before, Kind::Star | Kind::Stars | Kind::Deep);
        if let Some(kind) = self.kinds.last_mut() {
            *kind = Kind::Deep;
        }
        if prior == Kind::Start && is_last {
            self.frame().sequence.clear();
            self.put(Node::deep());
        } else if prior == Kind::Start && is_before_slash {
            // `**/a`: at the beginning, or behind any segments.
            self.frame().sequence.clear();
            self.put(Node::Group(vec![
                vec![Node::Guard(Guard::Start)],
                vec![Node::Char('/')],
                vec![Node::deep(), Node::Char('/')],
            ]));
            self.take_slash();
        } else if is_behind_slash && is_last && !is_behind_star {
            // `a/**`: also `a` itself.
            self.take_behind_slash();
            self.put(Node::Group(vec![
                vec![Node::Char('/'), Node::Guard(Guard::NoDot), Node::deep()],
                vec![Node::Guard(Guard::End)],
            ]));
        } else if is_behind_slash && is_before_slash {
            // `a/**/b`: also `a/b`.
            self.take_behind_slash();
            let mut ways = vec![
                vec![
                    Node::Char('/'),
                    Node::Guard(Guard::NoDot),
                    Node::deep(),
                    Node::Char('/'),
                ],
                vec![Node::Char('/')],
            ];
            if self.peek(2).is_some() {
                ways.push(vec![Node::Guard(Guard::End)]);
            }
            self.put(Node::Group(ways));
            self.take_slash();
        } else {
            self.frame().sequence.pop();
            self.put(Node::deep());
        }
    }

    /// Takes the slash before the stars back, with its guard and the first star.
    fn take_behind_slash(&mut self) {
        let sequence = &mut self.frame().sequence;
        sequence.truncate(sequence.len().saturating_sub(3));
    }

    /// The slash behind the stars is part of what they are.
    fn take_slash(&mut self) {
        self.index += 1;
        self.token(Kind::DeepSlash, "/");
    }

    /// Two stars before anything but a slash or the end of a group are one.
    pub(super) fn settle_stars(&mut self, next: Kind) {
        if self.prev() != Kind::Deep {
            return;
        }
        let stays = match next {
            Kind::Slash | Kind::DeepSlash | Kind::Open | Kind::Close => true,
            Kind::OpenBrace | Kind::Sigil('@') => true,
            Kind::Comma | Kind::CloseBrace => self.is_in_braces(),
            _ => false,
        };
        if !stays {
            self.replace_deep();
            if let Some(kind) = self.kinds.last_mut() {
                *kind = Kind::Star;
            }
        }
    }

    fn replace_deep(&mut self) {
        if let Some(node) = self.frame().sequence.last_mut()
            && node.is_deep()
        {
            *node = Node::star();
        }
    }
}
