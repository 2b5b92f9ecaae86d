//! Finds the value of a tree.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use super::{
    Fault, MAX_WORK, Scope,
    function::{Function, check_size, is_function},
    hash::Reading,
    hyphen,
    tree::{Binary, Kind, NodeId, Tree, Unary},
    value::{Value, power},
};

/// Evaluates trees, within a limit on the work that all of them take together.
pub(super) struct Evaluator<'s> {
    vars: &'s Map<String, Json>,
    /// What functions can see. JEXL has none.
    scope: Option<&'s Scope<'s>>,
    work: usize,
    reading: Reading,
}

/// A tree, and the item that JEXL's `.name` is about while a filter looks at one.
#[derive(Clone, Copy)]
struct View<'a> {
    tree: &'a Tree,
    item: Option<&'a Json>,
}

impl<'s> Evaluator<'s> {
    /// An evaluator of pipeline expressions that has done nothing yet.
    pub(super) fn new(scope: &'s Scope<'s>) -> Self {
        Self {
            vars: scope.vars,
            scope: Some(scope),
            work: 0,
            reading: Reading::new(scope.allowance.cloned()),
        }
    }

    /// An evaluator of JEXL that has done nothing yet.
    pub(super) fn without_functions(vars: &'s Map<String, Json>) -> Self {
        Self {
            vars,
            scope: None,
            work: 0,
            reading: Reading::default(),
        }
    }

    /// The value of a node.
    pub(super) fn value<'a>(&mut self, tree: &'a Tree, id: NodeId) -> Result<Value<'a>, Fault>
    where
        's: 'a,
    {
        self.value_in(View { tree, item: None }, id)
    }

    /// The value of a node, where a filter may be looking at an item.
    ///
    /// What leans to the left (`a + b + c`, `a.b.c`) is followed in a loop; only what nests recurses, and the parser
    /// has limited that.
    fn value_in<'a>(&mut self, view: View<'a>, id: NodeId) -> Result<Value<'a>, Fault>
    where
        's: 'a,
    {
        let tree = view.tree;
        let mut spine = Vec::new();
        let mut at = id;
        while let Kind::Binary { left: inner, .. }
        | Kind::Member { object: inner, .. }
        | Kind::Index { object: inner, .. }
        | Kind::First { object: inner }
        | Kind::Filter { object: inner, .. } = &tree.node(at).kind
        {
            spine.push(at);
            at = *inner;
        }
        let mut value = self.head(view, at)?;
        for id in spine.into_iter().rev() {
            self.work(tree, id, 1)?;
            value = match &tree.node(id).kind {
                Kind::Member { name, .. } => self.property(tree, id, value, name)?,
                Kind::Index { index, .. } => {
                    let key = self.value_in(view, *index)?;
                    self.property(tree, id, value, &key.string())?
                }
                Kind::First { .. } => match value.is_list() {
                    true => value.property("0"),
                    false => value,
                },
                Kind::Filter {
                    condition,
                    is_relative: true,
                    ..
                } => self.filter(tree, value, *condition)?,
                Kind::Filter { condition, .. } => match self.value_in(view, *condition)? {
                    Value::Bool(true) => value,
                    Value::Bool(false) => Value::Undefined,
                    key => self.property(tree, id, value, &key.string())?,
                },
                Kind::Binary {
                    operator, right, ..
                } => self.binary(view, id, *operator, value, *right)?,
                _ => value,
            };
        }
        Ok(value)
    }

    /// The value of a node that does not lean to the left.
    fn head<'a>(&mut self, view: View<'a>, id: NodeId) -> Result<Value<'a>, Fault>
    where
        's: 'a,
    {
        let tree = view.tree;
        self.work(tree, id, 1)?;
        let node = tree.node(id);
        Ok(match &node.kind {
            Kind::Undefined => Value::Undefined,
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(number) => Value::Number(*number),
            Kind::Text(text) => Value::Text(Cow::Borrowed(text)),
            Kind::Name(name) => match self.vars.get(name) {
                Some(json) => Value::borrowed(json),
                // A condition `failure` would never hold, and nobody would know why.
                None if self.scope.is_some() && is_function(name) => {
                    let message = format!("`{name}` is a function: write `{name}()`");
                    return Err(Fault::new(message, node.span.clone()));
                }
                None => Value::Undefined,
            },
            Kind::Unary { operator, operand } => {
                let value = self.value_in(view, *operand)?;
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
            } => match self.value_in(view, *condition)?.is_truthy() {
                true => self.value_in(view, *then)?,
                false => self.value_in(view, *otherwise)?,
            },
            Kind::Relative(name) => match view.item {
                Some(item) => Value::borrowed(item).property(name),
                None => self
                    .vars
                    .get(name)
                    .map_or(Value::Undefined, Value::borrowed),
            },
            Kind::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    list.push(self.part(view, *item)?);
                }
                Value::owned(Json::Array(list))
            }
            Kind::Map(entries) => {
                let mut map = Map::new();
                for (name, entry) in entries {
                    map.insert(name.clone(), self.part(view, *entry)?);
                }
                Value::owned(Json::Object(map))
            }
            Kind::Call {
                function,
                arguments,
            } => self.call(view, id, *function, arguments)?,
            Kind::Binary { .. }
            | Kind::Member { .. }
            | Kind::Index { .. }
            | Kind::First { .. }
            | Kind::Filter { .. } => self.value_in(view, id)?,
        })
    }

    fn call<'a>(
        &mut self,
        view: View<'a>,
        id: NodeId,
        function: Function,
        arguments: &[NodeId],
    ) -> Result<Value<'a>, Fault>
    where
        's: 'a,
    {
        let span = || view.tree.node(id).span.clone();
        let scope = self
            .scope
            .ok_or_else(|| Fault::new("functions are not supported", span()))?;
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let value = self.value_in(view, *argument)?;
            self.work(view.tree, id, size(&value))?;
            values.push(value);
        }
        let value = function
            .call(&values, scope, &mut self.reading)
            .map_err(|message| Fault::new(message, span()))?;
        self.work(view.tree, id, size(&value))?;
        Ok(value)
    }

    /// A part of a list or an object that is made: a copy, which is work.
    fn part(&mut self, view: View<'_>, id: NodeId) -> Result<Json, Fault> {
        let value = self.value_in(view, id)?;
        self.work(view.tree, id, size(&value))?;
        Ok(value.into_json())
    }

    /// The items for which a condition holds that looks at them. What is no list counts as one item, and what is
    /// undefined as none.
    fn filter<'a>(
        &mut self,
        tree: &Tree,
        object: Value<'a>,
        condition: NodeId,
    ) -> Result<Value<'a>, Fault> {
        let single;
        let items = match &object {
            Value::Undefined => &[],
            Value::Tree(json) if json.is_array() => json.as_array().map_or(&[][..], Vec::as_slice),
            _ => {
                self.work(tree, condition, size(&object))?;
                single = [object.into_json()];
                &single
            }
        };
        let mut kept = Vec::new();
        for item in items {
            let view = View {
                tree,
                item: Some(item),
            };
            if self.value_in(view, condition)?.is_truthy() {
                self.work(tree, condition, tree_size(item))?;
                kept.push(item.clone());
            }
        }
        Ok(Value::owned(Json::Array(kept)))
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
        view: View<'a>,
        id: NodeId,
        operator: Binary,
        left: Value<'a>,
        right: NodeId,
    ) -> Result<Value<'a>, Fault>
    where
        's: 'a,
    {
        let tree = view.tree;
        let is_decided = match operator {
            Binary::Coalesce => !left.is_absent(),
            Binary::Or => left.is_truthy(),
            Binary::And => !left.is_truthy(),
            _ => false,
        };
        if is_decided {
            return Ok(left);
        }
        self.check_hyphen(tree, id)?;
        let right = self.value_in(view, right)?;
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
            Binary::Floor => Value::Number((left.number() / right.number()).floor()),
            Binary::Power => Value::Number(power(left.number(), right.number())),
            Binary::In => Value::Bool(is_in(&left, &right)),
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

    /// Refuses a name with a `-` in it, which would be no number and tell nobody why.
    fn check_hyphen(&self, tree: &Tree, id: NodeId) -> Result<(), Fault> {
        let node = tree.node(id);
        let Kind::Binary {
            operator: Binary::Subtract,
            left,
            right,
        } = &node.kind
        else {
            return Ok(());
        };
        // JEXL's variables are whatever a webhook sends.
        let is_known = |name: &str| self.scope.is_none() || self.vars.contains_key(name);
        match hyphen::misread(tree, *left, *right, is_known) {
            Some(message) => Err(Fault::new(message, node.span.clone())),
            None => Ok(()),
        }
    }

    /// Counts work, and refuses what is too much.
    fn work(&mut self, tree: &Tree, id: NodeId, units: usize) -> Result<(), Fault> {
        self.work = self.work.saturating_add(units);
        if self.work > LITTLE_WORK {
            self.reading
                .check()
                .map_err(|message| Fault::new(message, tree.node(id).span.clone()))?;
        }
        match self.work > MAX_WORK {
            true => Err(Fault::new(
                "the expression takes too much work",
                tree.node(id).span.clone(),
            )),
            false => Ok(()),
        }
    }
}

/// What takes no more than this is over before anybody could stop it.
const LITTLE_WORK: usize = 10_000;
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

fn tree_size(json: &Json) -> usize {
    match json {
        Json::String(text) => 1 + text.len() / BYTES_PER_UNIT,
        Json::Array(items) => 1 + items.iter().map(tree_size).sum::<usize>(),
        Json::Object(entries) => 1 + entries.values().map(tree_size).sum::<usize>(),
        _ => 1,
    }
}

/// JEXL's `in`: a part of a text, or an item of a list.
fn is_in(wanted: &Value<'_>, collection: &Value<'_>) -> bool {
    match collection {
        Value::Text(text) => text.contains(&*wanted.string()),
        Value::Tree(json) => json.as_array().is_some_and(|items| {
            items
                .iter()
                .any(|item| Value::borrowed(item).is_same(wanted))
        }),
        _ => false,
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
