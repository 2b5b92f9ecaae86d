//! A file of a commit, without a checkout: what a mirror already has, and nothing from the network.

use std::{ffi::OsString, path::Path, time::Duration};

use super::{
    CommitId, Git, GitError, RepoUrl,
    command::MAX_STDOUT_BYTES,
    mirror::{Mirror, blocking},
};

/// How long git may take to find a file. Somebody waits for the answer.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the file `path` of a commit from the mirror of `url`.
///
/// `None` where the mirror has no such commit, the commit no such file, or the file more than `limit` bytes: whoever
/// asks can do without. It waits for nobody, neither for a fetch into the mirror nor for its removal. A link is read
/// as what it says, and is not followed.
pub async fn read_file(
    mirrors: &Path,
    url: &RepoUrl,
    commit: &CommitId,
    path: &str,
    limit: usize,
) -> Result<Option<Vec<u8>>, GitError> {
    if !is_path_inside(path) {
        return Ok(None);
    }
    let (mirrors, url, of_record) = (mirrors.to_owned(), url.to_string(), commit.clone());
    let mirror = blocking(move || {
        let mirror = Mirror::open_known(&mirrors, &url)?;
        // A record is written when all of the commit is there.
        Ok(mirror.filter(|mirror| mirror.record(&of_record, None).is_some()))
    });
    let Some(mirror) = mirror.await? else {
        return Ok(None);
    };
    let mut git_dir = OsString::from("--git-dir=");
    git_dir.push(mirror.repository());
    let object = format!("{commit}:{path}");
    let args = [
        git_dir,
        "cat-file".into(),
        "blob".into(),
        "--end-of-options".into(),
        object.into(),
    ];
    // One byte more than is taken tells a file that is too long.
    let n_kept = limit.saturating_add(1).min(MAX_STDOUT_BYTES);
    match Git::new(READ_TIMEOUT).call("cat-file", args, None).await {
        Ok(text) if text.len() < n_kept => Ok(Some(text)),
        // Also a folder of that name.
        Ok(_) | Err(GitError::Failed { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether it names something inside of the repository, in the one way that git takes for a name: from the root on.
fn is_path_inside(path: &str) -> bool {
    !path.contains(char::is_control)
        && path
            .split('/')
            .all(|part| !matches!(part, "" | "." | "..") && !part.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::is_path_inside;

    #[test]
    fn a_path_stays_inside_of_the_repository() {
        for path in [
            "a",
            "serverless-pipeline.yaml",
            "ci/\u{4f60}.yml",
            ".cd/a b",
        ] {
            assert!(is_path_inside(path), "{path}");
        }
        for path in [
            "",
            "/etc/passwd",
            "..",
            "../a",
            "a/../b",
            "./a",
            "a//b",
            "a/",
            "-a",
            "a/-b",
            "a\nb",
            "a\0",
        ] {
            assert!(!is_path_inside(path), "{path:?}");
        }
    }
}
