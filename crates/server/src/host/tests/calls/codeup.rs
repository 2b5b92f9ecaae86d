//! Codeup.

use flowcd_model::application::Provider;
use serde_json::{Value, json};

use super::{Subject, commit, removed};
use crate::host::{
    CommitState,
    api::Api,
    codeup,
    tests::{HOOK_URL, SECRET, SHA, TOKEN, webhook},
};

#[tokio::test]
async fn every_call_to_a_regional_edition_is_as_documented() {
    let mut at = Subject::new(Provider::Codeup, "team");
    let sent = |at: &Subject| at.sent(("x-yunxiao-token", TOKEN), None);
    at.on(
        "GET /oapi/v1/platform/user",
        json!({"id": "99d1", "name": "Ada", "username": "ada"}),
    );
    assert_eq!(at.whoami().await.login, "ada");
    let repositories = "/oapi/v1/codeup/repositories";
    let repository = |id: u32, level: Value| {
        json!({"id": id, "name": "商店", "path": "shop",
        "pathWithNamespace": "team/shop", "webUrl": "https://me.rdc.aliyuncs.com/team/shop", "visibility": "private",
        "description": null, "avatarUrl": "https://a/7", "archived": false, "accessLevel": level})
    };
    at.on(
        &format!("GET {repositories}"),
        json!([
            repository(1, "40".into()),
            repository(2, 30.into()),
            repository(3, 20.into()),
            repository(4, Value::Null)
        ]),
    );
    let shop =
        "team shop https://me.rdc.aliyuncs.com/team/shop.git private \"\" \"\" \"https://a/7\"";
    let own = [
        format!("1 {shop}"),
        format!("2 {shop}"),
        format!("4 {shop}"),
    ];
    assert_eq!(at.repositories(None).await, own);
    let path = format!("{repositories}/team%2Fshop");
    at.on(
        &format!("GET {path}/branches"),
        json!([{"name": "main", "commit": {"id": SHA}}]),
    );
    assert_eq!(at.branches().await, [format!("main {SHA}")]);
    assert_eq!(
        sent(&at),
        [
            "GET /oapi/v1/platform/user".to_owned(),
            format!("GET {repositories}?archived=false&perPage=100&page=1"),
            format!("GET {path}/branches?perPage=100&page=1"),
        ]
    );

    let hooks = format!("{path}/webhooks");
    let body = json!({"url": HOOK_URL, "token": SECRET, "enableSslVerification": true, "pushEvents": true,
        "tagPushEvents": true, "mergeRequestsEvents": true, "noteEvents": false});
    at.on(&format!("GET {hooks}"), json!([]));
    at.on(&format!("POST {hooks}"), json!({"id": 3}));
    assert_eq!(at.install(&webhook()).await, "3");
    at.on(
        &format!("GET {hooks}"),
        json!([{"id": 3, "url": HOOK_URL, "token": "x"}]),
    );
    at.on(&format!("PUT {hooks}/3"), json!({"result": true}));
    assert_eq!(at.install(&webhook()).await, "3");
    assert_eq!(
        sent(&at),
        [
            format!("GET {hooks}?perPage=100&page=1"),
            format!("POST {hooks} {body}"),
            format!("GET {hooks}?perPage=100&page=1"),
            format!("PUT {hooks}/3 {body}"),
        ]
    );
    removed(&at, &hooks, "perPage=100&page=1", || sent(&at)).await;

    at.repo.id = Some("42".to_owned());
    let by_id = format!("{repositories}/42");
    let ours = json!({"id": SHA, "message": "Sell\n\nmore", "authorName": "Ada", "authorEmail": "ada@example.com"});
    at.on(&format!("GET {by_id}/commits/{SHA}"), ours.clone());
    at.on(
        &format!("GET {by_id}/branches/main"),
        json!({"name": "main", "commit": ours}),
    );
    assert_eq!(at.commit(SHA).await, commit("Ada", ""));
    assert_eq!(at.commit("main").await, commit("Ada", ""));
    assert_eq!(
        sent(&at),
        [
            format!("GET {by_id}/commits/{SHA}"),
            format!("GET {by_id}/branches/main")
        ]
    );
    let statuses = format!("{by_id}/commits/{SHA}/statuses");
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
            "targetUrl": "https://cd.example.com/tasks/1"});
        assert_eq!(sent(&at), [format!("POST {statuses} {body}")]);
    }
}

#[tokio::test]
async fn calls_to_the_central_edition_name_the_organization() {
    let at = Subject::new(Provider::Codeup, "60de/team");
    let mut account = at.account.clone();
    account.origin = "https://codeup.aliyun.com".to_owned();
    let mut api = Api::new(&at.hosts, &account).expect("a good account");
    api.base = format!("{}/oapi/v1", at.host.origin())
        .parse()
        .expect("a URL");
    at.on(
        "GET /oapi/v1/platform/organizations",
        json!([{"id": "60de", "name": "ACME"}, {"id": "70de"}]),
    );
    let organizations = codeup::list_organizations(&api).await.expect("it answers");
    assert_eq!(organizations[0].org, "60de");
    let repository = |id: u32, level: u32| {
        json!({"id": id, "pathWithNamespace": "60de/team/shop",
        "webUrl": "https://codeup.aliyun.com/60de/team/shop", "visibility": "public", "accessLevel": level})
    };
    at.on(
        "GET /oapi/v1/codeup/organizations/60de/repositories",
        json!([repository(1, 30)]),
    );
    at.on(
        "GET /oapi/v1/codeup/organizations/70de/repositories",
        json!([repository(2, 40)]),
    );
    let all = codeup::list_repositories(&api, None)
        .await
        .expect("it answers");
    let told = |one: &flowcd_model::provider::HostRepository| {
        (one.id.clone(), one.owner.clone(), one.private)
    };
    let team = "60de/team".to_owned();
    assert_eq!(
        all.iter().map(told).collect::<Vec<_>>(),
        [
            ("1".to_owned(), team.clone(), false),
            ("2".to_owned(), team, false)
        ]
    );
    let own = codeup::list_repositories(&api, Some("60de")).await;
    assert_eq!(own.expect("it answers").len(), 0);
    at.on(
        "GET /oapi/v1/codeup/organizations/60de/repositories/60de%2Fteam%2Fshop/branches",
        json!([]),
    );
    let branches = codeup::list_branches(&api, &at.repo).await;
    assert_eq!(branches.expect("it answers").len(), 0);
    let list = "archived=false&perPage=100&page=1";
    assert_eq!(at.sent(("x-yunxiao-token", TOKEN), None), [
        "GET /oapi/v1/platform/organizations?perPage=100&page=1".to_owned(),
        "GET /oapi/v1/platform/organizations?perPage=100&page=1".to_owned(),
        format!("GET /oapi/v1/codeup/organizations/60de/repositories?{list}"),
        format!("GET /oapi/v1/codeup/organizations/70de/repositories?{list}"),
        format!("GET /oapi/v1/codeup/organizations/60de/repositories?{list}"),
        "GET /oapi/v1/codeup/organizations/60de/repositories/60de%2Fteam%2Fshop/branches?perPage=100&page=1".to_owned(),
    ]);
}
