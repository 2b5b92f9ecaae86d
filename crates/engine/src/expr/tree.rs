//! The tree of an expression.
//!
//! Nodes lie in one list and name each other by index: dropping a tree does not recurse, however lopsided it is.

use std::ops::Range;

use super::function::Function;

/// A node of a tree, by its place in the list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct NodeId(u32);

/// An expression, read and understood.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

/// One node.
#[derive(Debug)]
pub(super) struct Node {
    /// What it is.
    pub(super) kind: Kind,
    /// The bytes of the text it was read from.
    pub(super) span: Range<usize>,
    /// Whether it stands in parentheses.
    pub(super) is_grouped: bool,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Kind {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    /// A variable.
    Name(String),
    /// `object.name`
    Member {
        object: NodeId,
        name: String,
    },
    /// `object[index]`
    Index {
        object: NodeId,
        index: NodeId,
    },
    /// JEXL's `.name`: a property of the item that a filter looks at.
    Relative(String),
    /// JEXL's `object[condition]`: the items for which the condition holds when it looks at them, else a property.
    Filter {
        object: NodeId,
        condition: NodeId,
        is_relative: bool,
    },
    /// The first item of a list, and anything else as it is: what JEXL takes properties of.
    First {
        object: NodeId,
    },
    /// `[a, b]`
    List(Vec<NodeId>),
    /// `{name: a}`
    Map(Vec<(String, NodeId)>),
    Call {
        function: Function,
        arguments: Vec<NodeId>,
    },
    Unary {
        operator: Unary,
        operand: NodeId,
    },
    Binary {
        operator: Binary,
        left: NodeId,
        right: NodeId,
    },
    /// `condition ? then : otherwise`
    Choice {
        condition: NodeId,
        then: NodeId,
        otherwise: NodeId,
    },
}

/// An operator before its operand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unary {
    Not,
    Negate,
    Typeof,
}

/// An operator between its operands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Binary {
    Coalesce,
    Or,
    And,
    Equal,
    NotEqual,
    Same,
    NotSame,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    /// JEXL's `//`: division without a rest.
    Floor,
    /// JEXL's `^`
    Power,
    /// JEXL's `in`
    In,
}

impl Tree {
    /// Adds a node.
    pub(super) fn add(&mut self, kind: Kind, span: Range<usize>) -> NodeId {
        // A source of limited length cannot have more nodes than this type counts.
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(Node {
            kind,
            span,
            is_grouped: false,
        });
        id
    }

    /// Makes a node another one.
    pub(super) fn replace(&mut self, id: NodeId, kind: Kind, span: Range<usize>) {
        let node = &mut self.nodes[id.0 as usize];
        node.kind = kind;
        node.span = span;
    }

    /// A node of this tree.
    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// All of its nodes.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// The names of the variables in it, each as often as it is there.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter_map(|node| match &node.kind {
            Kind::Name(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Notes that the node stands in parentheses.
    pub(super) fn group(&mut self, id: NodeId) {
        self.nodes[id.0 as usize].is_grouped = true;
    }
}
