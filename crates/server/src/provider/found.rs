//! Pushes that nobody told of, in the form in which the host would have told them: so that the rules of a trigger hold
//! for them, too. What a repository does not say is left out, or empty where filters expect a text.

use std::collections::BTreeMap;

use flowcd_model::application::{Application, Provider};
use serde_json::{Map, Value, json};

use super::event_header;

/// A branch or a tag that points to another commit than before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    /// Its full name.
    pub(crate) git_ref: &'a str,
    /// The commit that it pointed to; absent when it is new.
    pub(crate) before: Option<&'a str>,
    /// The commit that it points to.
    pub(crate) after: &'a str,
}

impl Found<'_> {
    /// The headers that tell the event.
    pub(crate) fn headers(&self, provider: Provider) -> BTreeMap<String, String> {
        let event = match provider {
            Provider::Github | Provider::Gitea | Provider::Git => "push",
            Provider::Gitee | Provider::Gitlab | Provider::Codeup if self.is_tag() => "tag_push",
            Provider::Gitee | Provider::Gitlab | Provider::Codeup => "push",
        };
        let (name, value) = event_header(provider, event);
        BTreeMap::from([(name.to_owned(), value)])
    }

    /// The payload.
    pub(crate) fn body(&self, application: &Application) -> Map<String, Value> {
        let body = match application.provider {
            Provider::Github | Provider::Gitea | Provider::Git => self.github(application),
            Provider::Gitee => {
                let mut body = self.github(application);
                body["hook_name"] = match self.is_tag() {
                    true => json!("tag_push_hooks"),
                    false => json!("push_hooks"),
                };
                body
            }
            Provider::Gitlab | Provider::Codeup => self.gitlab(application),
        };
        match body {
            Value::Object(body) => body,
            _ => Map::new(),
        }
    }

    fn is_tag(&self) -> bool {
        self.git_ref.starts_with("refs/tags/")
    }

    /// The commit before, or the zeros that stand for none.
    fn before(&self) -> String {
        match self.before {
            Some(before) => before.to_owned(),
            None => "0".repeat(self.after.len()),
        }
    }

    fn github(&self, application: &Application) -> Value {
        let Application {
            owner,
            repo_name,
            repo_url,
            ..
        } = application;
        let full_name = format!("{owner}/{repo_name}");
        json!({
            "ref": self.git_ref,
            "before": self.before(),
            "after": self.after,
            "created": self.before.is_none(),
            "deleted": false,
            "commits": [],
            "head_commit": { "id": self.after, "message": "" },
            "repository": {
                "id": repository_id(application),
                "name": repo_name,
                "full_name": full_name,
                "path_with_namespace": full_name,
                "clone_url": repo_url,
                "owner": { "login": owner, "name": owner },
            },
        })
    }

    fn gitlab(&self, application: &Application) -> Value {
        let Application {
            owner,
            repo_name,
            repo_url,
            ..
        } = application;
        let kind = match self.is_tag() {
            true => "tag_push",
            false => "push",
        };
        let id = repository_id(application);
        json!({
            "object_kind": kind,
            "event_name": kind,
            "ref": self.git_ref,
            "before": self.before(),
            "after": self.after,
            "checkout_sha": self.after,
            "message": "",
            "commits": [],
            "project_id": id,
            "project": {
                "id": id,
                "name": repo_name,
                "path_with_namespace": format!("{owner}/{repo_name}"),
                "git_http_url": repo_url,
            },
            "repository": { "name": repo_name, "url": repo_url, "git_http_url": repo_url },
        })
    }
}

/// The host's id of the repository, a number with all hosts; absent where nobody said it.
fn repository_id(application: &Application) -> Option<u64> {
    application.provider_repo_id.parse().ok()
}

#[cfg(test)]
mod tests {
    use flowcd_model::{
        application::{Application, Provider},
        id::{AppId, UserId},
        time::Millis,
    };

    use super::Found;
    use crate::provider::{EventKind, Incoming, PushTarget, read};

    fn application(provider: Provider) -> Application {
        Application {
            id: AppId::generate(),
            user_id: UserId::generate(),
            provider,
            provider_repo_id: "42".to_owned(),
            repo_name: "hello".to_owned(),
            owner: "ada".to_owned(),
            repo_url: "https://git.example.com/ada/hello.git".to_owned(),
            description: String::new(),
            trigger_spec: Default::default(),
            secrets: Default::default(),
            envs: None,
            fork_secrets: false,
            webhook: None,
            poll_seconds: Some(60),
            polled_time: None,
            poll_problem: None,
            latest_task: None,
            created_time: Millis(0),
            updated_time: Millis(0),
        }
    }

    #[test]
    fn every_provider_reads_what_it_would_have_told() {
        let [a, b] = ["a", "b"].map(|digit| digit.repeat(40));
        let branch = PushTarget::Branch("main".to_owned());
        let tag = PushTarget::Tag("v1".to_owned());
        for provider in Provider::ALL {
            for (git_ref, before, target) in [
                ("refs/heads/main", Some(a.as_str()), &branch),
                ("refs/heads/main", None, &branch),
                ("refs/tags/v1", None, &tag),
            ] {
                let found = Found {
                    git_ref,
                    before,
                    after: &b,
                };
                let headers = found.headers(provider);
                let body = found.body(&application(provider));
                let text = serde_json::to_vec(&body).expect("JSON");
                let incoming = Incoming {
                    headers: &headers,
                    body: &text,
                };
                let event = read(provider, &incoming).expect("readable");
                let expected = EventKind::Push {
                    target: target.clone(),
                    is_deleted: false,
                    changed_files: None,
                };
                assert_eq!(event.kind, expected, "{provider} {git_ref}");
                assert!(event.host.is_push(), "{provider}: {}", event.name);
                assert_eq!(event.git_ref.as_deref(), Some(git_ref), "{provider}");
                assert_eq!(event.commit.as_deref(), Some(b.as_str()), "{provider}");
                assert_eq!(event.message, "", "{provider}");
                let repository = event.repository.expect("named");
                assert_eq!(
                    (repository.id.as_str(), repository.full_name.as_str()),
                    ("42", "ada/hello")
                );
                let zeros = "0".repeat(40);
                assert_eq!(event.body["before"], before.unwrap_or(&zeros), "{provider}");
            }
        }
    }
}
