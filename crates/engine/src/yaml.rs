//! YAML from outside: the limits that it is read with, and what is wrong with it in our words.

use serde_saphyr::{
    DuplicateKeyPolicy, Error as YamlError, Location, MessageFormatter, Options,
    UserMessageFormatter, budget::BudgetBreach,
};

use crate::parse::source::Place;

/// How deep lists and mappings nest. The reader recurses, and without optimisation a level takes 35 KiB of stack.
const MAX_DEPTH: usize = 24;

/// Why there is no document.
#[derive(Debug)]
pub struct Broken {
    pub(crate) place: Place,
    /// What the reader of YAML says, or what we say where it is about a limit of ours.
    pub message: String,
    /// Whether it is about a limit, and so about the whole text: then the message needs no explanation.
    pub is_plain: bool,
}

/// How what comes from outside is read.
///
/// A long pipeline has a thousand nodes. The limits leave room for many times that, and stop aliases from being
/// multiplied into more.
pub fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_events: 60_000,
            max_nodes: 20_000,
            max_anchors: 1_000,
            max_aliases: 10_000,
            // A step that everybody shares is no bomb.
            alias_anchor_min_aliases: 1_000,
            max_merge_keys: 1_000,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 20_000,
            max_replay_stack_depth: 16,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    }
}

impl Broken {
    /// What the reader of YAML says, with its place.
    pub fn new(err: YamlError) -> Self {
        let place = err.location().map_or(Place::START, place_of);
        let mut err = err.without_snippet();
        while let YamlError::AliasError { error, .. } = err {
            err = error.without_snippet();
        }
        let limit = match err {
            YamlError::Budget {
                breach: BudgetBreach::Depth { .. },
                ..
            } => Some(too_deep()),
            YamlError::Budget {
                breach: BudgetBreach::Documents { .. },
                ..
            } => Some("a file has one document, not several".to_owned()),
            YamlError::Budget { .. }
            | YamlError::AliasReplayLimitExceeded { .. }
            | YamlError::AliasReplayStackDepthExceeded { .. } => {
                Some("the file has too many parts, anchors or aliases".to_owned())
            }
            _ => None,
        };
        let is_plain = limit.is_some();
        let message = match (limit, &err) {
            (Some(limit), _) => limit,
            // `run: {{ x }}` is a mapping whose key is a mapping.
            (None, YamlError::Unexpected { expected, .. }) => format!("expected {expected}"),
            (None, err) => one_line(&UserMessageFormatter.format_message(err)),
        };
        // Brackets that are opened one after the other are counted by somebody else.
        let is_too_deep = message.contains("recursion limit");
        let (is_plain, message) = match is_too_deep {
            true => (true, too_deep()),
            false => (is_plain, message),
        };
        Self {
            place,
            message,
            is_plain,
        }
    }

    /// The line, from 1.
    pub fn line(&self) -> u64 {
        self.place.line
    }

    /// The column, from 1.
    pub fn column(&self) -> u64 {
        self.place.column
    }
}

fn place_of(location: Location) -> Place {
    Place {
        line: location.line().max(1),
        column: location.column().max(1),
    }
}

fn too_deep() -> String {
    format!("lists and mappings nest more than {MAX_DEPTH} deep")
}

/// A message of the YAML reader in the form of ours: one line that begins in lower case and ends without a full stop.
fn one_line(message: &str) -> String {
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let message = message.trim_end_matches('.');
    let mut chars = message.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => message.to_owned(),
    }
}
