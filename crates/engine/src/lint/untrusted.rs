//! Text of other people that becomes a part of a script.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use flowcd_model::pipeline::InputType;

use super::{code, reference::context_near};
use crate::{
    expr::{CONTEXTS, Origins, Reference},
    parse::{
        Pipeline,
        finding::{Findings, Note},
        reader::{Field, Template},
    },
    shell::Shell,
};

/// How many variables are looked at in search of where a text comes from. A file beyond it is no pipeline, and gets
/// all of its variables called untrusted.
const MAX_WORK: usize = 100_000;

/// What the expressions of a variable's template refer to.
type References<'r> = &'r [Reference];

/// Whose environment a variable is in.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Layer {
    Pipeline,
    Step,
}

/// What looks at a variable.
#[derive(Clone, Copy, Debug)]
enum Reader {
    /// A step's script, when the whole environment has been rendered.
    Script,
    /// Another variable, or itself.
    Variable(Layer),
}

/// Where the values of environment variables come from.
struct Origin<'p> {
    pipeline: &'p Pipeline,
    of_pipeline: BTreeMap<&'p str, References<'p>>,
    of_step: BTreeMap<(usize, &'p str), References<'p>>,
    n_left: Cell<usize>,
}

impl<'p> Origin<'p> {
    fn new(
        pipeline: &'p Pipeline,
        templates: &'p [Template],
        references: &'p [Vec<Reference>],
    ) -> Self {
        let mut origin = Self {
            pipeline,
            of_pipeline: BTreeMap::new(),
            of_step: BTreeMap::new(),
            n_left: Cell::new(MAX_WORK),
        };
        for (template, references) in templates.iter().zip(references) {
            let Field::Env(name) = &template.field else {
                continue;
            };
            match template.step {
                Some(step) => origin.of_step.insert((step, name), references),
                None => origin.of_pipeline.insert(name, references),
            };
        }
        origin
    }

    /// Whether a variable of a path can hold untrusted text in a step.
    fn is_untrusted(&self, step: usize, path: &str) -> bool {
        let origins = Origins {
            is_checked_input: &|name| self.is_checked_input(name),
            is_untrusted_env: &|name| self.is_untrusted_env(step, name),
        };
        origins.is_untrusted(path)
    }

    /// Whether an input cannot be just any text. One that is not declared where others are is refused, and empty.
    fn is_checked_input(&self, name: &str) -> bool {
        let declared = &self.pipeline.inputs;
        let spec = declared.iter().find(|spec| spec.name == name);
        match spec {
            Some(spec) => spec.input_type != InputType::String,
            None => !declared.is_empty() && name != "env",
        }
    }

    fn is_untrusted_env(&self, step: usize, name: &str) -> bool {
        if name == "*" {
            let own = self.of_step.range((step, "")..(step + 1, ""));
            let names = own.map(|((_, name), _)| *name);
            return names
                .chain(self.of_pipeline.keys().copied())
                .any(|name| self.is_untrusted_env(step, name));
        }
        let mut seen = BTreeSet::new();
        let mut open = self.layers(step, name, Reader::Script);
        while let Some((name, layer)) = open.pop() {
            if !seen.insert((name, layer)) {
                continue;
            }
            let n_left = self.n_left.get();
            if n_left == 0 {
                return true;
            }
            self.n_left.set(n_left - 1);
            let references = match layer {
                Layer::Step => self.of_step.get(&(step, name)),
                Layer::Pipeline => self.of_pipeline.get(name),
            };
            let carried = references.into_iter().copied().flatten();
            for reference in carried.filter(|reference| reference.is_carried) {
                match reference.path.split('.').collect::<Vec<_>>().as_slice() {
                    ["env", "*", ..] | ["env"] => return true,
                    ["env", other, ..] => {
                        open.extend(self.layers(step, other, Reader::Variable(layer)));
                    }
                    _ if self.is_untrusted_beside_env(&reference.path) => return true,
                    _ => {}
                }
            }
        }
        false
    }

    fn is_untrusted_beside_env(&self, path: &str) -> bool {
        let origins = Origins {
            is_checked_input: &|name| self.is_checked_input(name),
            is_untrusted_env: &|_| true,
        };
        origins.is_untrusted(path)
    }

    /// The layers whose template a reader of a variable may see the value of.
    ///
    /// The pipeline's templates are rendered before the step's, and a step's see each other in their order. A value
    /// that is no template is there before all of them.
    fn layers<'n>(&self, step: usize, name: &'n str, reader: Reader) -> Vec<(&'n str, Layer)> {
        let has_own = self
            .pipeline
            .steps
            .get(step)
            .is_some_and(|step| step.own_env.contains_key(name));
        let has_template = self.of_step.contains_key(&(step, name));
        if has_own && !has_template {
            return Vec::new();
        }
        match reader {
            Reader::Script if has_own => vec![(name, Layer::Step)],
            Reader::Variable(Layer::Step) => {
                vec![(name, Layer::Step), (name, Layer::Pipeline)]
            }
            Reader::Script | Reader::Variable(Layer::Pipeline) => vec![(name, Layer::Pipeline)],
        }
    }
}

/// The untrusted variables that each step's script carries.
fn carried_by_scripts(
    pipeline: &Pipeline,
    templates: &[Template],
    references: &[Vec<Reference>],
) -> Vec<(usize, BTreeSet<String>)> {
    let origin = Origin::new(pipeline, templates, references);
    let mut carried = Vec::new();
    for (template, references) in templates.iter().zip(references) {
        if let (Field::Run, Some(step)) = (&template.field, template.step) {
            let paths = references
                .iter()
                .filter(|reference| reference.is_carried)
                .map(|reference| &reference.path)
                .filter(|path| origin.is_untrusted(step, path))
                .cloned()
                .collect();
            carried.push((step, paths));
        }
    }
    carried
}

/// Tells each step which variables its script must not take the text of, and the reader where it does.
pub(super) fn inspect(
    pipeline: &mut Pipeline,
    templates: &[Template],
    references: &[Vec<Reference>],
    findings: &mut Findings<'_>,
) {
    for (step, paths) in carried_by_scripts(pipeline, templates, references) {
        pipeline.steps[step].untrusted = paths;
    }
    for (template, references) in templates.iter().zip(references) {
        let (Field::Run, Some(index)) = (&template.field, template.step) else {
            continue;
        };
        let step = &pipeline.steps[index];
        if step.untrusted.is_empty() {
            continue;
        }
        // One that cannot be read fails the step, and is told of elsewhere.
        let shell = Shell::parse(step.shell.as_deref());
        let is_safe = |shell: &Shell| shell.variable("X").is_some();
        if pipeline.is_strict && shell.as_ref().is_ok_and(is_safe) {
            continue;
        }
        for reference in references {
            let path = &reference.path;
            if !reference.is_carried || !step.untrusted.contains(path) {
                continue;
            }
            // One that is nearly a context is no input, and is told of elsewhere.
            let root = path.split('.').next().unwrap_or(path);
            let is_input = pipeline.inputs.iter().any(|spec| spec.name == root);
            if !CONTEXTS.contains(&root) && !is_input && context_near(root).is_some() {
                continue;
            }
            let what = match CONTEXTS.contains(&path.as_str()) {
                true => "holds",
                false => "is",
            };
            let note = match pipeline.is_strict {
                true => {
                    let name = shell.as_ref().map(Shell::name).unwrap_or_default();
                    let message = format!(
                        "`{path}` {what} text from outside, and `strict-expressions` cannot keep it out of a script for `{name}`"
                    );
                    Note::refused(code::STRICT_SHELL, message)
                }
                false => Note::odd(
                    code::UNTRUSTED_TEXT,
                    format!("`{path}` {what} text from outside, and becomes a part of the script"),
                ),
            };
            let expression = template
                .text
                .get(reference.span.clone())
                .unwrap_or_default();
            let help = safe_form(path, expression, shell.as_ref().unwrap_or(&Shell::Sh));
            findings.add_in(template, &reference.span, note.help(help));
        }
    }
}

/// How to give the script the same text without making it a part of the script. `expression` has its braces.
fn safe_form(path: &str, expression: &str, shell: &Shell) -> String {
    let inside = expression.trim_start_matches("${{").trim_end_matches("}}");
    let is_plain = inside.trim() == path;
    let given = match path {
        "git.message" => Some("FLOWCD_MESSAGE"),
        "git.branch" => Some("FLOWCD_BRANCH"),
        "git.tag" => Some("FLOWCD_TAG"),
        "git.ref" => Some("FLOWCD_REF"),
        _ => path
            .strip_prefix("env.")
            .filter(|name| !name.contains(['.', '*'])),
    };
    let given = given.filter(|_| is_plain).map(str::to_owned);
    let name = given.clone().unwrap_or_else(|| variable_name(path));
    let read = match shell {
        Shell::Sh | Shell::Bash => format!("\"${name}\""),
        Shell::Pwsh => format!("$env:{name}"),
        Shell::Python => format!("os.environ[\"{name}\"]"),
        Shell::Custom(_) => format!("the variable {name}"),
    };
    if given.is_some() {
        return format!("write `{read}` instead; the variable is there already");
    }
    let value = match expression.len() <= 80 && !expression.contains(['\n', '"', '\\']) {
        true => format!("\"{expression}\""),
        false => "${{ .. }}".to_owned(),
    };
    format!("set `env: {{{name}: {value}}}` and write `{read}` instead")
}

/// A name for a variable with the value of a path.
fn variable_name(path: &str) -> String {
    let name = path.strip_prefix("inputs.").unwrap_or(path);
    let name = name.replace(['.', '*'], "_").to_uppercase();
    match name.as_str() {
        // Not to be taken for one that has a meaning of its own.
        "PATH" | "HOME" | "ENV" | "CI" => format!("{name}_VALUE"),
        _ => name,
    }
}
