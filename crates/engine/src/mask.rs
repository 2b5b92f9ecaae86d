//! Takes secrets out of a stream of bytes.
//!
//! Masking is a safety net and not a boundary: whoever writes a pipeline can print its secrets in a form that nobody
//! thought of. What it does catch is every form in [`form`], wherever the stream happens to be cut into pieces.
//!
//! Every byte that belongs to an occurrence of a secret is masked, also where two of them overlap, so no fragment of
//! one is left beside the other. Each byte is looked at once, whatever the secrets are.

use std::{collections::HashMap, fmt, ops::Range, sync::Arc};

use aho_corasick::{
    Anchored,
    automaton::{Automaton, StateID},
    nfa::contiguous::NFA,
};

mod form;
mod gram;
mod live;

#[cfg(test)]
mod tests;

use gram::Grams;
pub(crate) use live::{MAX_ADDED, MAX_ADDED_BYTES, Masks, TooMany};

/// What stands in the place of a secret.
const MASK: &[u8] = b"***";
/// What is shorter than this is not masked: it would be found in too many places where it is no secret.
pub(crate) const MIN_BYTES: usize = 4;

/// What to mask: the secrets in every form that they are likely to be printed in.
pub(crate) struct MaskSet {
    /// `None` when there is nothing to mask.
    automaton: Option<Patterns>,
}

/// The forms of all secrets, made ready for the search.
struct Patterns {
    nfa: NFA,
    start: StateID,
    /// How the forms begin, to pass quickly over what is none of them.
    grams: Grams,
    /// For each state that is not the start: how many of the last bytes could be the beginning of a form that is not
    /// complete yet.
    open: HashMap<StateID, usize>,
}

impl MaskSet {
    /// A set of these secrets. Those of fewer than four bytes, white space aside, are left out.
    pub(crate) fn new(values: impl IntoIterator<Item = impl AsRef<str>>) -> MaskSet {
        let mut forms: Vec<Vec<u8>> = Vec::new();
        for value in values {
            form::of(value.as_ref(), &mut forms);
        }
        MaskSet::of_forms(forms)
    }

    fn of_forms(mut forms: Vec<Vec<u8>>) -> MaskSet {
        forms.retain(|form| form.len() >= MIN_BYTES);
        // The short ones first, for `open`.
        forms.sort_unstable_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        // Building fails only for more text than the address space of the automaton, some gigabytes.
        let automaton = match forms.is_empty() {
            true => None,
            false => NFA::new(&forms).ok(),
        };
        MaskSet {
            automaton: automaton.and_then(|nfa| Patterns::new(nfa, &forms)),
        }
    }

    /// The text with `***` for each secret.
    pub(crate) fn text(&self, text: &str) -> String {
        let Some(patterns) = &self.automaton else {
            return text.to_owned();
        };
        let mut out = Vec::with_capacity(text.len());
        let mut stream = Stream::new(patterns);
        stream.push(patterns, text.as_bytes(), &mut out);
        stream.flush(patterns, &mut out);
        // A form is text itself, so it cannot begin or end within a character.
        String::from_utf8(out)
            .unwrap_or_else(|err| String::from_utf8_lossy(err.as_bytes()).into_owned())
    }
}

impl fmt::Debug for MaskSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n_forms = self
            .automaton
            .as_ref()
            .map_or(0, |patterns| patterns.nfa.patterns_len());
        f.debug_struct("MaskSet")
            .field("n_forms", &n_forms)
            .finish()
    }
}

impl Patterns {
    fn new(nfa: NFA, forms: &[Vec<u8>]) -> Option<Patterns> {
        let start = nfa.start_state(Anchored::No).ok()?;
        let step = |state, byte: &u8| nfa.next_state(Anchored::No, state, *byte);
        let mut open = HashMap::new();
        for form in forms {
            let mut state = start;
            for (n, byte) in form[..form.len() - 1].iter().enumerate() {
                state = step(state, byte);
                open.insert(state, n + 1);
            }
        }
        for form in forms {
            let complete = form.iter().fold(start, step);
            if open.contains_key(&complete) {
                continue;
            }
            // Nothing continues this form, so only what begins after its first byte can still be open.
            let rest = form[1..].iter().fold(start, step);
            let n_open = open.get(&rest).copied().unwrap_or_default();
            open.insert(complete, n_open);
        }
        Some(Patterns {
            grams: Grams::new(forms),
            nfa,
            start,
            open,
        })
    }

    /// Goes through `input`, tells where forms end and how long they are, the longest where several end, and returns
    /// the state after it.
    fn search(
        &self,
        mut state: StateID,
        input: &[u8],
        mut found: impl FnMut(usize, usize),
    ) -> StateID {
        let mut at = 0;
        while at < input.len() {
            if state == self.start {
                at += self.grams.skip(&input[at..]);
            }
            let Some(byte) = input.get(at) else {
                break;
            };
            state = self.nfa.next_state(Anchored::No, state, *byte);
            at += 1;
            if self.nfa.is_special(state) && self.nfa.is_match(state) {
                let length = (0..self.nfa.match_len(state))
                    .map(|n| self.nfa.pattern_len(self.nfa.match_pattern(state, n)))
                    .max();
                found(at, length.unwrap_or_default());
            }
        }
        state
    }
}

/// Masks one stream.
#[derive(Debug)]
pub(crate) struct Masker {
    set: Arc<MaskSet>,
    stream: Option<Stream>,
}

impl Masker {
    /// A masker at the start of a stream.
    pub(crate) fn new(set: Arc<MaskSet>) -> Masker {
        let stream = set.automaton.as_ref().map(Stream::new);
        Masker { set, stream }
    }

    /// Takes the next bytes, and adds to `out` all that cannot be the beginning of a secret.
    pub(crate) fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        match (&self.set.automaton, &mut self.stream) {
            (Some(patterns), Some(stream)) => stream.push(patterns, input, out),
            _ => out.extend_from_slice(input),
        }
    }

    /// Goes on with another set, which has all values of the one so far.
    ///
    /// What is held back is searched again, because a new value can begin in it. What was held back as the beginning
    /// of an old value still is: the set has that value, too.
    pub(crate) fn change_set(&mut self, set: Arc<MaskSet>) {
        let old = self.stream.take();
        self.stream = set.automaton.as_ref().map(|patterns| match old {
            Some(old) => old.search_again(patterns),
            None => Stream::new(patterns),
        });
        self.set = set;
    }

    /// The stream has ended: adds what was held back. What comes after it is a stream of its own.
    pub(crate) fn flush(&mut self, out: &mut Vec<u8>) {
        if let (Some(patterns), Some(stream)) = (&self.set.automaton, &mut self.stream) {
            stream.flush(patterns, out);
        }
    }
}

/// Where a stream stands. Positions count from the first byte that is held back.
struct Stream {
    state: StateID,
    /// The bytes that could be the beginning of a secret. They have been searched already.
    held: Vec<u8>,
    /// How many of them are masked already, by a secret that began before them.
    n_done: usize,
    /// The secrets found in what is held back, in order and apart from each other.
    found: Vec<Range<usize>>,
}

impl Stream {
    fn new(patterns: &Patterns) -> Stream {
        Stream {
            state: patterns.start,
            held: Vec::new(),
            n_done: 0,
            found: Vec::new(),
        }
    }

    /// This stream, as if its patterns had been these all along.
    fn search_again(self, patterns: &Patterns) -> Stream {
        let mut stream = Stream::new(patterns);
        stream.search(patterns, &self.held);
        stream.held = self.held;
        stream.n_done = self.n_done;
        stream
    }

    /// Notes what is found in `input`, which follows what is held.
    fn search(&mut self, patterns: &Patterns, input: &[u8]) {
        let n_held = self.held.len();
        let found = &mut self.found;
        self.state = patterns.search(self.state, input, |end, length| {
            let end = n_held + end;
            let mut start = end.saturating_sub(length);
            while let Some(last) = found.pop_if(|last| last.end > start) {
                start = start.min(last.start);
            }
            found.push(start..end);
        });
    }

    fn push(&mut self, patterns: &Patterns, input: &[u8], out: &mut Vec<u8>) {
        let n_held = self.held.len();
        self.search(patterns, input);
        let n_open = patterns.open.get(&self.state).copied().unwrap_or_default();
        self.emit(n_held + input.len() - n_open, input, out);
    }

    fn flush(&mut self, patterns: &Patterns, out: &mut Vec<u8>) {
        self.emit(self.held.len(), &[], out);
        *self = Stream::new(patterns);
    }

    /// Adds what comes before `end` to `out`, and holds back the rest of what is held followed by `input`.
    fn emit(&mut self, end: usize, input: &[u8], out: &mut Vec<u8>) {
        let mut at = self.n_done;
        let mut n_found = 0;
        for secret in &self.found {
            if secret.start >= end {
                break;
            }
            // One that begins within what is masked already only goes on with it.
            if secret.start >= at {
                copy(&self.held, input, at..secret.start, out);
                out.extend_from_slice(MASK);
            }
            at = at.max(secret.end);
            n_found += 1;
        }
        if at < end {
            copy(&self.held, input, at..end, out);
            at = end;
        }
        self.n_done = at - end;
        self.found.drain(..n_found);
        for secret in &mut self.found {
            *secret = secret.start - end..secret.end - end;
        }
        match end.checked_sub(self.held.len()) {
            Some(n_input) => {
                self.held.clear();
                self.held.extend_from_slice(&input[n_input..]);
            }
            None => {
                self.held.drain(..end);
                self.held.extend_from_slice(input);
            }
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("n_held", &self.held.len())
            .finish_non_exhaustive()
    }
}

/// Copies a range of `held` followed by `input`.
fn copy(held: &[u8], input: &[u8], range: Range<usize>, out: &mut Vec<u8>) {
    let n_held = held.len();
    if range.start < n_held {
        out.extend_from_slice(&held[range.start..range.end.min(n_held)]);
    }
    if range.end > n_held {
        out.extend_from_slice(&input[range.start.max(n_held) - n_held..range.end - n_held]);
    }
}
