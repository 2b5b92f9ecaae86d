//! Texts with expressions in them.

use std::ops::Range;

use serde_json::{Map, Value};

use super::{
    Evaluator, ExprError, Fault, MAX_TEXT_BYTES, Scope, function::check_size, parser, reference,
};

/// How much text may be read in vain, in one template, in search of expressions between `{{` and `}}`.
const MAX_VAIN_BYTES: usize = 4 * MAX_TEXT_BYTES;

/// Which braces in a text hold expressions.
#[derive(Clone, Copy)]
pub(crate) enum Braces<'k> {
    /// Those after a dollar sign. The others are the text's own: `docker ps --format '{{.Names}}'`.
    DollarOnly,
    /// Those without one as well, as the reference has it, where what they hold can be read and begins at names that
    /// this function knows. What else stands in braces is the text's own.
    Legacy(&'k dyn Fn(&str) -> bool),
    /// All of them, in a condition.
    Any,
}

/// A pair of braces without a dollar sign.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct BracePair {
    /// The bytes of the text, from the first brace to the last.
    pub(crate) span: Range<usize>,
    /// Whether it is taken for an expression.
    pub(crate) is_expression: bool,
}

/// A text whose untrusted values are left to the environment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct StrictText {
    /// The text, with a placeholder in the place of each of them.
    pub(crate) text: String,
    /// The variables that the placeholders stand for: `FLOWCD_EXPR_1` and so on.
    pub(crate) env: Vec<(String, String)>,
}

/// The text with every `${{ }}` replaced by its value, and every `{{ }}` that holds an expression which begins at the
/// names of variables.
pub(crate) fn render_legacy(template: &str, scope: &Scope<'_>) -> Result<String, ExprError> {
    let known = |name: &str| scope.vars.contains_key(name);
    render_in(template, scope, &Braces::Legacy(&known))
}

/// The value with each string in it, at any depth, rendered as `render_legacy` does. The limits are on all of it.
pub(crate) fn render_value(value: &Value, scope: &Scope<'_>) -> Result<Value, ExprError> {
    let known = |name: &str| scope.vars.contains_key(name);
    let mut renderer = Renderer::new(scope, Braces::Legacy(&known));
    renderer.value(value)
}

/// The text with every `${{ }}` replaced by its value; `trace` gets each expression and the text it has become.
pub(crate) fn render_traced(
    template: &str,
    scope: &Scope<'_>,
    trace: &mut Vec<(String, String)>,
) -> Result<String, ExprError> {
    let mut renderer = Renderer::new(scope, Braces::DollarOnly);
    renderer.text(template, |expression, value| {
        trace.push((expression.source.trim().to_owned(), value.to_owned()));
        Ok(value.to_owned())
    })
}

/// As `render_traced`, but what carries the text of an untrusted variable goes into the environment. `placeholder` is how
/// the script's own language reads the n-th variable, from 1 on. It is not quoted: whoever read the pipeline has refused
/// such an expression where it does not stand directly inside double quotes.
pub(crate) fn render_strict(
    template: &str,
    scope: &Scope<'_>,
    is_untrusted: &dyn Fn(&str) -> bool,
    placeholder: &dyn Fn(usize) -> String,
) -> Result<StrictText, ExprError> {
    let mut env = Vec::new();
    let mut renderer = Renderer::new(scope, Braces::DollarOnly);
    let text = renderer.text(template, |expression, value| {
        let mut references = Vec::new();
        reference::collect(&expression.parsed, &expression.span, &mut references);
        let carries = references
            .iter()
            .any(|reference| reference.is_carried && is_untrusted(&reference.path));
        if !carries {
            return Ok(value.to_owned());
        }
        let n = env.len() + 1;
        env.push((format!("FLOWCD_EXPR_{n}"), value.to_owned()));
        Ok(placeholder(n))
    })?;
    Ok(StrictText { text, env })
}

/// Whether there is a `${{` in the text.
pub(crate) fn has_expressions(text: &str) -> bool {
    text.contains("${{")
}

/// The pairs of braces without a dollar sign, as `render_legacy` looks at them where these are the names of the
/// variables.
pub(crate) fn brace_pairs(
    template: &str,
    known: &dyn Fn(&str) -> bool,
) -> Result<Vec<BracePair>, ExprError> {
    let mut pairs = Vec::new();
    for_each_part(template, &Braces::Legacy(known), |part| {
        match part {
            Part::Expression(expression) if !template[expression.span.start..].starts_with('$') => {
                pairs.push(BracePair {
                    span: expression.span,
                    is_expression: true,
                });
            }
            Part::Braces(span) => {
                if let Some(length) = template[span.end..].find("}}") {
                    pairs.push(BracePair {
                        span: span.start..span.end + length + 2,
                        is_expression: false,
                    });
                }
            }
            Part::Text(_) | Part::Expression(_) => (),
        }
        Ok(())
    })
    .map_err(|fault| ExprError::new(fault, template))?;
    Ok(pairs)
}

/// Where the expressions of a script stand, from the opening to the closing braces. None of a script that cannot be read.
pub(crate) fn expression_spans(template: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let read = for_each_part(template, &Braces::DollarOnly, |part| {
        if let Part::Expression(expression) = part {
            spans.push(expression.span);
        }
        Ok(())
    });
    if read.is_err() {
        spans.clear();
    }
    spans
}

/// Whether a template can be read.
pub(crate) fn check_in(template: &str, braces: &Braces<'_>) -> Result<(), ExprError> {
    for_each_part(template, braces, |_| Ok(())).map_err(|fault| ExprError::new(fault, template))
}

/// The text with every expression replaced by its value.
pub(crate) fn render_in(
    template: &str,
    scope: &Scope<'_>,
    braces: &Braces<'_>,
) -> Result<String, ExprError> {
    Renderer::new(scope, *braces).text(template, |_, value| Ok(value.to_owned()))
}

/// Renders texts, within limits on all of them together.
struct Renderer<'s> {
    evaluator: Evaluator<'s>,
    braces: Braces<'s>,
    n_bytes: usize,
}

impl<'s> Renderer<'s> {
    fn new(scope: &'s Scope<'s>, braces: Braces<'s>) -> Self {
        Self {
            evaluator: Evaluator::new(scope),
            braces,
            n_bytes: 0,
        }
    }

    /// Renders one text; `each` says what takes the place of an expression with this value.
    fn text(
        &mut self,
        template: &str,
        mut each: impl FnMut(&Expression<'_>, &str) -> Result<String, Fault>,
    ) -> Result<String, ExprError> {
        let mut out = String::new();
        let Self {
            evaluator,
            braces,
            n_bytes,
        } = self;
        for_each_part(template, braces, |part| {
            let length = out.len();
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Braces(span) => out.push_str(&template[span]),
                Part::Expression(expression) => {
                    let parsed = &expression.parsed;
                    let value = evaluator.value(&parsed.tree, parsed.root)?;
                    out.push_str(&each(&expression, &value.text())?);
                }
            }
            *n_bytes += out.len() - length;
            check_size(*n_bytes).map_err(|message| Fault::new(message, 0..0))
        })
        .map_err(|fault| ExprError::new(fault, template))?;
        Ok(out)
    }

    /// Renders the strings of a value. Whoever read the value has limited how deep it nests.
    fn value(&mut self, value: &Value) -> Result<Value, ExprError> {
        Ok(match value {
            Value::String(template) => {
                Value::String(self.text(template, |_, value| Ok(value.to_owned()))?)
            }
            Value::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| self.value(item))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Object(entries) => {
                let mut rendered = Map::new();
                for (name, entry) in entries {
                    rendered.insert(name.clone(), self.value(entry)?);
                }
                Value::Object(rendered)
            }
            other => other.clone(),
        })
    }
}

/// A piece of a template.
pub(super) enum Part<'t> {
    Text(&'t str),
    /// Braces that open nothing.
    Braces(Range<usize>),
    Expression(Expression<'t>),
}

/// An expression of a template.
pub(super) struct Expression<'t> {
    pub(super) parsed: parser::Parsed,
    /// The bytes of the template from the opening to the closing braces.
    pub(super) span: Range<usize>,
    /// What stands between them.
    source: &'t str,
}

/// Cuts a template into its parts.
pub(super) fn for_each_part<'t>(
    template: &'t str,
    braces: &Braces<'_>,
    mut each: impl FnMut(Part<'t>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    check_size(template.len()).map_err(|message| Fault::new(message, 0..0))?;
    let mut at = 0;
    let mut n_vain = 0;
    while let Some((start, inner)) = next_opening(template, at, braces) {
        if start > at {
            each(Part::Text(&template[at..start]))?;
        }
        let result = parser::parse(template, inner, true);
        if let Braces::Legacy(known) = braces
            && !template[start..].starts_with('$')
        {
            let end = match &result {
                Ok(parsed) => parsed.end,
                Err(fault) => fault.span.end,
            };
            let is_expression = result
                .as_ref()
                .is_ok_and(|parsed| parsed.tree.names().all(known));
            if !is_expression {
                n_vain += end.saturating_sub(start);
                if n_vain > MAX_VAIN_BYTES {
                    let message = "the text has too many braces to look for expressions in";
                    return Err(Fault::new(message, start..inner));
                }
                let rest = template[inner..].trim_start_matches('{');
                at = template.len() - rest.len();
                each(Part::Braces(start..at))?;
                continue;
            }
        }
        let parsed = result.map_err(|fault| {
            // An expression that never ends is reported where it begins.
            match fault.span.start >= template.len() {
                true => Fault {
                    span: start..inner,
                    ..fault
                },
                false => fault,
            }
        })?;
        at = parsed.end;
        each(Part::Expression(Expression {
            source: &template[inner..at.saturating_sub(2).max(inner)],
            parsed,
            span: start..at,
        }))?;
    }
    each(Part::Text(&template[at..]))
}

/// The next opening at or after `at`: where it begins, and where it ends.
fn next_opening(template: &str, at: usize, braces: &Braces<'_>) -> Option<(usize, usize)> {
    let mark = match braces {
        Braces::DollarOnly => "${{",
        Braces::Legacy(_) | Braces::Any => "{{",
    };
    let start = at + template[at..].find(mark)?;
    let inner = start + mark.len();
    let has_dollar = mark == "{{" && template[at..start].ends_with('$');
    Some((start - usize::from(has_dollar), inner))
}
