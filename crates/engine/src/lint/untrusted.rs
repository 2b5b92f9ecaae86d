//! Text of other people that becomes a part of a script.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use flowcd_model::pipeline::InputType;

use super::{code, reference::context_near};
use crate::{
    expr::{self, CONTEXTS, Origins, Reference},
    parse::{
        Pipeline,
        finding::{Findings, Note},
        reader::{Field, Template},
    },
    shell::{
        Shell,
        quoting::{self, Hazard},
    },
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
    /// The variables of steps whose braces hold something else, unless a deployment is given inputs of such names.
    unclear: BTreeSet<(usize, &'p str)>,
    /// The outputs that are declared to be untrusted text, by the id of their step.
    outputs: BTreeSet<(&'p str, &'p str)>,
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
            unclear: BTreeSet::new(),
            outputs: BTreeSet::new(),
            n_left: Cell::new(MAX_WORK),
        };
        for (template, references) in templates.iter().zip(references) {
            let Field::Env(name) = &template.field else {
                continue;
            };
            let Some(step) = template.step else {
                origin.of_pipeline.insert(name, references);
                continue;
            };
            origin.of_step.insert((step, name), references);
            if template.text.replace("${{", "").contains("{{") {
                origin.unclear.insert((step, name));
            }
        }
        origin.trace_outputs(templates, references);
        origin
    }

    /// Finds the outputs that are declared to be untrusted text. A step can only see those of the steps before it.
    fn trace_outputs(&mut self, templates: &'p [Template], references: &'p [Vec<Reference>]) {
        for (template, references) in templates.iter().zip(references) {
            let (Field::Output(name), Some(step)) = (&template.field, template.step) else {
                continue;
            };
            let id = self
                .pipeline
                .steps
                .get(step)
                .and_then(|step| step.id.as_deref());
            let mut carried = references.iter().filter(|reference| reference.is_carried);
            if let Some(id) = id
                && carried.any(|reference| self.is_untrusted(step, &reference.path))
            {
                self.outputs.insert((id, name));
            }
        }
    }

    /// Whether an output can hold untrusted text. What a step writes while it runs may be anything, and where the
    /// pipeline is strict nothing is said for it.
    fn is_untrusted_output(&self, id: &str, name: &str) -> bool {
        self.pipeline.is_strict
            || match (id, name) {
                ("*", _) => !self.outputs.is_empty(),
                (_, "*") => {
                    let behind = self.outputs.range((id, "")..).next();
                    behind.is_some_and(|(of, _)| *of == id)
                }
                _ => self.outputs.contains(&(id, name)),
            }
    }

    /// Whether a variable of a path can hold untrusted text in a step.
    fn is_untrusted(&self, step: usize, path: &str) -> bool {
        let origins = Origins {
            is_checked_input: &|name| self.is_checked_input(name),
            is_untrusted_env: &|name| self.is_untrusted_env(step, name),
            is_untrusted_output: &|id, name| self.is_untrusted_output(id, name),
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

    /// Whether the step itself gives the variable a value, and no template.
    fn is_constant(&self, step: usize, name: &str) -> bool {
        let own = self.pipeline.steps.get(step).map(|step| &step.own_env);
        own.is_some_and(|own| own.contains_key(name)) && !self.of_step.contains_key(&(step, name))
    }

    /// Whether a variable may hold untrusted text in a strict pipeline: unless the step's own `env` says otherwise.
    /// What is beneath that comes from a deployment, or from what steps and files say.
    fn is_uncertain_env(&self, step: usize, name: &str) -> bool {
        if self.is_constant(step, name) {
            return false;
        }
        let Some(references) = self.of_step.get(&(step, name)) else {
            return true;
        };
        let is_untrusted = |path: &str| match path.strip_prefix("env.") {
            Some(other) => !self.is_constant(step, other.split('.').next().unwrap_or(other)),
            None => self.is_untrusted_beside_env(path),
        };
        self.unclear.contains(&(step, name))
            || references
                .iter()
                .any(|reference| reference.is_carried && is_untrusted(&reference.path))
    }

    fn is_untrusted_env(&self, step: usize, name: &str) -> bool {
        if self.pipeline.is_strict {
            return self.is_uncertain_env(step, name);
        }
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
            is_untrusted_output: &|id, name| self.is_untrusted_output(id, name),
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
        // One that cannot be read fails the step, and is told of elsewhere.
        let shell = Shell::parse(pipeline.steps[index].shell.as_deref());
        let script = Script {
            pipeline,
            untrusted: &pipeline.steps[index].untrusted,
            template,
            shell: shell.unwrap_or(Shell::Sh),
        };
        script.inspect(references, findings);
        if !pipeline.is_strict {
            script.inspect_unset(index, references, findings);
        }
    }
}

/// A step's script.
struct Script<'p> {
    pipeline: &'p Pipeline,
    untrusted: &'p BTreeSet<String>,
    template: &'p Template,
    shell: Shell,
}

impl Script<'_> {
    /// Tells of untrusted text.
    fn inspect(&self, references: &[Reference], findings: &mut Findings<'_>) {
        if self.untrusted.is_empty() {
            return;
        }
        let carried: Vec<&Reference> = references
            .iter()
            .filter(|reference| reference.is_carried && self.untrusted.contains(&reference.path))
            .collect();
        if self.pipeline.is_strict && self.shell.variable("X").is_some() {
            return self.inspect_quotes(&carried, findings);
        }
        for reference in carried {
            // One that is nearly a context is no input, and is told of elsewhere.
            let path = &reference.path;
            let root = path.split('.').next().unwrap_or(path);
            let is_input = self.pipeline.inputs.iter().any(|spec| spec.name == root);
            if !self.pipeline.is_strict
                && !CONTEXTS.contains(&root)
                && !is_input
                && context_near(root).is_some()
            {
                continue;
            }
            let what = self.what(path);
            let note = match self.pipeline.is_strict {
                true => {
                    let name = self.shell.name();
                    let message = format!(
                        "{what}, and `strict-expressions` cannot keep it out of a script for `{name}`"
                    );
                    Note::refused(code::STRICT_SHELL, message)
                }
                false => {
                    let message = format!("{what}, and becomes a part of the script");
                    Note::odd(code::UNTRUSTED_TEXT, message)
                }
            };
            self.add(reference, note, findings);
        }
    }

    /// Refuses untrusted text where the variable that takes its place would not be one word and nothing else.
    fn inspect_quotes(&self, carried: &[&Reference], findings: &mut Findings<'_>) {
        let mut wanted: Vec<Range<usize>> = carried
            .iter()
            .map(|reference| reference.span.clone())
            .collect();
        wanted.dedup();
        let text = &self.template.text;
        let hazards = quoting::hazards(text, &expr::expression_spans(text), &wanted);
        let by_start: BTreeMap<usize, &Reference> = carried
            .iter()
            .map(|reference| (reference.span.start, *reference))
            .collect();
        for (span, hazard) in hazards {
            let Some(reference) = by_start.get(&span.start) else {
                continue;
            };
            let why = match hazard {
                Hazard::Bare => "has to stand inside double quotes: without them the shell cuts it into words".to_owned(),
                Hazard::Literal => "has to stand inside double quotes: here the shell looks for no variables".to_owned(),
                Hazard::Nested => "has to stand directly inside double quotes, and what is around it here is more than that".to_owned(),
                Hazard::Program(command) => format!("cannot be kept from becoming a program of `{command}`"),
                Hazard::Command => "cannot be the name of a command".to_owned(),
            };
            let note = Note::refused(
                code::STRICT_QUOTES,
                format!("{}, and {why}", self.what(&reference.path)),
            );
            self.add(reference, note, findings);
        }
    }

    /// Tells of variables that only a deployment or the application can have set.
    fn inspect_unset(&self, index: usize, references: &[Reference], findings: &mut Findings<'_>) {
        let step = &self.pipeline.steps[index];
        for reference in references.iter().filter(|reference| reference.is_carried) {
            let Some(name) = reference.path.strip_prefix("env.") else {
                continue;
            };
            let is_known = name.contains(['.', '*'])
                || !step.env_files.is_empty()
                || step.own_env.contains_key(name)
                || self.pipeline.env.contains_key(name);
            if is_known || self.is_set_by_a_step(name) {
                continue;
            }
            let message = format!(
                "`env.{name}` is not set in this file: whoever starts a deployment can set it, and it becomes a part of the script"
            );
            self.add(
                reference,
                Note::advice(code::UNTRUSTED_TEXT, message),
                findings,
            );
        }
    }

    /// Whether it looks as if a script sets the variable for later steps. A plugin may do so, too.
    fn is_set_by_a_step(&self, name: &str) -> bool {
        let assigned = [format!("{name}="), format!("{name}<<")];
        self.pipeline.steps.iter().any(|step| {
            step.run.as_ref().map_or(step.plugin.is_some(), |run| {
                assigned.iter().any(|assigned| run.contains(assigned))
            })
        })
    }

    /// What the variable of a path is.
    fn what(&self, path: &str) -> String {
        // It is only not known to be something else.
        let is_ours =
            self.pipeline.is_strict && (path.starts_with("env") || path.starts_with("steps"));
        match (CONTEXTS.contains(&path), is_ours) {
            (true, false) => format!("`{path}` holds text from outside"),
            (true, true) => format!("`{path}` can hold text from outside"),
            (false, true) => format!("`{path}` can be text from outside"),
            (false, false) => format!("`{path}` is text from outside"),
        }
    }

    fn add(&self, reference: &Reference, note: Note, findings: &mut Findings<'_>) {
        let text = &self.template.text;
        let expression = text.get(reference.span.clone()).unwrap_or_default();
        let help = safe_form(&reference.path, expression, &self.shell);
        findings.add_in(self.template, &reference.span, note.help(help));
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
    let name = name.replace(['.', '*', '-'], "_").to_uppercase();
    match name.as_str() {
        // Not to be taken for one that has a meaning of its own.
        "PATH" | "HOME" | "ENV" | "CI" => format!("{name}_VALUE"),
        _ => name,
    }
}
