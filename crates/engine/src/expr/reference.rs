//! Which variables an expression looks at, and whether what they hold can come out of it as text.

use std::ops::Range;

use super::{
    Braces, ExprError,
    function::Function,
    is_template,
    parser::{self, Parsed},
    template::{Part, for_each_part},
    tree::{Binary, Kind, NodeId, Tree, Unary},
    value::number_to_text,
};

/// A variable, or a part of one, that an expression looks at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Reference {
    /// Its names from the outermost on: `git.message`. A key that is only known when the expression is evaluated, and
    /// whatever follows it, is `*`: `inputs.*`.
    pub(crate) path: String,
    /// The bytes of the text from the opening to the closing braces of its expression; the whole of a bare one.
    pub(crate) span: Range<usize>,
    /// The bytes of the text that name it.
    pub(crate) path_span: Range<usize>,
    /// Whether what it holds can become a part of the expression's text. What is only compared or asked about, or
    /// chooses between others, cannot.
    pub(crate) is_carried: bool,
}

/// The references of every `${{ }}`.
pub(crate) fn references(template: &str) -> Result<Vec<Reference>, ExprError> {
    references_in(template, &Braces::DollarOnly)
}

/// The references of every expression in these braces.
pub(crate) fn references_in(
    template: &str,
    braces: &Braces<'_>,
) -> Result<Vec<Reference>, ExprError> {
    let mut references = Vec::new();
    for_each_part(template, braces, |part| {
        if let Part::Expression(expression) = part {
            collect(&expression.parsed, &expression.span, &mut references);
        }
        Ok(())
    })
    .map_err(|fault| ExprError::new(fault, template))?;
    Ok(references)
}

/// The references of a condition, with or without braces.
pub(crate) fn condition_references(text: &str) -> Result<Vec<Reference>, ExprError> {
    if is_template(text) {
        return references_in(text, &Braces::Any);
    }
    let parsed = parser::parse(text, 0, false).map_err(|fault| ExprError::new(fault, text))?;
    let mut references = Vec::new();
    collect(&parsed, &(0..text.len()), &mut references);
    Ok(references)
}

/// Adds the references of one expression, which is `span` of its text.
pub(super) fn collect(parsed: &Parsed, span: &Range<usize>, references: &mut Vec<Reference>) {
    let tree = &parsed.tree;
    let begin = references.len();
    let mut open = vec![(parsed.root, true)];
    // A list and not a recursion: the parser limits how deep an expression nests, but not how far one leans to a side.
    while let Some((id, is_carried)) = open.pop() {
        if let Some(path) = path(tree, id, &mut open) {
            references.push(Reference {
                path,
                span: span.clone(),
                path_span: tree.node(id).span.clone(),
                is_carried,
            });
            continue;
        }
        match &tree.node(id).kind {
            // Not those of a path, which has been dealt with: `fromJSON(..).name`
            Kind::Member { object, .. } => open.push((*object, is_carried)),
            Kind::Index { object, index } => {
                open.push((*index, false));
                open.push((*object, is_carried));
            }
            Kind::Unary { operand, operator } => match operator {
                // Neither the name of a type, nor a truth, nor a number is somebody's text.
                Unary::Not | Unary::Negate | Unary::Typeof => open.push((*operand, false)),
            },
            Kind::Binary {
                operator,
                left,
                right,
            } => {
                let (of_left, of_right) = carries(*operator);
                open.push((*right, is_carried && of_right));
                open.push((*left, is_carried && of_left));
            }
            Kind::Choice {
                condition,
                then,
                otherwise,
            } => {
                open.push((*otherwise, is_carried));
                open.push((*then, is_carried));
                open.push((*condition, false));
            }
            Kind::Call {
                function,
                arguments,
            } => {
                let is_carried = is_carried && gives_text(*function);
                open.extend(
                    arguments
                        .iter()
                        .rev()
                        .map(|argument| (*argument, is_carried)),
                );
            }
            // These are JEXL's, and nobody asks about it; but no way through them is overlooked.
            Kind::First { object } => open.push((*object, is_carried)),
            Kind::Filter {
                object, condition, ..
            } => {
                open.push((*condition, false));
                open.push((*object, is_carried));
            }
            Kind::List(items) => open.extend(items.iter().map(|item| (*item, is_carried))),
            Kind::Map(entries) => open.extend(entries.iter().map(|entry| (entry.1, is_carried))),
            Kind::Name(_)
            | Kind::Relative(_)
            | Kind::Undefined
            | Kind::Null
            | Kind::Bool(_)
            | Kind::Number(_)
            | Kind::Text(_) => (),
        }
    }
    references[begin..].sort_by_key(|reference| reference.path_span.start);
}

/// The path of a node that is a variable or a part of one; `open` gets the keys that are expressions themselves.
pub(super) fn path(tree: &Tree, id: NodeId, open: &mut Vec<(NodeId, bool)>) -> Option<String> {
    let mut names = Vec::new();
    let mut keys = Vec::new();
    let mut at = id;
    let root = loop {
        match &tree.node(at).kind {
            Kind::Name(name) => break name.clone(),
            Kind::Member { object, name } => {
                names.push(name.clone());
                at = *object;
            }
            Kind::Index { object, index } => {
                let key = match &tree.node(*index).kind {
                    Kind::Text(text) => Some(text.clone()),
                    Kind::Number(number) => Some(number_to_text(*number)),
                    _ => {
                        keys.push((*index, false));
                        None
                    }
                };
                // What has a point in it would be taken for two names.
                let key = key.filter(|key| !key.is_empty() && !key.contains('.'));
                if key.is_none() {
                    // Behind a key that nobody knows there is nothing to be said.
                    names.clear();
                }
                names.push(key.unwrap_or_else(|| "*".to_owned()));
                at = *object;
            }
            _ => return None,
        }
    };
    open.extend(keys);
    names.push(root);
    names.reverse();
    Some(names.join("."))
}

/// Whether the left and the right side of an operator can become its text.
fn carries(operator: Binary) -> (bool, bool) {
    match operator {
        Binary::Add | Binary::Or | Binary::Coalesce => (true, true),
        // Its left side is the result only when it is as good as nothing: empty, 0, false, null.
        Binary::And => (false, true),
        Binary::Equal
        | Binary::NotEqual
        | Binary::Same
        | Binary::NotSame
        | Binary::Less
        | Binary::LessOrEqual
        | Binary::Greater
        | Binary::GreaterOrEqual
        | Binary::Subtract
        | Binary::Multiply
        | Binary::Divide
        | Binary::Remainder
        | Binary::Floor
        | Binary::Power
        | Binary::In => (false, false),
    }
}

/// Whether a function's arguments can become its text.
fn gives_text(function: Function) -> bool {
    match function {
        Function::ToJson | Function::FromJson | Function::Format | Function::Join => true,
        Function::Contains
        | Function::StartsWith
        | Function::EndsWith
        | Function::HashFile
        | Function::HashFiles
        | Function::Success
        | Function::Failure
        | Function::Cancelled
        | Function::Always => false,
    }
}
