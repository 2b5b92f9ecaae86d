//! GitLab.

use flowcd_model::application::Provider;
use serde_json::json;

use super::{Subject, commit, removed};
use crate::host::{
    CommitState,
    tests::{HOOK_URL, SECRET, SHA, TOKEN, fake::Answer, webhook},
};

#[tokio::test]
async fn every_call_is_as_gitlab_documents_it() {
    let mut at = Subject::new(Provider::Gitlab, "group/sub");
    let sent = |at: &Subject| at.sent(("private-token", TOKEN), None);
    at.on(
        "GET /api/v4/user",
        json!({"username": "ada", "id": 7, "avatar_url": null}),
    );
    assert_eq!(at.whoami().await.login, "ada");
    let projects = json!([{"id": 1, "name": "The Shop", "path": "shop", "visibility": "internal",
        "namespace": {"full_path": "group/sub", "avatar_url": "/uploads/a.png"}, "description": "sells",
        "default_branch": null, "http_url_to_repo": "https://gitlab.com/group/sub/shop.git"}]);
    at.on("GET /api/v4/projects", projects.clone());
    at.on("GET /api/v4/groups/group%2Fsub/projects", projects);
    let shop = format!(
        "1 group/sub shop https://gitlab.com/group/sub/shop.git private \"sells\" \"\" \"{}/uploads/a.png\"",
        at.host.origin()
    );
    assert_eq!(at.repositories(None).await, [shop.as_str()]);
    assert_eq!(at.repositories(Some("group/sub")).await, [shop]);
    at.on(
        "GET /api/v4/groups",
        json!([{"id": 9, "full_path": "group/sub"}]),
    );
    assert_eq!(at.organizations().await, ["9 group/sub"]);
    let project = "/api/v4/projects/group%2Fsub%2Fshop";
    at.on(
        &format!("GET {project}/repository/branches"),
        json!([{"name": "main", "commit": {"id": SHA}}]),
    );
    assert_eq!(at.branches().await, [format!("main {SHA}")]);
    assert_eq!(
        sent(&at),
        [
            "GET /api/v4/user",
            "GET /api/v4/projects?min_access_level=30&membership=true&archived=false&per_page=100&page=1",
            "GET /api/v4/groups/group%2Fsub/projects?min_access_level=40&include_subgroups=true&with_shared=false&archived=false&per_page=100&page=1",
            "GET /api/v4/groups?min_access_level=10&per_page=100&page=1",
            "GET /api/v4/projects/group%2Fsub%2Fshop/repository/branches?per_page=100&page=1",
        ]
    );

    let hooks = format!("{project}/hooks");
    let body = json!({"url": HOOK_URL, "token": SECRET, "enable_ssl_verification": true, "push_events": true,
        "tag_push_events": true, "merge_requests_events": true, "releases_events": true});
    at.on(
        &format!("GET {hooks}"),
        json!([{"id": 1, "url": "https://other"}]),
    );
    at.on(&format!("POST {hooks}"), json!({"id": 3}));
    assert_eq!(at.install(&webhook()).await, "3");
    at.on(&format!("GET {hooks}"), json!([{"id": 3, "url": HOOK_URL}]));
    at.on(&format!("PUT {hooks}/3"), json!({"id": 3}));
    assert_eq!(at.install(&webhook()).await, "3");
    assert_eq!(
        sent(&at),
        [
            format!("GET {hooks}?per_page=100&page=1"),
            format!("POST {hooks} {body}"),
            format!("GET {hooks}?per_page=100&page=1"),
            format!("PUT {hooks}/3 {body}"),
        ]
    );
    removed(&at, &hooks, "per_page=100&page=1", || sent(&at)).await;

    // By its id, once that is known.
    at.repo.id = Some("42".to_owned());
    at.on(
        "GET /api/v4/projects/42/repository/commits/a%2Fb",
        json!({"id": SHA, "message": "Sell\n\nmore",
        "author_name": "Ada", "author_email": "ada@example.com"}),
    );
    assert_eq!(at.commit("a/b").await, commit("Ada", ""));
    let statuses = format!("/api/v4/projects/42/statuses/{SHA}");
    at.on(&format!("POST {statuses}"), json!({"id": 1}));
    sent(&at);
    for (state, word) in [
        (CommitState::Pending, "pending"),
        (CommitState::Running, "running"),
        (CommitState::Success, "success"),
        (CommitState::Failure, "failed"),
        (CommitState::Cancelled, "canceled"),
    ] {
        at.status(state, "x").await;
        let body = json!({"state": word, "name": "flowcd/shop", "description": "x",
            "target_url": "https://cd.example.com/tasks/1"});
        assert_eq!(sent(&at), [format!("POST {statuses} {body}")]);
    }
    let twice = r#"{"message": "Cannot transition status via :run from :running (Reason(s): ..)"}"#;
    at.host
        .answer(&format!("POST {statuses}"), Answer::status(400).body(twice));
    at.status(CommitState::Running, "x").await;
}
