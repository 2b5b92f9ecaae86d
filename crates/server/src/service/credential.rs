//! Which credential a repository gets to see: the caller's token for that very host, and never another host's.

use flowcd_engine::git::{Credential, RepoUrl};
use flowcd_model::{application::Provider, user::ProviderAccount};
use secrecy::SecretString;

/// The credential for `url` out of the owner's accounts of `provider`, in the form that this kind of host wants.
/// `owner` is the repository's, for hosts that want a name and were not told one.
pub(crate) fn for_repo(
    url: &RepoUrl,
    provider: Provider,
    owner: &str,
    accounts: Vec<(ProviderAccount, SecretString)>,
) -> Option<Credential> {
    let origin = url.origin()?;
    let (account, password) = accounts
        .into_iter()
        .find(|(account, _)| account.origin == origin)?;
    let username = account.username.unwrap_or_else(|| {
        match provider {
            Provider::Github => "x-access-token",
            Provider::Gitlab => "oauth2",
            Provider::Gitee | Provider::Codeup | Provider::Gitea | Provider::Git => owner,
        }
        .to_owned()
    });
    Some(Credential { username, password })
}

#[cfg(test)]
mod tests {
    use flowcd_engine::git::{RepoPolicy, RepoUrl};
    use flowcd_model::{application::Provider, user::ProviderAccount};

    use super::for_repo;

    #[test]
    fn a_token_goes_to_its_own_host_and_no_other() {
        let check = |url: &str, provider, username: Option<&str>| {
            let account = ProviderAccount {
                provider,
                origin: "https://git.example.com".to_owned(),
                username: username.map(str::to_owned),
            };
            let url = RepoUrl::parse(
                url,
                &RepoPolicy {
                    local: true,
                    http: true,
                },
            )
            .expect("a good URL");
            for_repo(&url, provider, "owner", vec![(account, "token".into())])
                .map(|credential| credential.username)
        };
        let own = "https://git.example.com/owner/repo.git";
        assert_eq!(check(own, Provider::Gitea, None).as_deref(), Some("owner"));
        assert_eq!(
            check(own, Provider::Gitlab, None).as_deref(),
            Some("oauth2")
        );
        assert_eq!(
            check(own, Provider::Github, Some("me")).as_deref(),
            Some("me")
        );
        for other in [
            "https://git.example.com.evil.example/owner/repo.git",
            "https://git.example.com:8443/owner/repo.git",
            "http://git.example.com/owner/repo.git",
            "git@git.example.com:owner/repo.git",
        ] {
            assert_eq!(check(other, Provider::Gitea, None), None, "{other}");
        }
    }
}
