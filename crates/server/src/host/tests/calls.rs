//! Every call to every host: what is sent, and what is made of a good answer.

mod codeup;
mod gitea;
mod gitee;
mod github;
mod gitlab;

use flowcd_model::{application::Provider, event::Pusher};
use serde_json::{Value, json};

use super::{
    HOOK_URL, SHA, TOKEN, account,
    description::Description,
    fake::{Answer, FakeHost, Request},
    hosts, repo,
};
use crate::host::{
    Account, CommitState, CommitStatus, HostCommit, HostError, HostUser, Hosts, RepoName, Webhook,
};

/// One host under test.
struct Subject {
    host: FakeHost,
    hosts: Hosts,
    account: Account,
    repo: RepoName,
}

impl Subject {
    fn new(provider: Provider, owner: &str) -> Self {
        let host = FakeHost::start();
        Self {
            account: account(provider, &host),
            host,
            hosts: hosts(),
            repo: repo(owner),
        }
    }

    fn on(&self, request: &str, body: Value) -> &Self {
        self.host.answer(request, Answer::json(body));
        self
    }

    /// What was sent since the last time, each with the token where this kind of host wants it.
    fn sent(
        &self,
        (header, value): (&str, &str),
        description: Option<&Description>,
    ) -> Vec<String> {
        let requests = self.host.requests();
        for request in &requests {
            assert_eq!(request.header(header), value, "{request}");
            assert!(!request.target.contains(TOKEN), "{request}");
            assert!(request.header("user-agent").starts_with("flowcd/"));
            let is_json = request.header("content-type") == "application/json";
            assert_eq!(is_json, !request.body.is_null(), "{request}");
            if let Some(description) = description {
                description.check(request);
            }
        }
        requests.iter().map(Request::to_string).collect()
    }

    async fn whoami(&self) -> HostUser {
        self.hosts.whoami(&self.account).await.expect("it answers")
    }

    async fn repositories(&self, org: Option<&str>) -> Vec<String> {
        let repositories = self.hosts.list_repositories(&self.account, org).await;
        let repositories = repositories.expect("it answers").into_iter();
        repositories
            .map(|one| {
                let private = if one.private { "private" } else { "public" };
                format!(
                    "{} {} {} {} {private} {:?} {:?} {:?}",
                    one.id,
                    one.owner,
                    one.name,
                    one.url,
                    one.description,
                    one.default_branch,
                    one.avatar_url
                )
            })
            .collect()
    }

    async fn organizations(&self) -> Vec<String> {
        let organizations = self.hosts.list_organizations(&self.account).await;
        let organizations = organizations.expect("it answers").into_iter();
        organizations
            .map(|one| format!("{} {}", one.id, one.org))
            .collect()
    }

    async fn branches(&self) -> Vec<String> {
        let branches = self.hosts.list_branches(&self.account, &self.repo).await;
        let branches = branches.expect("it answers").into_iter();
        branches
            .map(|one| format!("{} {}", one.name, one.commit_sha))
            .collect()
    }

    async fn install(&self, webhook: &Webhook) -> String {
        let installed = self
            .hosts
            .install_webhook(&self.account, &self.repo, webhook);
        installed.await.expect("it is installed")
    }

    async fn remove(&self, id: Option<&str>) {
        let removed = self
            .hosts
            .remove_webhook(&self.account, &self.repo, HOOK_URL, id);
        removed.await.expect("it is gone");
    }

    async fn commit(&self, commit: &str) -> HostCommit {
        let commit = self
            .hosts
            .get_commit(&self.account, &self.repo, commit)
            .await;
        commit.expect("it is there")
    }

    async fn status(&self, state: CommitState, description: &str) {
        let status = CommitStatus {
            state,
            context: "flowcd/shop".to_owned(),
            description: description.to_owned(),
            target_url: Some("https://cd.example.com/tasks/1".to_owned()),
        };
        let set = self
            .hosts
            .set_status(&self.account, &self.repo, SHA, &status);
        set.await.expect("it is set");
    }
}

/// The commit that every host here has.
fn commit(name: &str, avatar_url: &str) -> HostCommit {
    HostCommit {
        sha: SHA.to_owned(),
        message: "Sell\n\nmore".to_owned(),
        author: Pusher {
            name: name.to_owned(),
            email: "ada@example.com".to_owned(),
            avatar_url: avatar_url.to_owned(),
        },
    }
}

const BEARER: (&str, &str) = ("authorization", "Bearer canary-token");

/// Removing: by id, by URL when the id is gone or unknown, and when everything is gone.
async fn removed(at: &Subject, hooks: &str, page: &str, sent: impl Fn() -> Vec<String>) {
    let list = format!("GET {hooks}?{page}");
    at.host
        .answer(&format!("DELETE {hooks}/3"), Answer::status(204));
    at.remove(Some("3")).await;
    assert_eq!(sent(), [format!("DELETE {hooks}/3")]);
    at.remove(Some("4")).await;
    assert_eq!(
        sent(),
        [
            format!("DELETE {hooks}/4"),
            list.clone(),
            format!("DELETE {hooks}/3")
        ]
    );
    at.host
        .answer(&format!("DELETE {hooks}/3"), Answer::status(404));
    at.remove(None).await;
    assert_eq!(sent(), [list.clone(), format!("DELETE {hooks}/3")]);
    at.host.answer(&format!("GET {hooks}"), Answer::status(404));
    at.remove(None).await;
    assert_eq!(sent(), [list]);
    at.host.answer(&format!("GET {hooks}"), Answer::status(401));
    let err = at
        .hosts
        .remove_webhook(&at.account, &at.repo, HOOK_URL, None)
        .await;
    assert!(matches!(err, Err(HostError::Unauthorized { .. })));
    sent();
}

#[tokio::test]
async fn a_list_is_read_to_its_end_however_the_host_tells_that_there_is_more() {
    let organization = |page: usize| json!([{"login": format!("org{page}"), "id": page}]);
    let full = Value::from_iter((0..100).map(|id| json!({"login": "full", "id": id})));
    let next =
        "<https://elsewhere.example/?page=2>; rel=\"next\", <https://x/?page=9>; rel=\"last\"";
    let prev = "<https://elsewhere.example/?page=1>; rel=\"prev\"";
    for (first, last, n_requests) in [
        (Some(("link", next)), Some(("link", prev)), 2),
        (Some(("x-next-page", "2")), Some(("x-next-page", "")), 2),
        (
            Some(("x-total-pages", "2")),
            Some(("x-total-pages", "2")),
            2,
        ),
        (Some(("total_page", "2")), Some(("total_page", "2")), 2),
        (
            Some(("x-total-count", "2")),
            Some(("x-total-count", "2")),
            2,
        ),
        (Some(("link", prev)), None, 1),
        (None, None, 1),
    ] {
        let at = Subject::new(Provider::Gitee, "ada");
        for (page, header) in [(1, first), (2, last)] {
            let mut answer = Answer::json(organization(page));
            if let Some((name, value)) = header {
                answer = answer.header(name, value);
            }
            let request = format!("GET /api/v5/user/orgs?per_page=100&page={page}");
            at.host.answer(&request, answer);
        }
        assert_eq!(at.organizations().await.len(), n_requests, "{first:?}");
        assert_eq!(at.host.requests().len(), n_requests);
    }
    // A host that says nothing is asked until a page is not full, and one that never ends is cut.
    let at = Subject::new(Provider::Gitee, "ada");
    at.on("GET /api/v5/user/orgs?per_page=100&page=1", full.clone());
    at.on("GET /api/v5/user/orgs?per_page=100&page=2", organization(2));
    assert_eq!(at.organizations().await.len(), 101);
    at.host.requests();
    at.on("GET /api/v5/user/orgs?per_page=100&page=2", full.clone());
    at.on("GET /api/v5/user/orgs", full);
    assert_eq!(at.organizations().await.len(), 5_000);
    assert_eq!(at.host.requests().len(), 50);
}
