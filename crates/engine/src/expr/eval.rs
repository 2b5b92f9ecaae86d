//! Finds the value of a tree.

use std::borrow::Cow;

use super::{
    Fault, MAX_WORK, Scope,
    function::{check_size, is_function},
    tree::{Binary, Kind, NodeId, Tree, Unary},
    value::Value,
};

/// Evaluates trees, within a limit on the work that all of them take together.
pub(super) struct Evaluator<'s> {
    scope: &'s Scope<'s>,
    work: usize,
}

impl<'s> Evaluator<'s> {
    /// An evaluator that has done nothing yet.
    pub(super) fn new(scope: &'s Scope<'s>) -> Self {
        Self { scope, work: 0 }
    }

    /// The value of a node.
    ///
    /// What leans to the left (`a + b + c`, `a.b.c`) is followed in a loop; only what nests recurses, and the parser
    /// has limited that.
    pub(super) fn value<'a>(&mut self, tree: &'a Tree, id: NodeId) -> Result<Value<'a>, Fault>
    where
        's: 'a,
    {
        let mut spine = Vec::new();
        let mut at = id;
        while let Kind::Binary { left: inner, .. }
        | Kind::Member { object: inner, .. }
        | Kind::Index { object: inner, .. } = &tree.node(at).kind
        {
            spine.push(at);
            at = *inner;
        }
        let mut value = self.head(tree, at)?;
        for id in spine.into_iter().rev() {
            self.work(tree, id, 1)?;
            value = match &tree.node(id).kind {
                Kind::Member { name, .. } => self.property(tree, id, value, name)?,
                Kind::Index { index, .. } => {
                    let key = self.value(tree, *index)?;
                    self.property(tree, id, value, &key.string())?
                }
                Kind::Binary {
                    operator, right, ..
                } => self.binary(tree, id, *operator, value, *right)?,
                _ => value,
            };
        }
        Ok(value)
    }

    /// The value of a node that does not lean to the left.
    fn head<'a>(&mut self, tree: &'a Tree, id: NodeId) -> Result<Value<'a>, Fault>
    where
        's: 'a,
    {
        self.work(tree, id, 1)?;
        let node = tree.node(id);
        Ok(match &node.kind {
            Kind::Undefined => Value::Undefined,
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(number) => Value::Number(*number),
            Kind::Text(text) => Value::Text(Cow::Borrowed(text)),
            Kind::Name(name) => match self.scope.vars.get(name) {
                Some(json) => Value::borrowed(json),
                // A condition `failure` would never hold, and nobody would know why.
                None if is_function(name) => {
                    let message = format!("`{name}` is a function: write `{name}()`");
                    return Err(Fault::new(message, node.span.clone()));
                }
                None => Value::Undefined,
            },
            Kind::Unary { operator, operand } => {
                let value = self.value(tree, *operand)?;
                match operator {
                    Unary::Not => Value::Bool(!value.is_truthy()),
                    Unary::Negate => Value::Number(-value.number()),
                    Unary::Typeof => Value::Text(Cow::Borrowed(value.type_name())),
                }
            }
            Kind::Choice {
                condition,
                then,
                otherwise,
            } => match self.value(tree, *condition)?.is_truthy() {
                true => self.value(tree, *then)?,
                false => self.value(tree, *otherwise)?,
            },
            Kind::Call {
                function,
                arguments,
            } => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    let value = self.value(tree, *argument)?;
                    self.work(tree, id, size(&value))?;
                    values.push(value);
                }
                let value = function
                    .call(&values, self.scope)
                    .map_err(|message| Fault::new(message, node.span.clone()))?;
                self.work(tree, id, size(&value))?;
                value
            }
            Kind::Binary { .. } | Kind::Member { .. } | Kind::Index { .. } => {
                self.value(tree, id)?
            }
        })
    }

    fn property<'a>(
        &mut self,
        tree: &Tree,
        id: NodeId,
        object: Value<'a>,
        key: &str,
    ) -> Result<Value<'a>, Fault> {
        // To find a unit of a text means to go through it.
        if let Value::Text(text) = &object {
            self.work(tree, id, text.len() / BYTES_PER_UNIT)?;
        }
        Ok(object.property(key))
    }

    fn binary<'a>(
        &mut self,
        tree: &'a Tree,
        id: NodeId,
        operator: Binary,
        left: Value<'a>,
        right: NodeId,
    ) -> Result<Value<'a>, Fault>
    where
        's: 'a,
    {
        let is_decided = match operator {
            Binary::Coalesce => !left.is_absent(),
            Binary::Or => left.is_truthy(),
            Binary::And => !left.is_truthy(),
            _ => false,
        };
        if is_decided {
            return Ok(left);
        }
        let right = self.value(tree, right)?;
        if matches!(operator, Binary::Coalesce | Binary::Or | Binary::And) {
            return Ok(right);
        }
        self.work(tree, id, size(&left) + size(&right))?;
        let order = || left.order(&right);
        Ok(match operator {
            Binary::Equal => Value::Bool(left.is_equal(&right)),
            Binary::NotEqual => Value::Bool(!left.is_equal(&right)),
            Binary::Same => Value::Bool(left.is_same(&right)),
            Binary::NotSame => Value::Bool(!left.is_same(&right)),
            Binary::Less => Value::Bool(order().is_some_and(|order| order.is_lt())),
            Binary::LessOrEqual => Value::Bool(order().is_some_and(|order| order.is_le())),
            Binary::Greater => Value::Bool(order().is_some_and(|order| order.is_gt())),
            Binary::GreaterOrEqual => Value::Bool(order().is_some_and(|order| order.is_ge())),
            Binary::Subtract => Value::Number(left.number() - right.number()),
            Binary::Multiply => Value::Number(left.number() * right.number()),
            Binary::Divide => Value::Number(left.number() / right.number()),
            Binary::Remainder => Value::Number(left.number() % right.number()),
            Binary::Add | Binary::Coalesce | Binary::Or | Binary::And => {
                let sum = add(left, &right);
                if let Value::Text(text) = &sum {
                    check_size(text.len())
                        .map_err(|message| Fault::new(message, tree.node(id).span.clone()))?;
                }
                sum
            }
        })
    }

    /// Counts work, and refuses what is too much.
    fn work(&mut self, tree: &Tree, id: NodeId, units: usize) -> Result<(), Fault> {
        self.work = self.work.saturating_add(units);
        match self.work > MAX_WORK {
            true => Err(Fault::new(
                "the expression takes too much work",
                tree.node(id).span.clone(),
            )),
            false => Ok(()),
        }
    }
}

/// How many bytes one unit of work goes through.
const BYTES_PER_UNIT: usize = 64;

/// The units of work to go through a value once.
fn size(value: &Value<'_>) -> usize {
    match value {
        Value::Text(text) => text.len() / BYTES_PER_UNIT,
        Value::Tree(json) => tree_size(json),
        _ => 0,
    }
}

fn tree_size(json: &serde_json::Value) -> usize {
    match json {
        serde_json::Value::String(text) => 1 + text.len() / BYTES_PER_UNIT,
        serde_json::Value::Array(items) => 1 + items.iter().map(tree_size).sum::<usize>(),
        serde_json::Value::Object(entries) => 1 + entries.values().map(tree_size).sum::<usize>(),
        _ => 1,
    }
}

/// `+`: a string when either side is one, or an array or an object, which become strings.
fn add<'a>(left: Value<'a>, right: &Value<'_>) -> Value<'a> {
    let is_textual = |value: &Value<'_>| matches!(value, Value::Text(_) | Value::Tree(_));
    if !is_textual(&left) && !is_textual(right) {
        return Value::Number(left.number() + right.number());
    }
    let mut text = match left {
        Value::Text(text) => text.into_owned(),
        left => left.string().into_owned(),
    };
    text.push_str(&right.string());
    Value::Text(Cow::Owned(text))
}
