//! The names git uses: commits, branches and tags, by grammar.
//!
//! Whatever passes here is safe as an argument of git: no commit and no full ref name starts with a dash or holds a
//! character that git or a shell reads in another way.

use std::{fmt, str::FromStr};

/// A commit's full name: 40 (SHA-1) or 64 (SHA-256) hexadecimal digits, lower case.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct CommitId(String);

impl CommitId {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first seven digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..7]
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text that is no commit's full name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a commit is 40 or 64 hexadecimal digits")]
pub struct InvalidCommitId;

impl FromStr for CommitId {
    type Err = InvalidCommitId;

    fn from_str(text: &str) -> Result<Self, InvalidCommitId> {
        let is_commit =
            matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_commit {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(InvalidCommitId)
        }
    }
}

/// The full name of a branch (`refs/heads/..`) or a tag (`refs/tags/..`); by [`GitRef::parse_any`] also that of a pull
/// request's head.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct GitRef(String);

const HEADS: &str = "refs/heads/";
const TAGS: &str = "refs/tags/";
const PULL_REQUESTS: [&str; 2] = ["refs/pull/", "refs/merge-requests/"];

/// A ref is a file, and with `.lock` behind it while it is written: longer names do not fit into a folder.
const MAX_PART_BYTES: usize = 250;

impl GitRef {
    /// Reads the full name of whatever a deployment can be about: a branch, a tag, or the head of a pull request as
    /// hosts name it, `refs/pull/7/head` or `refs/merge-requests/7/head`.
    pub fn parse_any(text: &str) -> Result<Self, InvalidGitRef> {
        let is_number = |text: &str| {
            (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let is_pull_request = PULL_REQUESTS.iter().any(|start| {
            let number = text
                .strip_prefix(start)
                .and_then(|rest| rest.strip_suffix("/head"));
            number.is_some_and(is_number)
        });
        match is_pull_request {
            true => Ok(Self(text.to_owned())),
            false => text.parse(),
        }
    }

    /// The full name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without `refs/heads/` or `refs/tags/`.
    pub fn short(&self) -> &str {
        self.branch().or_else(|| self.tag()).unwrap_or(&self.0)
    }

    /// The branch's name, if it is a branch.
    pub fn branch(&self) -> Option<&str> {
        self.0.strip_prefix(HEADS)
    }

    /// The tag's name, if it is a tag.
    pub fn tag(&self) -> Option<&str> {
        self.0.strip_prefix(TAGS)
    }
}

impl fmt::Display for GitRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text that is no full name of a branch or a tag.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidGitRef {
    /// It is not under `refs/heads/` or `refs/tags/`.
    #[error("a ref is the full name of a branch or a tag: `refs/heads/..` or `refs/tags/..`")]
    NotFull,
    /// Git would not take it.
    #[error("the ref is not a name that git allows")]
    Malformed,
}

impl FromStr for GitRef {
    type Err = InvalidGitRef;

    fn from_str(text: &str) -> Result<Self, InvalidGitRef> {
        let name = text
            .strip_prefix(HEADS)
            .or_else(|| text.strip_prefix(TAGS))
            .ok_or(InvalidGitRef::NotFull)?;
        if is_allowed(name) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidGitRef::Malformed)
        }
    }
}

/// The rules of `git check-ref-format --branch`: stricter than for refs at large, because a name that starts with a
/// dash, or is called `HEAD`, can be made with plumbing and confuses every tool that shows it.
fn is_allowed(name: &str) -> bool {
    let is_bad_char =
        |c: char| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    !name.is_empty()
        && name.len() <= 1024
        && name != "HEAD"
        && !name.starts_with('-')
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && name != "@"
        && !name.contains(is_bad_char)
        && name.split('/').all(|part| {
            !part.is_empty()
                && part.len() <= MAX_PART_BYTES
                && !part.starts_with('.')
                && !part.ends_with(".lock")
        })
}

#[cfg(test)]
mod tests {
    use super::{CommitId, GitRef};

    #[test]
    fn heads_of_pull_requests_are_named_where_they_are_expected_and_nowhere_else() {
        for name in ["refs/pull/7/head", "refs/merge-requests/123456/head"] {
            assert!(name.parse::<GitRef>().is_err(), "{name}");
            let git_ref = GitRef::parse_any(name).expect(name);
            assert_eq!((git_ref.branch(), git_ref.tag()), (None, None));
        }
        assert!(GitRef::parse_any("refs/heads/main").is_ok());
        for name in [
            "refs/pull/7/merge",
            "refs/pull//head",
            "refs/pull/7/head/x",
            "refs/pull/-7/head",
            "refs/pull/../head",
            "refs/pull/7",
            "refs/pull/1234567890123456789/head",
            "refs/changes/7/head",
        ] {
            assert!(GitRef::parse_any(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_commit_is_forty_or_sixty_four_hexadecimal_digits() {
        let sha_1 = "0123456789ABCDEF0123456789abcdef01234567";
        let commit = sha_1.parse::<CommitId>().expect("it is a commit");
        assert_eq!(commit.as_str(), sha_1.to_ascii_lowercase());
        assert_eq!(commit.short(), "0123456");
        assert!("a".repeat(64).parse::<CommitId>().is_ok());
        for text in [
            "",
            "HEAD",
            "main",
            "0123456",
            "-123456789abcdef0123456789abcdef01234567",
            "g123456789abcdef0123456789abcdef01234567",
            "0123456789abcdef0123456789abcdef0123456\n",
            "０123456789abcdef0123456789abcdef01234",
        ] {
            assert!(text.parse::<CommitId>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_full_names_of_branches_and_tags_are_taken() {
        for (text, short) in [
            ("refs/heads/main", "main"),
            ("refs/heads/feature/a-b_c", "feature/a-b_c"),
            ("refs/tags/v1.0", "v1.0"),
            ("refs/heads/refs/heads/main", "refs/heads/main"),
            ("refs/heads/分支", "分支"),
            ("refs/heads/a@b", "a@b"),
            ("refs/heads/;id", ";id"),
            ("refs/heads/$(id)", "$(id)"),
        ] {
            let name = text.parse::<GitRef>().expect(text);
            assert_eq!(name.as_str(), text);
            assert_eq!(name.short(), short);
        }
    }

    #[test]
    fn hostile_refs_are_refused() {
        for text in [
            "",
            "main",
            "HEAD",
            "-h",
            "--upload-pack=id",
            "refs/heads/",
            "refs/tags/",
            "refs/heads/-h",
            "refs/heads/HEAD",
            "refs/heads/@",
            "refs/heads//a",
            "refs/heads/a/",
            "refs/heads/a//b",
            "refs/heads/.a",
            "refs/heads/a/.b",
            "refs/heads/a..b",
            "refs/heads/../../config",
            "refs/heads/a.",
            "refs/heads/a.lock",
            "refs/heads/a.lock/b",
            "refs/heads/a b",
            "refs/heads/a\nb",
            "refs/heads/a\0b",
            "refs/heads/a\u{7f}",
            "refs/heads/a~1",
            "refs/heads/a^",
            "refs/heads/a:b",
            "refs/heads/a*",
            "refs/heads/a?",
            "refs/heads/[a]",
            "refs/heads/a\\b",
            "refs/heads/a@{1}",
            "refs/pull/1/head",
            "refs/remotes/origin/main",
            "+refs/heads/main",
            "refs/heads/main:refs/heads/other",
        ] {
            assert!(text.parse::<GitRef>().is_err(), "{text:?}");
        }
        assert!(
            format!("refs/heads/{}", "a".repeat(2000))
                .parse::<GitRef>()
                .is_err()
        );
    }
}
