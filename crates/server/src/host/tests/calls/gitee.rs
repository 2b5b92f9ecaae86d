//! Gitee.

use flowcd_model::application::Provider;
use serde_json::{Value, json};

use super::{BEARER, Subject, commit, removed};
use crate::host::{
    CommitState, HookProof, Webhook,
    tests::{HOOK_URL, SECRET, SHA, description::Description, webhook},
};

#[tokio::test]
async fn every_call_is_one_that_gitee_describes() {
    let at = Subject::new(Provider::Gitee, "ada");
    let description = Description::read("gitee", "/api/v5");
    let sent = || at.sent(BEARER, Some(&description));
    at.on(
        "GET /api/v5/user",
        json!({"login": "ada", "id": 7, "avatar_url": "https://a/7"}),
    );
    assert_eq!(at.whoami().await.login, "ada");
    let repository = |id: u32, may: Value| {
        json!({"id": id, "name": "商店", "path": "shop", "namespace": {"path": "ada"},
            "owner": {"login": "ada", "avatar_url": "https://a/7"}, "private": true, "permission": may,
            "html_url": if id == 1 { "https://gitee.com/ada/shop.git" } else { "https://gitee.com/ada/shop" },
            "description": "卖", "default_branch": "master"})
    };
    let list = json!([
        repository(1, json!({"admin": true})),
        repository(2, json!({"push": true})),
        repository(3, json!({"pull": true}))
    ]);
    at.on("GET /api/v5/user/repos", list.clone());
    at.on("GET /api/v5/orgs/acme/repos", list);
    let shop = "ada shop https://gitee.com/ada/shop.git private \"卖\" \"master\" \"https://a/7\"";
    assert_eq!(
        at.repositories(None).await,
        [format!("1 {shop}"), format!("2 {shop}")]
    );
    assert_eq!(at.repositories(Some("acme")).await, [format!("1 {shop}")]);
    at.on("GET /api/v5/user/orgs", json!([{"login": "acme", "id": 9}]));
    assert_eq!(at.organizations().await, ["9 acme"]);
    at.on(
        "GET /api/v5/repos/ada/shop/branches",
        json!([{"name": "master", "commit": {"sha": SHA}}]),
    );
    assert_eq!(at.branches().await, [format!("master {SHA}")]);
    assert_eq!(
        sent(),
        [
            "GET /api/v5/user",
            "GET /api/v5/user/repos?per_page=100&page=1",
            "GET /api/v5/orgs/acme/repos?per_page=100&page=1",
            "GET /api/v5/user/orgs?per_page=100&page=1",
            "GET /api/v5/repos/ada/shop/branches?per_page=100&page=1",
        ]
    );

    let hooks = "/api/v5/repos/ada/shop/hooks";
    let body = |encryption_type: u8| {
        json!({"url": HOOK_URL, "encryption_type": encryption_type, "password": SECRET,
        "push_events": true, "tag_push_events": true, "merge_requests_events": true, "issues_events": false,
        "note_events": false})
    };
    at.on(&format!("GET {hooks}"), json!([]));
    at.on(&format!("POST {hooks}"), json!({"id": "3"}));
    assert_eq!(at.install(&webhook()).await, "3");
    at.on(
        &format!("GET {hooks}"),
        json!([{"id": 3, "url": HOOK_URL, "password": "x"}]),
    );
    at.on(&format!("PATCH {hooks}/3"), json!({"id": 3}));
    let by_password = Webhook {
        proof: HookProof::Password,
        ..webhook()
    };
    assert_eq!(at.install(&by_password).await, "3");
    assert_eq!(
        sent(),
        [
            format!("GET {hooks}?per_page=100&page=1"),
            format!("POST {hooks} {}", body(1)),
            format!("GET {hooks}?per_page=100&page=1"),
            format!("PATCH {hooks}/3 {}", body(0)),
        ]
    );
    removed(&at, hooks, "per_page=100&page=1", sent).await;

    at.on("GET /api/v5/repos/ada/shop/commits/master", json!({"sha": SHA, "author": null,
        "commit": {"message": "Sell\n\nmore", "author": {"name": "Ada", "email": "ada@example.com"}}}));
    assert_eq!(at.commit("master").await, commit("Ada", ""));
    assert_eq!(sent(), ["GET /api/v5/repos/ada/shop/commits/master"]);

    let found = format!("/api/v5/repos/ada/shop/commits/{SHA}/check-runs");
    let runs = "/api/v5/repos/ada/shop/check-runs";
    let look = format!("GET {found}?check_name=flowcd%2Fshop");
    at.on(
        &format!("GET {found}"),
        json!({"total_count": 1, "check_runs": [{"id": 5, "name": "other"}]}),
    );
    at.on(&format!("POST {runs}"), json!({"id": 6}));
    at.status(CommitState::Pending, "").await;
    let url = "https://cd.example.com/tasks/1";
    let body =
        json!({"name": "flowcd/shop", "status": "queued", "details_url": url, "head_sha": SHA});
    assert_eq!(sent(), [look.clone(), format!("POST {runs} {body}")]);
    at.on(
        &format!("GET {found}"),
        json!({"check_runs": [{"id": 6, "name": "flowcd/shop"}]}),
    );
    at.on(&format!("PATCH {runs}/6"), json!({"id": 6}));
    for (state, word, conclusion) in [
        (CommitState::Running, "in_progress", None),
        (CommitState::Success, "completed", Some("success")),
        (CommitState::Failure, "completed", Some("failure")),
        (CommitState::Cancelled, "completed", Some("cancelled")),
    ] {
        at.status(state, "x").await;
        let mut body = json!({"name": "flowcd/shop", "status": word});
        if let Some(conclusion) = conclusion {
            body["conclusion"] = conclusion.into();
        }
        body["details_url"] = url.into();
        body["output"] = json!({"title": "flowcd/shop", "summary": "x"});
        assert_eq!(sent(), [look.clone(), format!("PATCH {runs}/6 {body}")]);
    }
}
