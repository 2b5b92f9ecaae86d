//! YAML as a tree in which every part knows where it stands.

use std::{fmt, ops::Range};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::{Location, Spanned};

use crate::yaml::{self, Broken};

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

/// Reads a document. What is wrong with it comes back with its place.
pub(super) fn read(source: &str) -> Result<Node, Broken> {
    match serde_saphyr::from_str_with_options::<Spanned<Tree>>(source, yaml::options()) {
        Ok(tree) => Ok(node(tree, source)),
        Err(err) => Err(Broken::new(err)),
    }
}

fn span_of(location: Location) -> Range<usize> {
    let span = location.span();
    let number = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok()).unwrap_or_default();
    let start = number(span.byte_offset());
    start..start.saturating_add(number(span.byte_len()))
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
