//! All branches and tags of a repository at once.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use super::{
    CommitId, Credential, Git, GitError, GitRef, LIST_TIMEOUT, RepoUrl,
    command::{MAX_STDOUT_BYTES, Remote},
};

/// The most branches and tags that are listed; a repository with more is refused, as nobody would look through them.
const MAX_REFS: usize = 20_000;

/// Asks the repository where its branches and tags point, by their full names. An annotated tag answers the commit it
/// is about. Names that a deployment cannot use are left out. `cancel` ends it, with all that runs for it. `cancel` ends it, with all that runs for it.
pub async fn list_refs(
    url: &RepoUrl,
    credential: Option<&Credential>,
    cancel: &CancellationToken,
) -> Result<BTreeMap<String, CommitId>, GitError> {
    let args = [
        "ls-remote",
        "--quiet",
        "--heads",
        "--tags",
        "--end-of-options",
        url.as_str(),
    ];
    let git = Git {
        cancel: cancel.clone(),
        ..Git::new(LIST_TIMEOUT)
    };
    let output = git
        .call("ls-remote", args, Some(Remote { url, credential }))
        .await?;
    // What is as long as may be kept may have been longer.
    let refs = match output.len() < MAX_STDOUT_BYTES {
        true => read(&String::from_utf8_lossy(&output)),
        false => None,
    };
    refs.ok_or_else(|| GitError::TooManyRefs {
        url: url.to_string(),
        max: MAX_REFS,
    })
}

/// Asks the repository for its default branch; `None` where it has none, or does not tell.
pub async fn default_branch(
    url: &RepoUrl,
    credential: Option<&Credential>,
) -> Result<Option<GitRef>, GitError> {
    let args = [
        "ls-remote",
        "--quiet",
        "--symref",
        "--end-of-options",
        url.as_str(),
        "HEAD",
    ];
    let output = Git::new(LIST_TIMEOUT)
        .call("ls-remote", args, Some(Remote { url, credential }))
        .await?;
    Ok(read_head(&String::from_utf8_lossy(&output)))
}

/// Reads where git says that `HEAD` leads. Refs whose names end like it are told, too.
fn read_head(output: &str) -> Option<GitRef> {
    let mut targets = output
        .lines()
        .filter_map(|line| line.strip_suffix("\tHEAD")?.strip_prefix("ref: "));
    let git_ref: GitRef = targets.next()?.parse().ok()?;
    git_ref.branch().is_some().then_some(git_ref)
}

/// Reads what git lists; `None` when it is too much.
fn read(output: &str) -> Option<BTreeMap<String, CommitId>> {
    let mut refs = BTreeMap::new();
    for (commit, name) in output.lines().filter_map(|line| line.split_once('\t')) {
        // What a tag is about follows the tag, and takes its place.
        let name = name.strip_suffix("^{}").unwrap_or(name);
        let (Ok(commit), Ok(_)) = (commit.parse::<CommitId>(), name.parse::<GitRef>()) else {
            continue;
        };
        refs.insert(name.to_owned(), commit);
        if refs.len() > MAX_REFS {
            return None;
        }
    }
    Some(refs)
}

#[cfg(test)]
mod tests {
    use super::{MAX_REFS, read, read_head};

    #[test]
    fn tags_count_as_their_commits_and_names_that_nobody_can_deploy_are_left_out() {
        let [a, b, c] = ["a", "b", "c"].map(|digit| digit.repeat(40));
        let output = format!(
            "{a}\trefs/heads/main\n{a}\trefs/heads/-x\n{b}\trefs/tags/v1\n{c}\trefs/tags/v1^{{}}\n\
             {b}\trefs/tags/plain\nno line of git's\n{a}\trefs/pull/7/head\nxyz\trefs/heads/odd\n"
        );
        let refs = read(&output).expect("not too many");
        let refs: Vec<(&str, &str)> = refs
            .iter()
            .map(|(name, commit)| (name.as_str(), commit.as_str()))
            .collect();
        assert_eq!(
            refs,
            [
                ("refs/heads/main", a.as_str()),
                ("refs/tags/plain", &b),
                ("refs/tags/v1", &c)
            ]
        );
    }

    #[test]
    fn the_default_branch_is_where_head_leads() {
        let a = "a".repeat(40);
        for (output, expected) in [
            (
                format!("ref: refs/heads/main\tHEAD\n{a}\tHEAD\n"),
                Some("refs/heads/main"),
            ),
            (
                "ref: refs/remotes/origin/x\trefs/remotes/origin/HEAD\nref: refs/heads/a/b\tHEAD\n"
                    .to_owned(),
                Some("refs/heads/a/b"),
            ),
            (format!("{a}\tHEAD\n"), None),
            ("ref: refs/heads/-x\tHEAD\n".to_owned(), None),
            ("ref: refs/tags/v1\tHEAD\n".to_owned(), None),
            (String::new(), None),
        ] {
            let branch = read_head(&output);
            assert_eq!(
                branch.as_ref().map(super::GitRef::as_str),
                expected,
                "{output}"
            );
        }
    }

    #[test]
    fn there_is_a_most() {
        let line = |n: usize| format!("{}\trefs/heads/b{n}\n", "a".repeat(40));
        let mut output: String = (0..MAX_REFS).map(line).collect();
        assert_eq!(read(&output).map(|refs| refs.len()), Some(MAX_REFS));
        output += &line(MAX_REFS);
        assert_eq!(read(&output), None);
    }
}
