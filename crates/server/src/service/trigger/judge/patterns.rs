//! The four lists of patterns, for one name and for the two branches of a pull request.

use flowcd_engine::glob::{Decision, GlobList};
use flowcd_model::trigger::{BranchPair, Patterns};

use super::Answer;

/// Whether nobody has written a list.
pub(super) fn is_empty<T>(patterns: &Patterns<T>) -> bool {
    patterns.precise.is_empty()
        && patterns.prefix.is_none()
        && patterns.include.is_empty()
        && patterns.exclude.is_empty()
}

/// The globs that a prefix stands for.
fn of_prefix(prefix: &str) -> [String; 2] {
    [format!("{prefix}*"), format!("{prefix}/**")]
}

/// The four lists as one list of globs, the exclusions last; an exclusion is a glob behind a `!`.
fn globs(patterns: &Patterns<String>) -> Vec<String> {
    let mut globs = patterns.include.clone();
    match patterns.prefix.as_deref() {
        None => {}
        Some([]) => globs.extend(["*".to_owned(), "**".to_owned()]),
        Some(prefixes) => globs.extend(prefixes.iter().flat_map(|prefix| of_prefix(prefix))),
    }
    globs.extend(patterns.precise.iter().cloned());
    globs.extend(patterns.exclude.iter().map(|glob| format!("!{glob}")));
    globs
}

/// Whether the patterns let a name through, and which of them says so; an error when one cannot be read.
pub(super) fn decide(
    patterns: &Patterns<String>,
    what: &str,
    name: &str,
) -> Result<(bool, String), String> {
    let globs = globs(patterns);
    let list = GlobList::parse(&globs).map_err(|err| format!("a pattern is wrong: {err}"))?;
    Ok(match list.decide(name) {
        Decision::Included { by: Some(n) } => {
            (true, format!("{what} `{name}` matches `{}`", globs[n]))
        }
        Decision::Included { by: None } => (true, format!("{what} `{name}` is not excluded")),
        Decision::Excluded { by } => {
            // Of what stands in `exclude`, the `!` is ours.
            let is_ours = by >= globs.len() - patterns.exclude.len();
            let glob = globs[by].strip_prefix('!').filter(|_| is_ours);
            let glob = glob.unwrap_or(&globs[by]);
            (false, format!("{what} `{name}` is excluded by `{glob}`"))
        }
        Decision::Unmatched => {
            let tried: Vec<String> = globs[..globs.len() - patterns.exclude.len()]
                .iter()
                .map(|glob| format!("`{glob}`"))
                .collect();
            (
                false,
                format!("{what} `{name}` matches none of {}", tried.join(", ")),
            )
        }
    })
}

/// The branches of a pull request.
pub(super) struct Pair<'a> {
    pub(super) target: &'a str,
    pub(super) source: &'a str,
}

impl Pair<'_> {
    /// Whether the rules ask for a deployment.
    pub(super) fn ask(&self, patterns: &Patterns<BranchPair>) -> Answer {
        if is_empty(patterns) {
            return Answer::No("No pull_request branch rules configured".to_owned());
        }
        match self.find(&patterns.exclude, false) {
            Err(problem) => return Answer::Broken(problem),
            Ok(Some(rule)) => {
                return Answer::No(format!(
                    "webhook match pull_request exclude rules ({self} is excluded by {rule})"
                ));
            }
            Ok(None) => {}
        }
        let prefixes = patterns.prefix.as_deref();
        if prefixes.is_some_and(<[_]>::is_empty) {
            return Answer::Yes(format!("{self} matches: an empty `prefix` is every branch"));
        }
        let lists = [
            (patterns.precise.as_slice(), false),
            (prefixes.unwrap_or_default(), true),
            (patterns.include.as_slice(), false),
        ];
        for (rules, is_prefix) in lists {
            match self.find(rules, is_prefix) {
                Err(problem) => return Answer::Broken(problem),
                Ok(Some(rule)) => return Answer::Yes(format!("{self} matches {rule}")),
                Ok(None) => {}
            }
        }
        Answer::No(format!(
            "webhook not match pull_request rules (no rule is for {self})"
        ))
    }

    /// The first rule that both branches match.
    fn find(&self, rules: &[BranchPair], is_prefix: bool) -> Result<Option<String>, String> {
        for rule in rules {
            let is_match = |glob: &str, name: &str| -> Result<bool, String> {
                let globs = match is_prefix {
                    true => of_prefix(glob).to_vec(),
                    false => vec![glob.to_owned()],
                };
                let list =
                    GlobList::parse(&globs).map_err(|err| format!("a pattern is wrong: {err}"))?;
                Ok(list.is_match(name))
            };
            let source = rule.source.as_deref();
            if is_match(&rule.target, self.target)?
                && source.map_or(Ok(true), |glob| is_match(glob, self.source))?
            {
                return Ok(Some(match source {
                    Some(source) => format!("`{source}` into `{}`", rule.target),
                    None => format!("`{}`", rule.target),
                }));
            }
        }
        Ok(None)
    }
}

impl std::fmt::Display for Pair<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` into `{}`", self.source, self.target)
    }
}
