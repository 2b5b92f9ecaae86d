//! Gitea.

use flowcd_model::application::Provider;
use serde_json::{Value, json};

use super::{Subject, commit, removed};
use crate::host::{
    CommitState,
    tests::{HOOK_URL, SECRET, SHA, description::Description, webhook},
};

#[tokio::test]
async fn every_call_is_one_that_forgejo_describes() {
    let at = Subject::new(Provider::Gitea, "ada");
    let description = Description::read("gitea", "/api/v1");
    let sent = || at.sent(("authorization", "token canary-token"), Some(&description));
    let owner = json!({"login": "ada", "id": 7, "avatar_url": "https://a/7"});
    at.on("GET /api/v1/user", owner.clone());
    assert_eq!(at.whoami().await.id, "7");
    let repository = |id: u32, may: Value| {
        json!({"id": id, "name": "shop", "owner": owner, "private": false, "internal": true,
            "clone_url": "https://codeberg.org/ada/shop.git", "description": "", "default_branch": "main",
            "permissions": may, "archived": id == 5})
    };
    let list = json!([
        repository(1, json!({"admin": true, "push": true})),
        repository(2, json!({"push": true})),
        repository(3, json!({"push": false})),
        repository(4, Value::Null),
        repository(5, json!({"admin": true}))
    ]);
    at.on("GET /api/v1/user/repos", list.clone());
    at.on("GET /api/v1/orgs/acme/repos", list);
    let shop = "ada shop https://codeberg.org/ada/shop.git private \"\" \"main\" \"https://a/7\"";
    assert_eq!(
        at.repositories(None).await,
        [format!("1 {shop}"), format!("2 {shop}")]
    );
    assert_eq!(at.repositories(Some("acme")).await, [format!("1 {shop}")]);
    at.on(
        "GET /api/v1/user/orgs",
        json!([{"username": "acme", "name": "acme", "id": 9}, {"username": "old", "id": 8}]),
    );
    assert_eq!(at.organizations().await, ["9 acme", "8 old"]);
    at.on(
        "GET /api/v1/repos/ada/shop/branches",
        json!([{"name": "main", "commit": {"id": SHA}}]),
    );
    assert_eq!(at.branches().await, [format!("main {SHA}")]);
    assert_eq!(
        sent(),
        [
            "GET /api/v1/user",
            "GET /api/v1/user/repos?limit=100&page=1",
            "GET /api/v1/orgs/acme/repos?limit=100&page=1",
            "GET /api/v1/user/orgs?limit=100&page=1",
            "GET /api/v1/repos/ada/shop/branches?limit=100&page=1",
        ]
    );

    let hooks = "/api/v1/repos/ada/shop/hooks";
    let body = json!({"active": true, "events": ["pull_request", "push", "release"],
        "config": {"url": HOOK_URL, "content_type": "json", "secret": SECRET}});
    let mut create = body.clone();
    create["type"] = "gitea".into();
    at.on(
        &format!("GET {hooks}"),
        json!([{"id": 1, "config": {"url": "https://other"}}]),
    );
    at.on(&format!("POST {hooks}"), json!({"id": 3}));
    assert_eq!(at.install(&webhook()).await, "3");
    at.on(
        &format!("GET {hooks}"),
        json!([{"id": 3, "config": {"url": HOOK_URL}}]),
    );
    at.on(&format!("PATCH {hooks}/3"), json!({"id": 3}));
    assert_eq!(at.install(&webhook()).await, "3");
    assert_eq!(
        sent(),
        [
            format!("GET {hooks}?limit=100&page=1"),
            format!("POST {hooks} {create}"),
            format!("GET {hooks}?limit=100&page=1"),
            format!("PATCH {hooks}/3 {body}"),
        ]
    );
    removed(&at, hooks, "limit=100&page=1", sent).await;

    let git_commit = |author: Value| {
        json!({"sha": SHA, "author": author,
        "commit": {"message": "Sell\n\nmore", "author": {"name": "Ada", "email": "ada@example.com"}}})
    };
    at.on(
        &format!("GET /api/v1/repos/ada/shop/git/commits/{SHA}"),
        git_commit(owner.clone()),
    );
    assert_eq!(at.commit(SHA).await, commit("ada", "https://a/7"));
    at.on(
        "GET /api/v1/repos/ada/shop/git/commits/main",
        git_commit(Value::Null),
    );
    assert_eq!(at.commit("main").await, commit("Ada", ""));
    let query = "stat=false&verification=false&files=false";
    assert_eq!(
        sent(),
        [
            format!("GET /api/v1/repos/ada/shop/git/commits/{SHA}?{query}"),
            format!("GET /api/v1/repos/ada/shop/git/commits/main?{query}"),
        ]
    );
    let statuses = format!("/api/v1/repos/ada/shop/statuses/{SHA}");
    at.on(&format!("POST {statuses}"), json!({"id": 1}));
    for (state, word, told) in [
        (CommitState::Pending, "pending", ""),
        (CommitState::Running, "pending", "running"),
        (CommitState::Success, "success", ""),
        (CommitState::Failure, "failure", ""),
        (CommitState::Cancelled, "error", ""),
    ] {
        at.status(state, "").await;
        let body = json!({"state": word, "context": "flowcd/shop", "description": told,
            "target_url": "https://cd.example.com/tasks/1"});
        assert_eq!(sent(), [format!("POST {statuses} {body}")]);
    }
}
