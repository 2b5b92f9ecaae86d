use std::collections::BTreeMap;

use flowcd_model::{
    application::Provider,
    delivery::Verdict,
    event::{HostEvent, PullRequest},
    trigger::{PullRequestType, TriggerSpec},
};
use serde_json::{Map, Value, json};

use super::{Judgement, judge};
use crate::provider::{Event, EventKind, PushTarget};

fn event(name: &str, kind: EventKind) -> Event {
    Event {
        name: name.to_owned(),
        key: "guid".to_owned(),
        kind,
        host: HostEvent::default(),
        git_ref: Some("refs/heads/main".to_owned()),
        commit: Some("a".repeat(40)),
        message: "Say hello".to_owned(),
        is_fork_code: false,
        repository: None,
        body: Map::new(),
    }
}

fn push(target: PushTarget, files: Option<&[&str]>) -> Event {
    let files = files.map(|files| files.iter().map(|file| (*file).to_owned()).collect());
    event(
        "push",
        EventKind::Push {
            target,
            is_deleted: false,
            changed_files: files,
        },
    )
}

fn branch(name: &str) -> Event {
    push(PushTarget::Branch(name.to_owned()), None)
}

fn tag(name: &str) -> Event {
    push(PushTarget::Tag(name.to_owned()), None)
}

fn pull_request(kind: Option<PullRequestType>, source: &str, target: &str) -> Event {
    let action = kind.map_or("labeled", |kind| kind.as_str()).to_owned();
    let mut event = event("pull_request", EventKind::PullRequest { action });
    event.host.pull_request = Some(PullRequest {
        number: 7,
        title: "Contribute".to_owned(),
        kind,
        source_branch: source.to_owned(),
        target_branch: target.to_owned(),
        is_fork: false,
    });
    event
}

fn ask(trigger: Value, event: &Event) -> Judgement {
    let spec: TriggerSpec =
        serde_json::from_value(json!({ "github": trigger })).expect("a trigger");
    judge(&spec, Provider::Github, event, &BTreeMap::new())
}

#[test]
fn patterns_let_names_through_as_the_reference_does() {
    for (patterns, name, is_match) in [
        (json!({"precise": ["main"]}), "main", true),
        (json!({"precise": ["main"]}), "maint", false),
        (json!({"precise": ["rel-*"]}), "rel-1", true),
        (json!({"prefix": ["feature"]}), "feature", true),
        (json!({"prefix": ["feature"]}), "feature-x", true),
        (json!({"prefix": ["feature"]}), "feature/a/b", true),
        (json!({"prefix": ["feature"]}), "featurex/y", false),
        (json!({"prefix": []}), "any/thing", true),
        (json!({"include": ["release/**"]}), "release/1/2", true),
        (json!({"include": ["fix[1]"]}), "fix[1]", true),
        (
            json!({"precise": ["dev"], "exclude": ["dev*"]}),
            "dev",
            false,
        ),
        (json!({"exclude": ["dev*"]}), "main", true),
        (json!({"exclude": ["dev*"]}), "dev", false),
    ] {
        for (key, event) in [("branches", branch(name)), ("tags", tag(name))] {
            let judgement = ask(json!({"push": {key: patterns}}), &event);
            let expected = match is_match {
                true => Verdict::Deployed,
                false => Verdict::Skipped,
            };
            assert_eq!(
                judgement.verdict, expected,
                "{patterns} {name}: {}",
                judgement.reason
            );
        }
    }
}

#[test]
fn every_answer_has_its_reason() {
    let dev = || json!({"push": {"branches": {"prefix": [], "exclude": ["dev*"]}}});
    let pairs =
        |lists: Value| json!({"pull_request": {"types": ["opened", "merged"], "branches": lists}});
    let opened = Some(PullRequestType::Opened);
    for (trigger, event, verdict, reason) in [
        (
            json!({}),
            branch("main"),
            Verdict::Skipped,
            "No github configuration found (the trigger has no rules for webhooks)",
        ),
        (
            json!({"events": []}),
            branch("main"),
            Verdict::Skipped,
            "No event rules configured",
        ),
        (
            dev(),
            branch("dev-1"),
            Verdict::Skipped,
            "Branch rules do not match (branch `dev-1` is excluded by `dev*`)",
        ),
        (
            json!({"push": {"branches": {"precise": ["main"], "include": ["r/*"]}}}),
            branch("x"),
            Verdict::Skipped,
            "Branch rules do not match (branch `x` matches none of `r/*`, `main`)",
        ),
        (
            json!({"push": {"tags": {"include": ["v*"]}}}),
            tag("x"),
            Verdict::Skipped,
            "tag rules do not match (tag `x` matches none of `v*`)",
        ),
        (
            dev(),
            tag("v1"),
            Verdict::Skipped,
            "No tag rules configured",
        ),
        (
            json!({"push": {"branches": {}}}),
            branch("main"),
            Verdict::Skipped,
            "No branch rules configured",
        ),
        (
            dev(),
            pull_request(opened, "a", "main"),
            Verdict::Skipped,
            "Unsupported event type: pull_request (this rule is for another kind of event)",
        ),
        (
            json!({"push": {"branches": {"exclude": ["x"]}}}),
            branch("main"),
            Verdict::Deployed,
            "branch `main` is not excluded",
        ),
        (
            json!({"push": {"branches": {"include": ["a[9-0]"]}}}),
            branch("main"),
            Verdict::Failed,
            "a pattern is wrong: the range `9-0` is backwards: write `0-9`",
        ),
        (
            pairs(json!({"precise": [{"target": "main"}]})),
            pull_request(Some(PullRequestType::Synchronize), "a", "main"),
            Verdict::Skipped,
            "pull_request type is synchronize, but only opened,merged is allowed",
        ),
        (
            pairs(json!({"precise": [{"target": "main"}]})),
            pull_request(None, "a", "main"),
            Verdict::Skipped,
            "pull_request type is labeled, but only opened,merged is allowed",
        ),
        (
            pairs(
                json!({"precise": [{"target": "main"}], "exclude": [{"target": "main", "source": "wip*"}]}),
            ),
            pull_request(opened, "wip-1", "main"),
            Verdict::Skipped,
            "webhook match pull_request exclude rules (`wip-1` into `main` is excluded by `wip*` into `main`)",
        ),
        (
            pairs(json!({"exclude": [{"target": "dev"}]})),
            pull_request(opened, "a", "main"),
            Verdict::Skipped,
            "webhook not match pull_request rules (no rule is for `a` into `main`)",
        ),
        (
            pairs(json!({"prefix": [{"target": "rel", "source": "fix"}]})),
            pull_request(opened, "fix/a", "rel-1"),
            Verdict::Deployed,
            "`fix/a` into `rel-1` matches `fix` into `rel`",
        ),
        (
            json!({"pull_request": {"types": ["opened"]}}),
            pull_request(opened, "a", "main"),
            Verdict::Skipped,
            "No pull_request branch rules configured",
        ),
        (
            json!({"pr": {"branches": {"precise": ["main"]}}}),
            pull_request(Some(PullRequestType::Synchronize), "a", "main"),
            Verdict::Deployed,
            "target branch `main` matches `main`",
        ),
        (
            json!({"pr": {"branches": {"precise": ["main"]}}}),
            pull_request(Some(PullRequestType::Merged), "a", "main"),
            Verdict::Skipped,
            "pull_request type is merged, but only opened,reopened,synchronize is allowed",
        ),
    ] {
        let judgement = ask(trigger.clone(), &event);
        assert_eq!(
            (judgement.verdict, judgement.reason.as_str()),
            (verdict, reason),
            "{trigger}"
        );
    }
}

#[test]
fn what_deploys_nothing_needs_no_rule() {
    let all = || json!({"push": {"branches": {"prefix": []}}});
    let deleted = event(
        "push",
        EventKind::Push {
            target: PushTarget::Branch("old".to_owned()),
            is_deleted: true,
            changed_files: None,
        },
    );
    let skipped = Event {
        message: "Fix a typo [Skip CI]".to_owned(),
        ..branch("main")
    };
    let nameless = Event {
        git_ref: None,
        commit: None,
        ..event("star", EventKind::Other)
    };
    for (event, verdict, reason) in [
        (
            event("ping", EventKind::Ping),
            Verdict::Ping,
            "the host tried the webhook, which works",
        ),
        (deleted, Verdict::Skipped, "branch `old` was deleted"),
        (
            skipped,
            Verdict::Skipped,
            "the message asks for no deployment: `[skip ci]`",
        ),
        (
            nameless,
            Verdict::Skipped,
            "the event `star` names neither a commit nor a branch",
        ),
    ] {
        let judgement = ask(all(), &event);
        assert_eq!(
            (judgement.verdict, judgement.reason.as_str()),
            (verdict, reason)
        );
        assert!(judgement.rules.is_empty() && judgement.pipeline_files.is_empty());
    }
}

#[test]
fn each_pipeline_file_runs_once_however_many_rules_name_it() {
    let trigger = json!({
        "push": {"branches": {"prefix": []}},
        "events": [
            {"eventName": "push", "template": "a.yaml"},
            {"eventName": "push", "template": "a.yaml"},
            {"eventName": "push"},
            {"eventName": "push", "filter": "1 == 2", "template": "b.yaml"},
            {"eventName": "release", "template": "c.yaml"},
        ],
    });
    let judgement = ask(trigger, &branch("main"));
    assert_eq!(
        judgement.pipeline_files,
        ["a.yaml", "serverless-pipeline.yaml"]
    );
    let matched: Vec<(&str, bool)> = judgement
        .rules
        .iter()
        .map(|rule| (rule.rule.as_str(), rule.is_match))
        .collect();
    assert_eq!(
        matched,
        [
            ("github.events[0]", true),
            ("github.events[1]", true),
            ("github.events[2]", true),
            ("github.events[3]", false),
            ("github.events[4]", false),
            ("github.push.branches", true),
        ]
    );
}

#[test]
fn filters_see_headers_and_body_and_a_broken_one_hides_no_other() {
    let mut event = branch("main");
    event.body = json!({"ref": "refs/heads/main", "size": 3})
        .as_object()
        .cloned()
        .unwrap_or_default();
    let headers = [("x-github-event".to_owned(), "push".to_owned())].into();
    let ask = |filters: &[&str]| {
        let events: Vec<Value> = filters
            .iter()
            .map(|filter| json!({"eventName": "push", "filter": filter}))
            .collect();
        let spec =
            serde_json::from_value(json!({"github": {"events": events}})).expect("a trigger");
        judge(&spec, Provider::Github, &event, &headers)
    };
    assert_eq!(
        ask(&["headers['x-github-event'] == 'push' && body.size > 2"]).verdict,
        Verdict::Deployed
    );
    let broken = ask(&["body.size |"]);
    assert_eq!(broken.verdict, Verdict::Failed);
    assert!(
        broken.reason.starts_with("the filter failed: line 1"),
        "{}",
        broken.reason
    );
    assert_eq!(
        ask(&["body.size |", "body.size"]).verdict,
        Verdict::Deployed
    );
    assert_eq!(ask(&["body.size |", "body.none"]).verdict, Verdict::Failed);
}

#[test]
fn changed_files_decide_where_the_host_tells_them() {
    let main = |files: Option<&[&str]>| push(PushTarget::Branch("main".to_owned()), files);
    let docs: &[&str] = &["docs/a.md", "README.md"];
    let mixed: &[&str] = &["docs/a.md", "src/main.rs"];
    for (paths, ignored, files, verdict, part) in [
        (
            json!(["src/**"]),
            json!([]),
            Some(docs),
            Verdict::Skipped,
            "none of the 2 changed files matches `paths`",
        ),
        (
            json!(["src/**"]),
            json!([]),
            Some(mixed),
            Verdict::Deployed,
            "`src/main.rs` has changed",
        ),
        (
            json!([]),
            json!(["**/*.md", "*.md"]),
            Some(docs),
            Verdict::Skipped,
            "each of the 2 changed files matches `paths-ignore`",
        ),
        (
            json!([]),
            json!(["**/*.md", "*.md"]),
            Some(mixed),
            Verdict::Deployed,
            "`src/main.rs` has changed",
        ),
        (
            json!(["src/**"]),
            json!(["*.md"]),
            None,
            Verdict::Deployed,
            "does not tell all changed files",
        ),
    ] {
        for trigger in [
            json!({"push": {"branches": {"prefix": []}, "paths": paths, "paths-ignore": ignored}}),
            json!({"events": [{"eventName": "push", "paths": paths, "paths-ignore": ignored}]}),
        ] {
            let judgement = ask(trigger.clone(), &main(files));
            assert_eq!(judgement.verdict, verdict, "{trigger}");
            assert!(judgement.reason.contains(part), "{}", judgement.reason);
        }
    }
}
