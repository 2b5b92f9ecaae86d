//! What every step finds in its environment, and what the checkout knows for the contexts.

use std::path::Path;

use serde_json::{Map, Value};

use crate::{
    git::CheckedOut,
    job::{Checkout, Contexts, Job},
    workdir::Workdir,
};

/// The longest text of an event that becomes a variable: the system has a limit for all of them together.
const MAX_TEXT_BYTES: usize = 32 * 1024;

/// The variables that every step gets before its own. Nothing of the server's own is among them.
pub(super) fn well_known(
    job: &Job,
    workdir: &Workdir,
    workspace: &Path,
    contexts: &Contexts,
) -> Vec<(String, String)> {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let mut env: Vec<(String, String)> = [
        ("PATH", job.limits.path.clone()),
        ("HOME", path(&workdir.home)),
        ("TMPDIR", path(&workdir.tmp)),
        ("LANG", "C.UTF-8".to_owned()),
        ("CI", "true".to_owned()),
        ("FLOWCD", "true".to_owned()),
        ("SERVERLESS_CD", "serverless_cd".to_owned()),
        ("FLOWCD_TASK_ID", job.task_id.to_string()),
        ("FLOWCD_WORKSPACE", path(workspace)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if job.options.is_debug {
        env.push(("FLOWCD_DEBUG".to_owned(), "true".to_owned()));
    }
    let events = [
        ("FLOWCD_TASK_URL", text_of(&contexts.task, "url")),
        ("FLOWCD_APP_ID", text_of(&contexts.app, "id")),
        ("FLOWCD_REPO", text_of(&contexts.git, "clone_url")),
        ("FLOWCD_REF", text_of(&contexts.git, "ref")),
        ("FLOWCD_BRANCH", text_of(&contexts.git, "branch")),
        ("FLOWCD_TAG", text_of(&contexts.git, "tag")),
        ("FLOWCD_COMMIT", text_of(&contexts.git, "commit")),
        ("FLOWCD_MESSAGE", text_of(&contexts.git, "message")),
        ("FLOWCD_PUSHER", pusher(&contexts.git)),
    ];
    for (name, value) in events {
        env.extend(value.map(|value| (name.to_owned(), value)));
    }
    env
}

/// The name of whoever pushed; some hosts tell nothing else about them.
fn pusher(git: &Map<String, Value>) -> Option<String> {
    match git.get("pusher")? {
        Value::Object(pusher) => text_of(pusher, "name"),
        _ => text_of(git, "pusher"),
    }
}

/// A text that can be a variable: not longer than the system takes, and without the byte that ends it.
fn text_of(context: &Map<String, Value>, key: &str) -> Option<String> {
    let text = context.get(key)?.as_str()?;
    let end = text.floor_char_boundary(MAX_TEXT_BYTES);
    Some(text[..end].replace('\0', ""))
}

/// What the checkout knows better than whoever made the job.
pub(super) fn fill_in(contexts: &mut Contexts, checkout: &Checkout, checked_out: &CheckedOut) {
    let git = &mut contexts.git;
    let mut fill = |key: &str, value: &str| {
        let is_there = git
            .get(key)
            .and_then(Value::as_str)
            .is_some_and(|text| !text.is_empty());
        if !is_there {
            git.insert(key.to_owned(), value.into());
        }
    };
    fill("commit", checkout.commit.as_str());
    fill("message", &checked_out.message);
    fill("clone_url", checkout.url.as_str());
    if let Some(owner) = owner_of(checkout.url.as_str()) {
        fill("repo_owner", owner);
    }
    if let Some(git_ref) = &checkout.git_ref {
        fill("ref", git_ref.as_str());
        if let Some(branch) = git_ref.branch() {
            fill("branch", branch);
        }
        if let Some(tag) = git_ref.tag() {
            fill("tag", tag);
        }
    }
}

/// What stands before the name of the repository in its address: a person, an organization, a group in a group.
fn owner_of(url: &str) -> Option<&str> {
    let (_, after_scheme) = url.split_once("://")?;
    let (_, path) = after_scheme.split_once('/')?;
    let (owner, _name) = path.trim_matches('/').rsplit_once('/')?;
    Some(owner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{owner_of, pusher};

    #[test]
    fn the_owner_stands_before_the_name() {
        for (url, owner) in [
            ("https://host/acme/app.git", Some("acme")),
            ("https://host:8443/group/inner/app", Some("group/inner")),
            ("ssh://git@host/acme/app.git", Some("acme")),
            ("https://host/app.git", None),
            ("https://host", None),
        ] {
            assert_eq!(owner_of(url), owner, "{url}");
        }
    }

    #[test]
    fn a_pusher_is_a_name_or_has_one() {
        for (git, expected) in [
            (
                json!({"pusher": {"name": "ada", "email": "a@b"}}),
                Some("ada"),
            ),
            (json!({"pusher": "ada"}), Some("ada")),
            (json!({"pusher": null}), None),
            (json!({}), None),
        ] {
            let git = git.as_object().expect("it is an object");
            assert_eq!(pusher(git).as_deref(), expected);
        }
    }
}
