//! Pushes: what was pushed, and which files its commits change.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    EventKind, MAX_NAME_CHARS, PushTarget, Unreadable,
    payload::{self, Body, at, is_true, is_zero, text},
};

/// A push in the form that all hosts share.
pub(super) struct Push {
    pub(super) target: PushTarget,
    /// The full name.
    pub(super) git_ref: String,
    pub(super) is_deleted: bool,
    pub(super) is_created: bool,
}

impl Push {
    /// Reads the ref, and what the zeros of `before` and `after` and the flags `created` and `deleted` say of it.
    pub(super) fn read(body: &Body) -> Result<Self, Unreadable> {
        let git_ref = payload::required(body, "ref")?;
        let target = if let Some(branch) = git_ref.strip_prefix("refs/heads/") {
            PushTarget::Branch(branch.to_owned())
        } else if let Some(tag) = git_ref.strip_prefix("refs/tags/") {
            PushTarget::Tag(tag.to_owned())
        } else {
            let shown = payload::clean(&git_ref, MAX_NAME_CHARS);
            return Err(Unreadable::UnsupportedRef(shown));
        };
        Ok(Self {
            target,
            git_ref: payload::full_ref(git_ref)?,
            is_deleted: is_true(body, "deleted") || is_zero(&text(body, "after")),
            is_created: is_true(body, "created") || is_zero(&text(body, "before")),
        })
    }

    pub(super) fn is_tag(&self) -> bool {
        matches!(self.target, PushTarget::Tag(_))
    }

    /// What happened; `caps` tells how much of it the host says at most.
    pub(super) fn kind(&self, body: &Body, caps: &Caps) -> EventKind {
        let is_whole = !self.is_tag() && !self.is_deleted && !self.is_created;
        EventKind::Push {
            target: self.target.clone(),
            is_deleted: self.is_deleted,
            changed_files: is_whole.then(|| changed_files(body, caps)).flatten(),
        }
    }
}

/// How much a host tells of the commits of a push.
pub(super) struct Caps {
    /// So many commits, or more, may be a part of them, where their number is not told.
    pub(super) n_commits: usize,
    /// So many files of one commit, or more, may be a part of them.
    pub(super) n_files: usize,
    /// The field with the number of commits that there are.
    pub(super) total: Option<&'static str>,
}

/// The files that the commits of a push change. A forced push also takes changes away, which no host tells.
fn changed_files(body: &Body, caps: &Caps) -> Option<Vec<String>> {
    let commits = at(body, "commits").as_array()?;
    let total = caps.total.and_then(|path| payload::number(body, path));
    let has_all = match total.map(usize::try_from) {
        Some(total) => total.is_ok_and(|total| total <= commits.len()),
        None => commits.len() < caps.n_commits,
    };
    let is_cut = is_true(body, "forced") || is_true(body, "commits_more_than_ten");
    if commits.is_empty() || !has_all || is_cut {
        return None;
    }
    let mut files = BTreeSet::new();
    for commit in commits {
        let of_commit = files_of(commit)?;
        if of_commit.len() >= caps.n_files {
            return None;
        }
        files.extend(of_commit);
    }
    Some(files.into_iter().map(str::to_owned).collect())
}

/// The files that a commit changes. Some hosts leave empty lists out; one without any list tells nothing.
fn files_of(commit: &Value) -> Option<Vec<&str>> {
    let lists =
        ["added", "modified", "removed"].map(|list| commit.get(list).unwrap_or(&Value::Null));
    if lists.iter().all(|list| list.is_null()) {
        return None;
    }
    let mut files = Vec::new();
    for list in lists.into_iter().filter(|list| !list.is_null()) {
        for file in list.as_array()? {
            files.push(file.as_str()?);
        }
    }
    Some(files)
}
