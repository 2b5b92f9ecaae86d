//! Which variables hold text that people write who may not write the pipeline: commit messages, the names of branches,
//! what a dispatch was given. Inside a script such text is a part of the program.

/// The names that are built in. Every other one is an input by its bare name.
pub(crate) const CONTEXTS: [&str; 11] = [
    "env",
    "secrets",
    "cloudSecrets",
    "git",
    "task",
    "task_id",
    "app",
    "steps",
    "status",
    "inputs",
    "trigger",
];

/// The fields of `git` that whoever commits, or opens a pull request, chooses.
const GIT_TEXT: [&str; 6] = ["message", "branch", "tag", "ref", "pusher", "pull_request"];

/// The fields of `git.pull_request` that are no text: a number, a truth value, one of a few words.
const PULL_REQUEST_FACTS: [&str; 3] = ["number", "isFork", "type"];

/// What has to be known about a pipeline to say where a variable's text comes from.
#[derive(Clone, Copy)]
pub(crate) struct Origins<'a> {
    /// Whether an input is declared to be a number, a truth value or one of a choice: then it is checked, and not
    /// just any text.
    pub(crate) is_checked_input: &'a dyn Fn(&str) -> bool,
    /// Whether the value of this environment variable carries untrusted text.
    pub(crate) is_untrusted_env: &'a dyn Fn(&str) -> bool,
    /// Whether this output of the step with this id carries untrusted text. Each of the two can be `*`, for any.
    pub(crate) is_untrusted_output: &'a dyn Fn(&str, &str) -> bool,
}

impl Origins<'_> {
    /// Whether the variable of this path (as in `Reference`) holds untrusted text, or something around such text.
    pub(crate) fn is_untrusted(&self, path: &str) -> bool {
        let mut names = path.split('.');
        let root = names.next().unwrap_or_default();
        let name = names.next().unwrap_or_default();
        let is_all = name.is_empty() || name == "*";
        match root {
            "git" if name == "pull_request" => names
                .next()
                .is_none_or(|field| !PULL_REQUEST_FACTS.contains(&field)),
            "git" => is_all || GIT_TEXT.contains(&name),
            "trigger" => true,
            "inputs" => is_all || !(self.is_checked_input)(name),
            // All of `env` is untrusted when a part of it is, which only whoever knows its names can say: they are
            // asked with the name `*`.
            "env" if is_all => (self.is_untrusted_env)("*"),
            "env" => (self.is_untrusted_env)(name),
            "steps" if is_all => (self.is_untrusted_output)("*", "*"),
            "steps" => match names.next() {
                None | Some("*") => (self.is_untrusted_output)(name, "*"),
                Some("outputs") => (self.is_untrusted_output)(name, names.next().unwrap_or("*")),
                Some(_) => false,
            },
            _ if CONTEXTS.contains(&root) => false,
            input => !(self.is_checked_input)(input),
        }
    }
}
