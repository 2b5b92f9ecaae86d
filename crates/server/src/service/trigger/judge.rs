//! What the rules of a trigger say to an event, each with its reason.
//!
//! Both generations are asked: `events`, by the event's name, the changed files and a filter, and `push`, `pr` and
//! `pull_request`, by patterns. Every rule that matches asks for the pipeline file that it names; the same file twice
//! is one deployment. Reasons begin with the texts of the published API, which callers may know.

mod patterns;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use flowcd_engine::{glob::GlobList, jexl};
use flowcd_model::{
    application::Provider,
    delivery::{RuleVerdict, Verdict},
    trigger::{
        EventRule, PrRules, ProviderTrigger, PullRequestRules, PullRequestType, PushRules,
        TriggerSpec,
    },
};
use serde_json::{Map, Value, json};

use patterns::{Pair, decide, is_empty};

use crate::{
    provider::{Event, EventKind, PushTarget},
    service::dispatch::PIPELINE_FILE,
};

/// What changes the code of a pull request: the types that count where a rule names none.
const CODE_CHANGES: [PullRequestType; 3] = [
    PullRequestType::Opened,
    PullRequestType::Reopened,
    PullRequestType::Synchronize,
];

/// What a trigger makes of an event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
    pub(crate) rules: Vec<RuleVerdict>,
    /// The pipeline files to run, each once, in the order of the rules that name them.
    pub(crate) pipeline_files: Vec<String>,
}

impl Judgement {
    /// One that needed no rules.
    pub(crate) fn at_once(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self {
            verdict,
            reason: reason.into(),
            rules: Vec::new(),
            pipeline_files: Vec::new(),
        }
    }
}

/// Asks the rules of `provider`.
pub(crate) fn judge(
    spec: &TriggerSpec,
    provider: Provider,
    event: &Event,
    headers: &BTreeMap<String, String>,
) -> Judgement {
    if event.kind == EventKind::Ping {
        return Judgement::at_once(Verdict::Ping, "the host tried the webhook, which works");
    }
    let Some(trigger) = spec.0.get(&provider).filter(|it| has_rules(it)) else {
        return Judgement::at_once(
            Verdict::Skipped,
            format!("No {provider} configuration found (the trigger has no rules for webhooks)"),
        );
    };
    if let Some(reason) = nothing_to_deploy(event) {
        return Judgement::at_once(Verdict::Skipped, reason);
    }
    let court = Court {
        provider,
        event,
        headers,
    };
    conclude(court.ask_all(trigger))
}

fn has_rules(trigger: &ProviderTrigger) -> bool {
    trigger.events.is_some()
        || trigger.push.is_some()
        || trigger.pr.is_some()
        || trigger.pull_request.is_some()
}

/// Why an event deploys nothing, whatever the rules say.
fn nothing_to_deploy(event: &Event) -> Option<String> {
    if let EventKind::Push {
        target,
        is_deleted: true,
        ..
    } = &event.kind
    {
        return Some(format!("{} was deleted", target_name(target)));
    }
    if let Some(marker) = event.skip_marker() {
        return Some(format!("the message asks for no deployment: `{marker}`"));
    }
    if event.commit.is_none() && event.git_ref.is_none() {
        return Some(format!(
            "the event `{}` names neither a commit nor a branch",
            event.name
        ));
    }
    None
}

fn target_name(target: &PushTarget) -> String {
    match target {
        PushTarget::Branch(name) => format!("branch `{name}`"),
        PushTarget::Tag(name) => format!("tag `{name}`"),
    }
}

/// What one rule says.
enum Answer {
    /// It asks for a deployment.
    Yes(String),
    /// It does not.
    No(String),
    /// It cannot be asked.
    Broken(String),
}

struct Asked {
    verdict: RuleVerdict,
    is_broken: bool,
}

fn conclude(asked: Vec<Asked>) -> Judgement {
    let mut pipeline_files: Vec<String> = Vec::new();
    for rule in asked.iter().filter(|it| it.verdict.is_match) {
        let file = rule.verdict.template.as_deref().unwrap_or(PIPELINE_FILE);
        if !pipeline_files.iter().any(|known| known == file) {
            pipeline_files.push(file.to_owned());
        }
    }
    let says = |rule: &Asked| match asked.len() {
        1 => rule.verdict.reason.clone(),
        _ => format!("{}: {}", rule.verdict.rule, rule.verdict.reason),
    };
    let join = |wanted: &dyn Fn(&Asked) -> bool| {
        let said: Vec<String> = asked.iter().filter(|it| wanted(it)).map(says).collect();
        said.join("; ")
    };
    let (verdict, reason) = if !pipeline_files.is_empty() {
        (Verdict::Deployed, join(&|rule| rule.verdict.is_match))
    } else if asked.iter().any(|rule| rule.is_broken) {
        (Verdict::Failed, join(&|rule| rule.is_broken))
    } else {
        (Verdict::Skipped, join(&|_| true))
    };
    Judgement {
        verdict,
        reason,
        rules: asked.into_iter().map(|rule| rule.verdict).collect(),
        pipeline_files,
    }
}

/// Asks rules about one event.
struct Court<'a> {
    provider: Provider,
    event: &'a Event,
    headers: &'a BTreeMap<String, String>,
}

impl Court<'_> {
    fn ask_all(&self, trigger: &ProviderTrigger) -> Vec<Asked> {
        let mut asked = Vec::new();
        if let Some(events) = &trigger.events {
            if events.is_empty() {
                let answer = Answer::No("No event rules configured".to_owned());
                asked.push(self.asked("events", answer, None));
            }
            let vars = vars(self.headers, &self.event.body);
            for (n, rule) in events.iter().enumerate() {
                let answer = self.ask_event(rule, &vars);
                asked.push(self.asked(&format!("events[{n}]"), answer, rule.template.as_deref()));
            }
        }
        if let Some(rules) = &trigger.push {
            let (name, answer) = self.ask_push(rules);
            asked.push(self.asked(name, answer, rules.template.as_deref()));
        }
        if let Some(rules) = &trigger.pr {
            let answer = self.ask_pr(rules);
            asked.push(self.asked("pr", answer, rules.template.as_deref()));
        }
        if let Some(rules) = &trigger.pull_request {
            let answer = self.ask_pull_request(rules);
            asked.push(self.asked("pull_request", answer, rules.template.as_deref()));
        }
        asked
    }

    fn asked(&self, name: &str, answer: Answer, template: Option<&str>) -> Asked {
        let is_match = matches!(answer, Answer::Yes(_));
        let is_broken = matches!(answer, Answer::Broken(_));
        let (Answer::Yes(reason) | Answer::No(reason) | Answer::Broken(reason)) = answer;
        let verdict = RuleVerdict {
            rule: format!("{}.{name}", self.provider),
            is_match,
            reason,
            template: template.filter(|_| is_match).map(str::to_owned),
        };
        Asked { verdict, is_broken }
    }

    fn ask_event(&self, rule: &EventRule, vars: &Map<String, Value>) -> Answer {
        if rule.event_name != self.event.name {
            return Answer::No(format!(
                "Event type mismatch (the rule is for `{}`, and this is `{}`)",
                rule.event_name, self.event.name
            ));
        }
        let files = match self.ask_paths(&rule.paths, &rule.paths_ignore) {
            Ok(files) => files,
            Err(answer) => return answer,
        };
        let filter = rule.filter.as_deref().filter(|filter| !filter.is_empty());
        let Some(filter) = filter else {
            return Answer::Yes(format!(
                "the event is `{}`, and there is no filter{files}",
                self.event.name
            ));
        };
        match jexl::is_match(filter, vars) {
            Ok(true) => Answer::Yes(format!("the filter holds{files}")),
            Ok(false) => Answer::No(format!(
                "Event type mismatch (the filter is false: {})",
                self.facts()
            )),
            Err(err) => Answer::Broken(format!("the filter failed: {err}")),
        }
    }

    /// What most filters are about.
    fn facts(&self) -> String {
        let mut facts = Vec::new();
        if let Some(name) = self.event.body.get("ref").and_then(Value::as_str) {
            facts.push(format!("`body.ref` is `{name}`"));
        }
        if let EventKind::PullRequest { action } | EventKind::Release { action, .. } =
            &self.event.kind
        {
            facts.push(format!("the action is `{action}`"));
        }
        if let Some(pull_request) = &self.event.host.pull_request {
            facts.push(format!(
                "from `{}` into `{}`",
                pull_request.source_branch, pull_request.target_branch
            ));
        }
        match facts.is_empty() {
            true => format!("the event is `{}`", self.event.name),
            false => facts.join(", "),
        }
    }

    fn ask_push(&self, rules: &PushRules) -> (&'static str, Answer) {
        let EventKind::Push { target, .. } = &self.event.kind else {
            return ("push", self.unsupported());
        };
        // A job of GitLab tells of each of its states; it counts once.
        if let Some(state) = self.event.body.get("build_status").and_then(Value::as_str)
            && state != "success"
        {
            let reason = format!("the job is `{state}`; it counts as a push when it has succeeded");
            return ("push", Answer::No(reason));
        }
        let (name, patterns, no_rules, no_match) = match target {
            PushTarget::Branch(_) => (
                "push.branches",
                &rules.branches,
                "No branch rules configured",
                "Branch rules do not match",
            ),
            PushTarget::Tag(_) => (
                "push.tags",
                &rules.tags,
                "No tag rules configured",
                "tag rules do not match",
            ),
        };
        let (PushTarget::Branch(target_name) | PushTarget::Tag(target_name)) = target;
        let Some(patterns) = patterns.as_ref().filter(|it| !is_empty(it)) else {
            return (name, Answer::No(no_rules.to_owned()));
        };
        let what = match target {
            PushTarget::Branch(_) => "branch",
            PushTarget::Tag(_) => "tag",
        };
        let answer = match decide(patterns, what, target_name) {
            Err(problem) => Answer::Broken(problem),
            Ok((false, reason)) => Answer::No(format!("{no_match} ({reason})")),
            Ok((true, reason)) => match self.ask_paths(&rules.paths, &rules.paths_ignore) {
                Ok(files) => Answer::Yes(format!("{reason}{files}")),
                Err(answer) => answer,
            },
        };
        (name, answer)
    }

    fn ask_pr(&self, rules: &PrRules) -> Answer {
        let EventKind::PullRequest { action } = &self.event.kind else {
            return self.unsupported();
        };
        let Some(pull_request) = &self.event.host.pull_request else {
            return self.unsupported();
        };
        if let Err(answer) = ask_type(&CODE_CHANGES, pull_request.kind, action) {
            return answer;
        }
        let patterns = rules.branches.as_ref().filter(|it| !is_empty(it));
        let Some(patterns) = patterns else {
            return Answer::No("No branch rules configured".to_owned());
        };
        match decide(patterns, "target branch", &pull_request.target_branch) {
            Err(problem) => Answer::Broken(problem),
            Ok((true, reason)) => Answer::Yes(reason),
            Ok((false, reason)) => Answer::No(format!("Branch rules do not match ({reason})")),
        }
    }

    fn ask_pull_request(&self, rules: &PullRequestRules) -> Answer {
        let EventKind::PullRequest { action } = &self.event.kind else {
            return self.unsupported();
        };
        let Some(pull_request) = &self.event.host.pull_request else {
            return self.unsupported();
        };
        let types = match rules.types.as_slice() {
            [] => &CODE_CHANGES,
            types => types,
        };
        if let Err(answer) = ask_type(types, pull_request.kind, action) {
            return answer;
        }
        let Some(patterns) = &rules.branches else {
            return Answer::No("No pull_request branch rules configured".to_owned());
        };
        let pair = Pair {
            target: &pull_request.target_branch,
            source: &pull_request.source_branch,
        };
        pair.ask(patterns)
    }

    fn unsupported(&self) -> Answer {
        Answer::No(format!(
            "Unsupported event type: {} (this rule is for another kind of event)",
            self.event.name
        ))
    }

    /// Whether the changed files ask for a deployment: what to add to the reason, or why not.
    fn ask_paths(&self, paths: &[String], ignored: &[String]) -> Result<String, Answer> {
        if paths.is_empty() && ignored.is_empty() {
            return Ok(String::new());
        }
        let files = match &self.event.kind {
            EventKind::Push { changed_files, .. } => changed_files.as_deref(),
            _ => None,
        };
        let Some(files) = files else {
            return Ok(
                "; the host does not tell all changed files, so `paths` is not asked".to_owned(),
            );
        };
        let list = |globs: &[String]| {
            GlobList::parse(globs).map_err(|err| Answer::Broken(format!("a path is wrong: {err}")))
        };
        let mut reason = String::new();
        if !paths.is_empty() {
            let globs = list(paths)?;
            match files.iter().find(|file| globs.is_match(file)) {
                Some(file) => reason = format!("; `{file}` has changed"),
                None => {
                    return Err(Answer::No(format!(
                        "none of the {} changed files matches `paths`",
                        files.len()
                    )));
                }
            }
        }
        if !ignored.is_empty() {
            let globs = list(ignored)?;
            match files.iter().find(|file| !globs.is_match(file)) {
                Some(file) if reason.is_empty() => reason = format!("; `{file}` has changed"),
                Some(_) => {}
                None => {
                    return Err(Answer::No(format!(
                        "each of the {} changed files matches `paths-ignore`",
                        files.len()
                    )));
                }
            }
        }
        Ok(reason)
    }
}

/// What a filter sees.
fn vars(headers: &BTreeMap<String, String>, body: &Map<String, Value>) -> Map<String, Value> {
    let mut vars = Map::new();
    vars.insert("headers".to_owned(), json!(headers));
    vars.insert("body".to_owned(), Value::Object(body.clone()));
    vars
}

fn ask_type(
    allowed: &[PullRequestType],
    kind: Option<PullRequestType>,
    action: &str,
) -> Result<(), Answer> {
    if kind.is_some_and(|kind| allowed.contains(&kind)) {
        return Ok(());
    }
    let allowed: Vec<&str> = allowed.iter().map(|kind| kind.as_str()).collect();
    Err(Answer::No(format!(
        "pull_request type is {}, but only {} is allowed",
        kind.map_or(action, |kind| kind.as_str()),
        allowed.join(",")
    )))
}
