//! What the URL of a repository says of it: its provider, owner and name.

use flowcd_model::application::Provider;
use url::Url;

use crate::output::clean;

/// A repository, as far as its URL tells.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Repository {
    pub(crate) provider: Provider,
    pub(crate) owner: Option<String>,
    pub(crate) name: Option<String>,
}

/// Reads `https://host/owner/repo.git`, `ssh://..`, `git@host:owner/repo.git`, `file://..` and paths.
pub(crate) fn read_url(text: &str) -> Result<Repository, String> {
    let (host, path) = match Url::parse(text) {
        Ok(url) if text.contains("://") => {
            if url.password().is_some() {
                return Err(
                    "the URL holds a password; store it with `flowcd provider set` instead"
                        .to_owned(),
                );
            }
            (
                url.host_str().unwrap_or_default().to_owned(),
                url.path().to_owned(),
            )
        }
        _ => match text.split_once(':') {
            // `git@host:owner/repo`, where a `/` before the `:` would make it a path.
            Some((host, path)) if !host.contains('/') => {
                let host = host.rsplit('@').next().unwrap_or(host);
                (host.to_owned(), path.to_owned())
            }
            _ if text.contains('/') => (String::new(), text.to_owned()),
            _ => return Err(format!("`{}` is not the URL of a repository", clean(text))),
        },
    };
    let path = path.trim_matches('/');
    let path = path
        .strip_suffix(".git")
        .unwrap_or(path)
        .trim_end_matches('/');
    let (owner, name) = match path.rsplit_once('/') {
        // A path on this machine has no owner, so its folder's name stands for him; on a host, groups may be nested.
        Some((folders, name)) if host.is_empty() => (folders.rsplit('/').next(), name),
        Some((owner, name)) => (Some(owner), name),
        None => (None, path),
    };
    let some = |part: &str| {
        if part.is_empty() {
            None
        } else {
            Some(part.to_owned())
        }
    };
    Ok(Repository {
        provider: provider_of(&host),
        owner: owner.and_then(some),
        name: some(name),
    })
}

fn provider_of(host: &str) -> Provider {
    let host = host.to_ascii_lowercase();
    let is_public = |provider: &Provider| {
        provider
            .public_origin()
            .and_then(|origin| origin.strip_prefix("https://"))
            == Some(host.as_str())
    };
    Provider::ALL
        .into_iter()
        .find(is_public)
        .unwrap_or(Provider::Git)
}

#[cfg(test)]
mod tests {
    use flowcd_model::application::Provider;

    use super::read_url;

    #[test]
    fn a_url_tells_provider_owner_and_name() {
        for (url, provider, owner, name) in [
            (
                "https://github.com/octocat/hello.git",
                Provider::Github,
                "octocat",
                "hello",
            ),
            (
                "https://GitHub.com/octocat/hello/",
                Provider::Github,
                "octocat",
                "hello",
            ),
            (
                "git@gitee.com:octocat/hello.git",
                Provider::Gitee,
                "octocat",
                "hello",
            ),
            (
                "ssh://git@gitlab.com:22/group/sub/hello.git",
                Provider::Gitlab,
                "group/sub",
                "hello",
            ),
            (
                "https://codeup.aliyun.com/org/hello",
                Provider::Codeup,
                "org",
                "hello",
            ),
            (
                "https://git.example.com/team/hello.git",
                Provider::Git,
                "team",
                "hello",
            ),
            ("file:///srv/git/hello.git", Provider::Git, "git", "hello"),
            ("/srv/git/hello", Provider::Git, "git", "hello"),
        ] {
            let repository = read_url(url).expect(url);
            assert_eq!(repository.provider, provider, "{url}");
            assert_eq!(repository.owner.as_deref(), Some(owner), "{url}");
            assert_eq!(repository.name.as_deref(), Some(name), "{url}");
        }
    }

    #[test]
    fn what_a_url_does_not_tell_is_left_open() {
        let repository = read_url("https://git.example.com/hello").expect("a URL");
        assert_eq!(repository.owner, None);
        assert!(read_url("hello").is_err());
        let error = read_url("https://u:s3cret@github.com/a/b").expect_err("a password");
        assert!(!error.contains("s3cret"));
    }
}
