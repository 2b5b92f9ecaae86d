//! Events of Git hosts, and what rules say to them, for people.

use comfy_table::{Cell, Color};
use flowcd_model::{
    delivery::RuleVerdict,
    event::{HostEvent, Pusher},
};

use crate::{
    output::{clean, first_line},
    table::{table, text},
};

/// An event's name, and who did it.
pub(crate) fn name(event: &HostEvent) -> String {
    match event.pusher.name.as_str() {
        "" => clean(&event.event_name),
        name => clean(&format!("{} by {name}", event.event_name)),
    }
}

/// Who did it, as far as the host says.
pub(crate) fn pusher(event: &HostEvent) -> Option<String> {
    let Pusher { name, email, .. } = &event.pusher;
    let line = match (name.as_str(), email.as_str()) {
        ("", "") => return None,
        (name, "") => name.to_owned(),
        ("", email) => email.to_owned(),
        (name, email) => format!("{name} <{email}>"),
    };
    Some(clean(&line))
}

/// The pull request that an event is about.
pub(crate) fn pull_request(event: &HostEvent) -> Option<String> {
    let pull_request = event.pull_request.as_ref()?;
    let kind = pull_request
        .kind
        .map(|kind| format!("{}, ", kind.as_str()))
        .unwrap_or_default();
    let fork = match pull_request.is_fork {
        true => " of a fork",
        false => "",
    };
    let line = format!(
        "#{} {} ({kind}`{}`{fork} into `{}`)",
        pull_request.number,
        first_line(&pull_request.title, 100),
        pull_request.source_branch,
        pull_request.target_branch
    );
    Some(clean(&line))
}

/// The first line of a message that says something.
pub(crate) fn message(message: &str) -> Option<String> {
    Some(first_line(message, 200)).filter(|line| !line.is_empty())
}

/// A reason that no rule gave. Those of the rules stand beside them, and the reason of the whole only joins them.
pub(crate) fn reason(reason: &str, rules: &[RuleVerdict]) -> Option<String> {
    rules.is_empty().then(|| clean(reason))
}

/// What each rule says, a line each, behind an empty one; nothing where no rule was asked.
pub(crate) fn rules(rules: &[RuleVerdict]) -> String {
    if rules.is_empty() {
        return String::new();
    }
    let rows = rules.iter().map(|rule| {
        let mark = match rule.is_match {
            true => Cell::new("\u{2713}").fg(Color::Green),
            false => Cell::new("\u{2717}").fg(Color::Red),
        };
        let runs = rule
            .template
            .as_deref()
            .map(|file| format!(" (runs `{file}`)"))
            .unwrap_or_default();
        [
            mark,
            text(&rule.rule),
            text(format!("{}{runs}", rule.reason)),
        ]
    });
    format!("\n{}", table(["", "RULE", "REASON"], rows))
}
