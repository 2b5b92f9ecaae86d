//! Names with a `-` in them, which are subtractions to the language and to nobody who writes them.

use std::ops::Range;

use super::{
    Braces, Fault, is_template,
    parser::{self, Parsed},
    reference::path,
    template::{Part, for_each_part},
    tree::{Binary, Kind, NodeId, Tree},
};

/// Why a subtraction is taken for a name: nothing stands around its sign, and what is to be taken away is no variable.
/// Its result would be no number.
pub(super) fn misread(
    tree: &Tree,
    left: NodeId,
    right: NodeId,
    is_known: impl Fn(&str) -> bool,
) -> Option<String> {
    let (of_left, of_right) = (tree.node(left), tree.node(right));
    let is_glued = of_left.span.end + 1 == of_right.span.start;
    if !is_glued || of_left.is_grouped || of_right.is_grouped {
        return None;
    }
    let mut root = right;
    let root = loop {
        match &tree.node(root).kind {
            Kind::Name(name) => break name,
            Kind::Member { object, .. } | Kind::Index { object, .. } => root = *object,
            _ => return None,
        }
    };
    if is_known(root) {
        return None;
    }
    let before = path(tree, left, &mut Vec::new())?;
    let behind = path(tree, right, &mut Vec::new())?;
    let behind = behind.strip_prefix(root.as_str()).unwrap_or_default();
    let (object, name) = before.rsplit_once('.').unwrap_or(("inputs", &before));
    Some(format!(
        "`{name}-{root}` is read as a subtraction; write `{object}['{name}-{root}']{behind}`"
    ))
}

/// The subtractions of a text that are taken for names, where these are the names of the variables.
pub(crate) fn misread_names(
    text: &str,
    braces: &Braces<'_>,
    is_known: &dyn Fn(&str) -> bool,
) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    let read: Result<(), Fault> = match braces {
        Braces::Any if !is_template(text) => {
            parser::parse(text, 0, false).map(|parsed| collect(&parsed, is_known, &mut found))
        }
        _ => for_each_part(text, braces, |part| {
            if let Part::Expression(expression) = part {
                collect(&expression.parsed, is_known, &mut found);
            }
            Ok(())
        }),
    };
    if read.is_err() {
        found.clear();
    }
    found
}

fn collect(
    parsed: &Parsed,
    is_known: &dyn Fn(&str) -> bool,
    found: &mut Vec<(Range<usize>, String)>,
) {
    let tree = &parsed.tree;
    for node in tree.nodes() {
        if let Kind::Binary {
            operator: Binary::Subtract,
            left,
            right,
        } = &node.kind
            && let Some(message) = misread(tree, *left, *right, is_known)
        {
            found.push((node.span.clone(), message));
        }
    }
}
