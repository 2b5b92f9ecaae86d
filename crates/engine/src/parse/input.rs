//! The inputs that a pipeline declares, as its file has them.

use flowcd_model::pipeline::{InputSpec, InputType};

use super::{
    finding::{Findings, Note},
    key::{self, INPUT_KEYS, InputKey},
    node::{Key, Kind, Node},
    value,
};
use crate::{expr, inputs, lint::code, spelling};

/// The types by name.
pub(crate) const TYPES: [(&str, InputType); 4] = [
    ("string", InputType::String),
    ("number", InputType::Number),
    ("boolean", InputType::Boolean),
    ("choice", InputType::Choice),
];

/// Words of the expression language that cannot be names of variables.
pub(crate) const KEYWORDS: [&str; 5] = ["true", "false", "null", "undefined", "typeof"];

/// Reads the declarations, those that make sense.
pub(super) fn declarations(findings: &mut Findings<'_>, node: Node) -> Vec<InputSpec> {
    if let Kind::List(_) = &node.kind {
        let note = Note::refused(code::BAD_INPUT, "`inputs` is a mapping, not a list");
        let help = "write the name of each input as a key: `name: {type: string}`";
        findings.add(&node.span, note.help(help));
        return Vec::new();
    }
    value::mapping(findings, node, "`inputs` is")
        .into_iter()
        .filter_map(|(key, node)| declaration(findings, &key, node))
        .collect()
}

fn declaration(findings: &mut Findings<'_>, key: &Key, node: Node) -> Option<InputSpec> {
    let is_good_name = check_name(findings, key);
    let name = &key.text;
    let mut spec = InputSpec {
        name: name.clone(),
        input_type: InputType::default(),
        description: None,
        default: None,
        is_required: false,
        options: Vec::new(),
    };
    let entries = match node.kind {
        Kind::Null => return is_good_name.then_some(spec),
        Kind::Map(entries) => entries,
        kind => {
            let message = format!("the input `{name}` is a mapping, not {}", kind.name());
            let note = Note::refused(code::BAD_INPUT, message);
            let help = "say what it takes: `{type: string, default: ..}`";
            findings.add(&node.span, note.help(help));
            return None;
        }
    };
    let mut default = None;
    let mut options = None;
    let mut required = None;
    let mut is_known_type = true;
    for (key, value) in entries {
        match key::find(&INPUT_KEYS, &key.text) {
            Some(InputKey::Type) => match input_type(findings, name, value) {
                Some(input_type) => spec.input_type = input_type,
                None => is_known_type = false,
            },
            Some(InputKey::Description) => {
                spec.description = value::text(findings, value, "description");
            }
            Some(InputKey::Default) => default = Some(value),
            Some(InputKey::Required) => {
                spec.is_required = value::boolean(findings, &value, "required").unwrap_or_default();
                required = Some(value.span);
            }
            Some(InputKey::Options) => options = Some(value),
            None => {
                let message = format!("`{}` is no key of an input and is ignored", key.text);
                let help = key::advice(&INPUT_KEYS, &key.text);
                findings.add(&key.span, Note::odd(code::UNKNOWN_KEY, message).hint(help));
            }
        }
    }
    if !is_known_type {
        return None;
    }
    let has_options = choices(findings, &mut spec, key, options);
    let default = default.filter(|node| !matches!(node.kind, Kind::Null));
    if let (Some(default), true) = (default, has_options) {
        if let Some(span) = required.filter(|_| spec.is_required) {
            let message = format!("the input `{name}` is never missing, because it has a default");
            let note = Note::odd(code::BAD_INPUT, message);
            findings.add(&span, note.help("leave out `required` or `default`"));
        }
        set_default(findings, &mut spec, default);
    }
    is_good_name.then_some(spec)
}

/// An input is a variable, so its name has to be one that an expression can say and that means it.
fn check_name(findings: &mut Findings<'_>, key: &Key) -> bool {
    let name = &key.text;
    let mut chars = name.chars();
    let is_name = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
    let (message, help) = if expr::CONTEXTS.contains(&name.as_str()) {
        (
            format!("`{name}` is built in and cannot be the name of an input"),
            format!("choose another name, `{name}_name` for example"),
        )
    } else if !is_name {
        (
            format!("{name:?} cannot be the name of an input"),
            format!(
                "use letters, digits and `_`, and begin with a letter{}",
                suggested_name(name)
            ),
        )
    } else if KEYWORDS.contains(&name.as_str()) {
        (
            format!("`{name}` is a word of the expression language"),
            "choose another name".to_owned(),
        )
    } else {
        return true;
    };
    findings.add(&key.span, Note::refused(code::BAD_NAME, message).help(help));
    false
}

fn suggested_name(name: &str) -> String {
    let is_near = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ' | '.'));
    match is_near {
        true => format!(": `{}`", name.replace(['-', ' ', '.'], "_")),
        false => String::new(),
    }
}

fn input_type(findings: &mut Findings<'_>, name: &str, node: Node) -> Option<InputType> {
    let span = node.span.clone();
    let Some(text) = value::text(findings, node, "type") else {
        return Some(InputType::default());
    };
    if let Some((_, input_type)) = TYPES.iter().find(|(known, _)| *known == text) {
        return Some(*input_type);
    }
    let meant = match text.to_lowercase().as_str() {
        "text" | "str" | "environment" => Some("string"),
        "int" | "integer" | "float" => Some("number"),
        "bool" | "checkbox" => Some("boolean"),
        "enum" | "select" | "options" => Some("choice"),
        _ => spelling::nearest(&text, TYPES.map(|(known, _)| known)),
    };
    let message = format!("the input `{name}` has the unknown type `{text}`");
    let help = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "the types are `string`, `number`, `boolean` and `choice`".to_owned(),
    };
    findings.add(&span, Note::refused(code::BAD_INPUT, message).help(help));
    None
}

/// Sets what a choice chooses from. Whether that makes sense.
fn choices(
    findings: &mut Findings<'_>,
    spec: &mut InputSpec,
    key: &Key,
    options: Option<Node>,
) -> bool {
    let is_choice = spec.input_type == InputType::Choice;
    let Some(node) = options else {
        if is_choice {
            let message = format!("the input `{}` is a choice of nothing", spec.name);
            let note = Note::refused(code::BAD_INPUT, message);
            findings.add(
                &key.span,
                note.help("list what can be chosen: `options: [a, b]`"),
            );
        }
        return !is_choice;
    };
    let span = node.span.clone();
    if !is_choice {
        let message = format!("the input `{}` has options and is no choice", spec.name);
        let note = Note::refused(code::BAD_INPUT, message);
        findings.add(&span, note.help("write `type: choice`"));
        return false;
    }
    for item in value::list(findings, node, "`options` is", "write `[a, b]`") {
        let span = item.span.clone();
        let option = match item.kind {
            Kind::Text(text) => Some(text),
            Kind::List(_) | Kind::Map(_) | Kind::Null => {
                let message = format!("an option is text, not {}", item.kind.name());
                findings.add(&span, Note::refused(code::BAD_INPUT, message));
                None
            }
            _ => value::text(findings, item, "options"),
        };
        let Some(option) = option else { continue };
        if spec.options.contains(&option) {
            let message = format!("the option `{option}` is there already");
            findings.add(&span, Note::odd(code::BAD_INPUT, message));
            continue;
        }
        spec.options.push(option);
    }
    if spec.options.is_empty() {
        let message = format!("the input `{}` is a choice of nothing", spec.name);
        let note = Note::refused(code::BAD_INPUT, message);
        findings.add(
            &span,
            note.help("list what can be chosen: `options: [a, b]`"),
        );
    }
    !spec.options.is_empty()
}

/// Sets the default, which is checked as if somebody had given it.
fn set_default(findings: &mut Findings<'_>, spec: &mut InputSpec, node: Node) {
    let span = node.span.clone();
    let is_text = matches!(spec.input_type, InputType::String | InputType::Choice);
    // As text a number is what is written: `1.10` is not `1.1`.
    let written = node.written.clone().filter(|_| is_text);
    let value = match written {
        Some(written) => written.into(),
        None => value::plain(node),
    };
    match inputs::coerce(spec, &value) {
        Ok(value) => spec.default = Some(value),
        Err(problem) => {
            let message = format!("the default of the input `{}` {problem}", spec.name);
            findings.add(&span, Note::refused(code::BAD_INPUT, message));
        }
    }
}
