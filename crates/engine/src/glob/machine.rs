//! A pattern as a machine that is in many states at once, and so never has to go back.
//!
//! It reads a name from its end to its beginning. What must not follow at some place (`!(..)`) is read in the same
//! direction by a machine of its own, which has already told for each place whether it could follow there, when the
//! machine that asks comes by.

use super::{
    GlobError,
    tree::{Class, Guard, Node, Sequence, Times, Wild, is_line_end},
};

/// How many states and ways between them a pattern may have. 1,024 bytes without ranges hardly make half of them.
const MAX_SIZE: usize = 8192;

#[derive(Clone, Debug)]
pub(super) struct Machine {
    states: Vec<State>,
    /// Where the machine for what must not follow begins, inner ones first.
    negations: Vec<usize>,
    start: usize,
    n_ways: usize,
}

#[derive(Clone, Debug)]
enum State {
    /// It has got through.
    Accept,
    /// It goes on with what is before this character.
    Char(char, usize),
    Wild(Wild, usize),
    Class(Class, usize),
    /// It goes on here, if this is such a place.
    Guard(Guard, usize),
    /// It goes on here, if the machine of this number did not get through.
    Not(usize, usize),
    /// It goes on in several ways.
    Split(Vec<usize>),
}

/// A name, and what is known of its places.
struct Run<'a> {
    states: &'a [State],
    name: Vec<char>,
    /// For each negation and each place, whether it could follow.
    follows: Vec<Vec<bool>>,
    work: usize,
}

impl Machine {
    pub(super) fn new(alternatives: &[Sequence]) -> Result<Machine, GlobError> {
        let mut machine = Machine {
            states: vec![State::Accept],
            negations: Vec::new(),
            start: 0,
            n_ways: 0,
        };
        machine.start = machine.add_group(alternatives, 0)?;
        Ok(machine)
    }

    /// What one place of a name can take at most: each machine begins in a state and follows each way once.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn size(&self) -> usize {
        self.n_ways + self.negations.len() + 1
    }

    /// Whether a whole name gets through, and how many ways were followed.
    pub(super) fn run(&self, name: &str) -> (bool, usize) {
        let mut run = Run {
            states: &self.states,
            name: name.chars().collect(),
            follows: Vec::new(),
            work: 0,
        };
        for start in &self.negations {
            let follows = run.read(*start, true);
            run.follows.push(follows);
        }
        let accepted = run.read(self.start, false);
        (accepted[0], run.work)
    }

    fn add(&mut self, state: State) -> Result<usize, GlobError> {
        self.n_ways += match &state {
            State::Accept => 0,
            State::Split(ways) => ways.len(),
            _ => 1,
        };
        if self.n_ways + self.states.len() > MAX_SIZE {
            return Err(GlobError::TooBig);
        }
        self.states.push(state);
        Ok(self.states.len() - 1)
    }

    /// What comes first in a name is read last.
    fn add_sequence(&mut self, sequence: &[Node], mut next: usize) -> Result<usize, GlobError> {
        for node in sequence {
            next = self.add_node(node, next)?;
        }
        Ok(next)
    }

    fn add_group(&mut self, alternatives: &[Sequence], next: usize) -> Result<usize, GlobError> {
        if let [sequence] = alternatives {
            return self.add_sequence(sequence, next);
        }
        let mut ways = Vec::with_capacity(alternatives.len());
        for sequence in alternatives {
            ways.push(self.add_sequence(sequence, next)?);
        }
        self.add(State::Split(ways))
    }

    fn add_node(&mut self, node: &Node, next: usize) -> Result<usize, GlobError> {
        match node {
            Node::Char(c) => self.add(State::Char(*c, next)),
            Node::Wild(wild) => self.add(State::Wild(*wild, next)),
            Node::Class(class) => self.add(State::Class(class.clone(), next)),
            Node::Guard(guard) => self.add(State::Guard(*guard, next)),
            Node::Group(alternatives) => self.add_group(alternatives, next),
            Node::Repeat(node, Times::Optional) => {
                let once = self.add_node(node, next)?;
                self.add(State::Split(vec![once, next]))
            }
            Node::Repeat(node, times) => {
                let again = self.add(State::Split(vec![next, next]))?;
                let once = self.add_node(node, again)?;
                self.states[again] = State::Split(vec![once, next]);
                Ok(match times {
                    Times::AtLeastOnce => once,
                    _ => again,
                })
            }
            Node::Not(alternatives) => {
                let start = self.add_group(alternatives, 0)?;
                self.negations.push(start);
                self.add(State::Not(self.negations.len() - 1, next))
            }
        }
    }
}

impl Run<'_> {
    /// Begins in a state at the end of the name, or at each of its places, and tells at which it got through.
    fn read(&mut self, start: usize, is_anywhere: bool) -> Vec<bool> {
        let n_chars = self.name.len();
        let mut accepted = vec![false; n_chars + 1];
        // The place at which a state was last reached, counted from 1.
        let mut reached_at = vec![0; self.states.len()];
        let mut to_reach = vec![start];
        let mut waiting = Vec::new();
        for place in (0..=n_chars).rev() {
            if is_anywhere && place < n_chars {
                to_reach.push(start);
            }
            waiting.clear();
            while let Some(index) = to_reach.pop() {
                self.work += 1;
                if std::mem::replace(&mut reached_at[index], place + 1) == place + 1 {
                    continue;
                }
                match &self.states[index] {
                    State::Accept => accepted[place] = true,
                    State::Split(ways) => to_reach.extend(ways),
                    State::Guard(guard, next) if self.holds(*guard, place) => to_reach.push(*next),
                    State::Not(negation, next) if !self.follows[*negation][place] => {
                        to_reach.push(*next);
                    }
                    State::Guard(..) | State::Not(..) => (),
                    _ => waiting.push(index),
                }
            }
            if place == 0 {
                break;
            }
            for index in &waiting {
                if let Some(next) = self.step(&self.states[*index], place - 1) {
                    to_reach.push(next);
                }
            }
        }
        accepted
    }

    /// Where it goes from a state over the character at a place.
    fn step(&self, state: &State, place: usize) -> Option<usize> {
        let c = self.name[place];
        let (is_fit, next) = match state {
            State::Char(expected, next) => (c == *expected, *next),
            State::Class(class, next) => (class.contains(c), *next),
            State::Wild(Wild::Segment, next) => (c != '/', *next),
            State::Wild(Wild::NoDot, next) => (c != '/' && c != '.', *next),
            State::Wild(Wild::Deep, next) => {
                let begins_hidden = (place == 0 && c == '.')
                    || (c == '/' && self.name.get(place + 1) == Some(&'.'));
                (!begins_hidden && !is_line_end(c), *next)
            }
            _ => return None,
        };
        is_fit.then_some(next)
    }

    fn holds(&self, guard: Guard, place: usize) -> bool {
        let at = |place: usize| self.name.get(place).copied();
        let ends = |place: usize| matches!(at(place), None | Some('/'));
        match guard {
            Guard::NoDot => at(place) != Some('.'),
            Guard::Something => at(place).is_some_and(|c| !is_line_end(c)),
            Guard::NoDots => !(ends(place) || at(place) == Some('.') && ends(place + 1)),
            Guard::Start => place == 0,
            Guard::End => at(place).is_none(),
        }
    }
}
