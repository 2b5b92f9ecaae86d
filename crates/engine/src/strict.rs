//! Which variables hold text that a step must not run as a part of its script.

use std::collections::BTreeSet;

use flowcd_model::pipeline::{InputSpec, InputType};
use serde_json::{Map, Value};

use crate::expr::{self, Braces, Origins};

/// What is known of a step's variables from how the pipeline is written.
#[derive(Clone, Debug)]
pub(crate) struct Untrusted {
    /// The inputs that are not just any text.
    checked_inputs: BTreeSet<String>,
    /// The variables of the environment whose own templates carry untrusted text.
    env: BTreeSet<String>,
}

impl Untrusted {
    /// For a step with this environment, in a pipeline with these inputs.
    pub(crate) fn new(inputs: &[InputSpec], env: &Map<String, Value>) -> Self {
        let checked_inputs = inputs
            .iter()
            .filter(|input| input.input_type != InputType::String)
            .map(|input| input.name.clone())
            .collect();
        let mut untrusted = Self {
            checked_inputs,
            env: BTreeSet::new(),
        };
        // Variables can be made of others, so one that is found can make another one untrusted.
        while let Some(name) = untrusted.find_another(env) {
            untrusted.env.insert(name);
        }
        untrusted
    }

    fn find_another(&self, env: &Map<String, Value>) -> Option<String> {
        env.iter()
            .filter(|(name, _)| !self.env.contains(*name))
            .find(|(_, value)| value.as_str().is_some_and(|text| self.is_carried_in(text)))
            .map(|(name, _)| name.clone())
    }

    /// Whether the path (as in [`expr::Reference`]) names untrusted text, or something that has such text in it.
    pub(crate) fn is_untrusted(&self, path: &str) -> bool {
        let origins = Origins {
            is_checked_input: &|name| self.checked_inputs.contains(name),
            is_untrusted_env: &|name| match name {
                "*" => !self.env.is_empty(),
                name => self.env.contains(name),
            },
        };
        origins.is_untrusted(path)
    }

    /// Whether untrusted text can get into what becomes of a template.
    pub(crate) fn is_carried_in(&self, template: &str) -> bool {
        // What is no expression is no reference to anything either.
        let references = expr::references_in(template, &Braces::Legacy(&|_| true));
        references.is_ok_and(|references| {
            references
                .iter()
                .any(|reference| reference.is_carried && self.is_untrusted(&reference.path))
        })
    }
}
