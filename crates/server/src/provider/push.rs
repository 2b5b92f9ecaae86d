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
    /// So many commits, or more, may be a part of them.
    pub(super) n_commits: usize,
    /// So many files of one commit, or more, may be a part of them.
    pub(super) n_files: usize,
    /// The field with the number of commits that there are.
    pub(super) total: Option<&'static str>,
}

/// The files that the commits of a push change. A forced push also takes changes away, which no host tells.
fn changed_files(body: &Body, caps: &Caps) -> Option<Vec<String>> {
    let commits = at(body, "commits").as_array()?;
    let n_commits = commits.len();
    let has_all = caps
        .total
        .and_then(|path| payload::number(body, path))
        .is_none_or(|total| usize::try_from(total) == Ok(n_commits));
    if is_true(body, "forced") || commits.is_empty() || n_commits >= caps.n_commits || !has_all {
        return None;
    }
    let mut files = BTreeSet::new();
    for commit in commits {
        let mut n_files = 0;
        for list in ["added", "modified", "removed"] {
            let list = commit.get(list).and_then(Value::as_array)?;
            n_files += list.len();
            for file in list {
                files.insert(file.as_str()?);
            }
        }
        if n_files >= caps.n_files {
            return None;
        }
    }
    Some(files.into_iter().map(str::to_owned).collect())
}
