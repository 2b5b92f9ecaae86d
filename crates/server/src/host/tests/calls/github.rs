//! GitHub.

use flowcd_model::application::Provider;
use serde_json::{Value, json};

use super::{BEARER, Subject, commit, removed};
use crate::host::{
    CommitState,
    tests::{HOOK_URL, SECRET, SHA, description::Description, webhook},
};

#[tokio::test]
async fn every_call_is_one_that_github_describes() {
    let at = Subject::new(Provider::Github, "ada");
    let description = Description::read("github", "/api/v3");
    let sent = || at.sent(BEARER, Some(&description));
    let owner = json!({"login": "ada", "id": 7, "avatar_url": "https://a/7"});
    at.on("GET /api/v3/user", owner.clone());
    let user = at.whoami().await;
    assert_eq!((user.login.as_str(), user.id.as_str()), ("ada", "7"));
    assert_eq!(user.avatar_url, "https://a/7");
    assert_eq!(sent(), ["GET /api/v3/user"]);

    let repository = |id: u32, may: Value| {
        json!({"id": id, "name": format!("shop{id}"), "owner": owner, "private": id == 1,
            "clone_url": format!("https://github.com/ada/shop{id}.git"), "description": null,
            "default_branch": "main", "permissions": may, "archived": id == 5})
    };
    let admin = json!({"admin": true, "push": true, "pull": true});
    let push = json!({"admin": false, "push": true});
    let pull = json!({"admin": false, "push": false});
    let list = json!([
        repository(1, admin.clone()),
        repository(2, push),
        repository(3, pull),
        repository(5, admin)
    ]);
    at.on("GET /api/v3/user/repos", list.clone());
    at.on("GET /api/v3/orgs/acme/repos", list);
    let own = "1 ada shop1 https://github.com/ada/shop1.git private \"\" \"main\" \"https://a/7\"";
    let pushed =
        "2 ada shop2 https://github.com/ada/shop2.git public \"\" \"main\" \"https://a/7\"";
    assert_eq!(at.repositories(None).await, [own, pushed]);
    assert_eq!(at.repositories(Some("acme")).await, [own]);
    at.on("GET /api/v3/user/orgs", json!([{"login": "acme", "id": 9}]));
    assert_eq!(at.organizations().await, ["9 acme"]);
    at.on(
        "GET /api/v3/repos/ada/shop/branches",
        json!([{"name": "a/b", "commit": {"sha": SHA}}]),
    );
    assert_eq!(at.branches().await, [format!("a/b {SHA}")]);
    assert_eq!(
        sent(),
        [
            "GET /api/v3/user/repos?per_page=100&page=1",
            "GET /api/v3/orgs/acme/repos?per_page=100&page=1",
            "GET /api/v3/user/orgs?per_page=100&page=1",
            "GET /api/v3/repos/ada/shop/branches?per_page=100&page=1",
        ]
    );

    let hooks = "/api/v3/repos/ada/shop/hooks";
    let body = json!({"active": true, "events": ["pull_request", "push", "release"], "config": {
        "url": HOOK_URL, "content_type": "json", "secret": SECRET, "insecure_ssl": "0"}});
    let mut create = body.clone();
    create["name"] = "web".into();
    at.on(
        &format!("GET {hooks}"),
        json!([{"id": 1, "config": {"url": "https://other"}}, {"id": 2, "config": {}}]),
    );
    at.on(&format!("POST {hooks}"), json!({"id": 3}));
    assert_eq!(at.install(&webhook()).await, "3");
    at.on(&format!("GET {hooks}"), json!([{"id": 1, "config": {"url": "https://other"}}, {"id": 3, "config": {"url": HOOK_URL}}]));
    at.on(&format!("PATCH {hooks}/3"), json!({"id": 3}));
    assert_eq!(at.install(&webhook()).await, "3");
    assert_eq!(
        sent(),
        [
            format!("GET {hooks}?per_page=100&page=1"),
            format!("POST {hooks} {create}"),
            format!("GET {hooks}?per_page=100&page=1"),
            format!("PATCH {hooks}/3 {body}"),
        ]
    );
    removed(&at, hooks, "per_page=100&page=1", sent).await;

    at.on(&format!("GET /api/v3/repos/ada/shop/commits/{SHA}"), json!({"sha": SHA, "author": owner,
        "commit": {"message": "Sell\n\nmore", "author": {"name": "Ada", "email": "ada@example.com"}}}));
    assert_eq!(at.commit(SHA).await, commit("ada", "https://a/7"));
    at.on("GET /api/v3/repos/ada/shop/commits/main", json!({"sha": SHA, "author": null,
        "commit": {"message": "Sell\n\nmore", "author": {"name": "Ada", "email": "ada@example.com"}}}));
    assert_eq!(at.commit("main").await, commit("Ada", ""));
    assert_eq!(
        sent(),
        [
            format!("GET /api/v3/repos/ada/shop/commits/{SHA}?per_page=1"),
            "GET /api/v3/repos/ada/shop/commits/main?per_page=1".to_owned(),
        ]
    );

    at.on(
        &format!("POST /api/v3/repos/ada/shop/statuses/{SHA}"),
        json!({"id": 1}),
    );
    let long = "é".repeat(200);
    let cut = "é".repeat(139) + "…";
    for (state, description, word, told) in [
        (CommitState::Pending, "", "pending", ""),
        (CommitState::Running, "", "pending", "running"),
        (CommitState::Success, "in 3 s", "success", "in 3 s"),
        (CommitState::Failure, &long, "failure", &cut),
        (CommitState::Cancelled, "by ada", "error", "by ada"),
    ] {
        at.status(state, description).await;
        let body = json!({"state": word, "context": "flowcd/shop", "description": told,
            "target_url": "https://cd.example.com/tasks/1"});
        assert_eq!(
            sent(),
            [format!("POST /api/v3/repos/ada/shop/statuses/{SHA} {body}")]
        );
    }
}
