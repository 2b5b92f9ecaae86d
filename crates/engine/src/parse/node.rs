//! YAML as a tree in which every part knows where it stands.

use std::{fmt, ops::Range};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::{
    DuplicateKeyPolicy, Error as YamlError, Location, MessageFormatter, Options, Spanned,
    UserMessageFormatter, budget::BudgetBreach,
};

use super::source::Place;

/// How deep lists and mappings nest. The reader recurses, and without optimisation a level takes 35 KiB of stack.
const MAX_DEPTH: usize = 24;

/// A part of a document.
#[derive(Debug)]
pub(super) struct Node {
    /// The bytes it is written with; none for a list or a mapping, which only begins somewhere.
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
    /// Whether it is written here, and not where the anchor is that this is an alias of.
    pub(super) is_here: bool,
    /// How a plain scalar is written, where that could matter: a number's text is not always the number's.
    pub(super) written: Option<String>,
}

/// What a part is.
#[derive(Debug)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) span: Range<usize>,
    pub(super) text: String,
}

impl Node {
    /// Whether it is a mapping with this key.
    pub(super) fn has_key(&self, name: &str) -> bool {
        match &self.kind {
            Kind::Map(entries) => entries.iter().any(|(key, _)| key.text == name),
            _ => false,
        }
    }
}

impl Kind {
    /// What to call it in a message.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Why there is no document.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) place: Place,
    /// What the reader of YAML says, or what we say where it is about a limit of ours.
    pub(super) message: String,
    /// Whether the message needs no explanation.
    pub(super) is_plain: bool,
}

/// Reads a document. What is wrong with it comes back with its place.
///
/// A long pipeline has a thousand nodes. The limits leave room for many times that, and stop aliases from being
/// multiplied into more.
pub(super) fn read(source: &str) -> Result<Node, Broken> {
    let options: Options = serde_saphyr::options! {
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
    };
    match serde_saphyr::from_str_with_options::<Spanned<Tree>>(source, options) {
        Ok(tree) => Ok(node(tree, source)),
        Err(err) => {
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
                } => Some("a pipeline file has one document, not several".to_owned()),
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
            Err(Broken {
                place,
                message,
                is_plain,
            })
        }
    }
}

fn too_deep() -> String {
    format!("lists and mappings nest more than {MAX_DEPTH} deep")
}

fn place_of(location: Location) -> Place {
    Place {
        line: location.line().max(1),
        column: location.column().max(1),
    }
}

fn span_of(location: Location) -> Range<usize> {
    let span = location.span();
    let number = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok()).unwrap_or_default();
    let start = number(span.byte_offset());
    start..start.saturating_add(number(span.byte_len()))
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

/// What serde gives.
enum Tree {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Spanned<Tree>>),
    Map(Vec<(Spanned<String>, Spanned<Tree>)>),
}

fn node(tree: Spanned<Tree>, source: &str) -> Node {
    let span = span_of(tree.defined);
    let written = match &tree.value {
        Tree::Number(_) | Tree::Bool(_) => source.get(span.clone()).map(str::to_owned),
        _ => None,
    };
    let kind = match tree.value {
        Tree::Null => Kind::Null,
        Tree::Bool(value) => Kind::Bool(value),
        Tree::Number(number) => Kind::Number(number),
        Tree::Text(text) => Kind::Text(text),
        Tree::List(items) => Kind::List(items.into_iter().map(|item| node(item, source)).collect()),
        Tree::Map(entries) => Kind::Map(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let key = Key {
                        span: span_of(key.defined),
                        text: key.value,
                    };
                    (key, node(value, source))
                })
                .collect(),
        ),
    };
    let is_list_or_map = matches!(kind, Kind::List(_) | Kind::Map(_));
    Node {
        span: match is_list_or_map {
            true => span.start..span.start,
            false => span,
        },
        kind,
        is_here: tree.defined == tree.referenced,
        written,
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML")
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Tree, E> {
        Number::from_f64(number)
            .map(Tree::Number)
            .ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Tree, E> {
        Ok(Tree::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }
}
