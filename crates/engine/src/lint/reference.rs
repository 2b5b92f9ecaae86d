//! Whether the variables that expressions name are there.

use std::collections::BTreeMap;

use flowcd_model::pipeline::InputSpec;

use super::code;
use crate::{
    expr::{CONTEXTS, Reference},
    parse::{
        Pipeline,
        finding::{Findings, Note},
        reader::{Field, Template},
    },
    spelling,
};

/// Functions that people forget to call.
const STATUS_FUNCTIONS: [&str; 4] = ["success", "failure", "cancelled", "always"];

/// What `git` has.
const GIT_KEYS: [&str; 12] = [
    "provider",
    "clone_url",
    "ref",
    "commit",
    "event_name",
    "repo_owner",
    "repo_name",
    "branch",
    "tag",
    "message",
    "pusher",
    "pull_request",
];

/// What `task` has.
const TASK_KEYS: [&str; 3] = ["id", "number", "url"];

/// What a step in `steps` has.
const STEP_KEYS: [&str; 2] = ["status", "outputs"];

/// What others call our contexts and what is in them.
const OTHER_NAMES: [(&str, &str); 14] = [
    ("github", "git"),
    ("gitlab", "git"),
    ("gitee", "git"),
    ("event", "trigger"),
    ("vars", "env"),
    ("environment", "env"),
    ("params", "inputs"),
    ("parameters", "inputs"),
    ("sha", "commit"),
    ("ref_name", "branch"),
    ("actor", "pusher"),
    ("outcome", "status"),
    ("conclusion", "status"),
    ("result", "status"),
];

/// The names that a pipeline has.
pub(super) struct Known<'p> {
    inputs: &'p [InputSpec],
    /// Each id and the indexes of the steps that have it.
    ids: BTreeMap<&'p str, Vec<usize>>,
}

impl<'p> Known<'p> {
    pub(super) fn new(pipeline: &'p Pipeline) -> Self {
        let mut ids: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, step) in pipeline.steps.iter().enumerate() {
            if let Some(id) = &step.id {
                ids.entry(id).or_default().push(index);
            }
        }
        Self {
            inputs: &pipeline.inputs,
            ids,
        }
    }

    /// Says what there is to say about one variable of a template.
    pub(super) fn check(
        &self,
        template: &Template,
        reference: &Reference,
        findings: &mut Findings<'_>,
    ) {
        // To find what was meant takes longer than everything else.
        if findings.is_crowded() {
            return;
        }
        let mut names = reference.path.split('.');
        let root = names.next().unwrap_or_default();
        let first = names.next().filter(|name| *name != "*");
        let note = match (root, first) {
            ("steps", Some(id)) => self.step(template, id, names.next()),
            ("inputs", Some(name)) => self.input(name),
            ("git", Some(name)) => misspelled("git", name, &GIT_KEYS),
            ("task", Some(name)) => misspelled("task", name, &TASK_KEYS),
            _ if CONTEXTS.contains(&root) || self.is_input(root) => None,
            _ => self.unknown(template, reference, root, first),
        };
        if let Some(note) = note {
            findings.add_in(template, &reference.path_span, note);
        }
    }

    fn is_input(&self, name: &str) -> bool {
        self.inputs.iter().any(|spec| spec.name == name)
    }

    fn step(&self, template: &Template, id: &str, key: Option<&str>) -> Option<Note> {
        let Some(indexes) = self.ids.get(id) else {
            let message = format!("no step has the id `{id}`");
            // `steps.my-step.status` takes one thing from another.
            let longer = self.ids.keys().find(|known| {
                known
                    .strip_prefix(id)
                    .is_some_and(|rest| rest.starts_with('-'))
            });
            let help = match longer {
                Some(longer) => Some(format!("write `steps[\"{longer}\"]`")),
                None => did_you_mean(spelling::nearest(id, self.ids.keys().copied())),
            };
            return Some(Note::advice(code::UNKNOWN_STEP, message).hint(help));
        };
        let has_run = match (template.step, &template.field) {
            (None, _) => true,
            // Outputs are worked out when their step has ended.
            (Some(step), Field::Output(_)) => indexes.iter().any(|index| *index <= step),
            (Some(step), _) => indexes.iter().any(|index| *index < step),
        };
        if !has_run {
            let message = match template.step {
                Some(step) if indexes.contains(&step) => {
                    format!("the step `{id}` has not ended while it runs")
                }
                _ => format!("the step `{id}` comes later"),
            };
            let note = Note::advice(code::UNKNOWN_STEP, message);
            return Some(note.help("only the steps before are known; this is empty"));
        }
        misspelled(&format!("steps.{id}"), key?, &STEP_KEYS)
    }

    fn input(&self, name: &str) -> Option<Note> {
        if self.inputs.is_empty() || self.is_input(name) || name == "env" {
            return None;
        }
        let message = format!("the pipeline declares no input `{name}`");
        let near = spelling::nearest(name, self.inputs.iter().map(|spec| spec.name.as_str()));
        Some(Note::odd(code::UNKNOWN_CONTEXT, message).hint(did_you_mean(near)))
    }

    /// A name that is neither a context nor a declared input.
    fn unknown(
        &self,
        template: &Template,
        reference: &Reference,
        root: &str,
        first: Option<&str>,
    ) -> Option<Note> {
        // The rest of a name with a `-` in it, of which something is said already.
        if template.text[..reference.path_span.start]
            .trim_end()
            .ends_with('-')
        {
            return None;
        }
        if STATUS_FUNCTIONS.contains(&root) {
            let message = format!("`{root}` is a function and not a variable");
            let note = Note::odd(code::UNKNOWN_CONTEXT, message);
            return Some(note.help(format!("write `{root}()`")));
        }
        let lower = root.to_lowercase();
        if ["true", "false", "null"].contains(&lower.as_str()) {
            let note = Note::odd(
                code::UNKNOWN_CONTEXT,
                format!("`{root}` is taken for a variable"),
            );
            return Some(note.help(format!("write `{lower}`, in lower case")));
        }
        let inputs = self.inputs.iter().map(|spec| spec.name.as_str());
        let near = context_near(root).or_else(|| spelling::nearest(root, inputs));
        if near.is_some() || !self.inputs.is_empty() {
            let message = format!("there is no `{root}`, neither as a context nor as an input");
            let help = match near {
                Some(near) => did_you_mean(Some(near)),
                None => Some(format!("the contexts are {}", CONTEXTS.join(", "))),
            };
            return Some(Note::odd(code::UNKNOWN_CONTEXT, message).hint(help));
        }
        let message = match first {
            Some(_) => format!("`{root}` is no context, and inputs hold nothing by name as a rule"),
            None => format!("`{root}` is empty unless a deployment is given an input of that name"),
        };
        let help = "declare it under the pipeline's `inputs`, so that misspellings are found";
        Some(Note::advice(code::UNKNOWN_CONTEXT, message).help(help))
    }
}

/// The context that somebody may have meant by a name that is none.
pub(super) fn context_near(name: &str) -> Option<&'static str> {
    other_name(name, &CONTEXTS).or_else(|| spelling::nearest(name, CONTEXTS))
}

/// A key that is not one of a context's, and near one that is.
fn misspelled(context: &str, name: &str, keys: &[&str]) -> Option<Note> {
    if keys.contains(&name) {
        return None;
    }
    let near = other_name(name, keys).or_else(|| spelling::nearest(name, keys.iter().copied()))?;
    let message = format!("`{context}` has no `{name}`");
    Some(Note::advice(code::UNKNOWN_CONTEXT, message).hint(did_you_mean(Some(near))))
}

fn other_name<'k>(name: &str, keys: &[&'k str]) -> Option<&'k str> {
    let (_, meant) = OTHER_NAMES.iter().find(|(other, _)| *other == name)?;
    keys.iter().find(|key| *key == meant).copied()
}

fn did_you_mean(near: Option<&str>) -> Option<String> {
    near.map(|near| format!("did you mean `{near}`?"))
}
