//! What an account on a Git host can see there.

use flowcd_client::{
    Client,
    model::{
        application::Provider,
        provider::{HostBranchQuery, HostOrganizationQuery, HostQuery},
    },
};
use serde_json::json;

use crate::stand_in::{StandIn, data};

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::test]
async fn the_lists_of_a_host_are_asked_for_by_its_provider() -> Outcome {
    let stand_in = StandIn::start(|_, request| {
        let path = request.target.split('?').next().unwrap_or_default();
        data(&match path {
            "/api/gitea/branches" => json!([{"name": "main", "commit_sha": "c"}]),
            "/api/gitlab/orgs" => json!([{"org": "acme", "id": "7"}]),
            _ => {
                json!([{"id": "1", "name": "hello", "owner": "acme", "url": "u", "private": true}])
            }
        })
    })
    .await?;
    let client = Client::builder(&stand_in.url)?.token("t").build()?;
    let mine = client
        .list_host_repositories(Provider::Github, &HostQuery::default())
        .await?;
    assert_eq!(mine[0].name, "hello");
    let organizations = client
        .list_host_organizations(Provider::Gitlab, &HostQuery::default())
        .await?;
    assert_eq!(organizations[0].org, "acme");
    let of_acme = HostOrganizationQuery {
        org: "acme".to_owned(),
        url: None,
    };
    let theirs = client
        .list_host_organization_repositories(Provider::Codeup, &of_acme)
        .await?;
    assert!(theirs[0].private);
    let of_hello = HostBranchQuery {
        owner: "a/b".to_owned(),
        repo: "hello".to_owned(),
        url: Some("https://git.example.com".to_owned()),
    };
    let branches = client
        .list_host_branches(Provider::Gitea, &of_hello)
        .await?;
    assert_eq!(branches[0].commit_sha, "c");
    let targets: Vec<String> = stand_in
        .requests()
        .into_iter()
        .map(|request| request.target)
        .collect();
    assert_eq!(
        targets,
        [
            "/api/github/repos",
            "/api/gitlab/orgs",
            "/api/codeup/orgRepos?org=acme",
            "/api/gitea/branches?owner=a%2Fb&repo=hello&url=https%3A%2F%2Fgit.example.com",
        ]
    );
    Ok(())
}
