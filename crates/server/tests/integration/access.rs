//! Who may do what: a matrix over every operation of the API's own description.

use std::collections::BTreeSet;

use flowcd_model::{envelope::Code, id::TokenId, token::NewToken};
use serde_json::{Value, json};

use crate::support::*;

/// The operations that anybody may call. A new one is a decision, and so a change of this list.
const PUBLIC: [&str; 8] = [
    "GET /healthz",
    "GET /metrics",
    "GET /openapi.json",
    "GET /readyz",
    "GET /version",
    "POST /api/auth/account/login",
    // What hosts send is signed, and without a good signature nothing happens.
    "POST /api/common/webhookTriggered",
    "POST /api/hooks/{appId}",
];

/// The operations for administrators. A new one is a decision, too.
const FOR_ADMINS: [&str; 3] = [
    "GET /api/users/list",
    "POST /api/users/create",
    "POST /api/users/update",
];

struct Operation {
    name: String,
    method: reqwest::Method,
    path: String,
    query: Vec<String>,
    has_body: bool,
}

fn operations() -> Vec<Operation> {
    let document: Value =
        serde_json::from_str(&flowcd_server::openapi_json().expect("the document")).expect("JSON");
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("methods") {
            let query = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|parameter| parameter["in"] == "query")
                .filter_map(|parameter| parameter["name"].as_str().map(str::to_owned))
                .collect();
            let method = method.to_uppercase();
            found.push(Operation {
                name: format!("{method} {path}"),
                method: method.parse().expect("a method"),
                path: path.clone(),
                query,
                has_body: operation["requestBody"].is_object(),
            });
        }
    }
    assert!(
        found.len() > 25,
        "only {} operations are described",
        found.len()
    );
    found
}

on_both! {
    async fn every_operation_refuses_strangers_and_expired_tokens(database) {
        let server = Server::start(database).await;
        let expired = server.token("admin", 1).await;
        within("the expiry", async {
            while server.client(&expired).list_applications().await.is_ok() {}
        }).await;
        let http = http();
        let mut open = BTreeSet::new();
        for operation in operations() {
            for alias in [operation.path.clone(), operation.path.replacen("/api/flow/", "/api/", 1)] {
                for token in [None, Some("0123456789abcdefghij0123456789abcdefghij"), Some(expired.as_str())] {
                    let mut request = http.request(operation.method.clone(), server.url(&alias));
                    if let Some(token) = token {
                        request = request.header("cd_token", token);
                    }
                    if operation.has_body {
                        request = request.json(&json!({}));
                    }
                    let answer = request.send().await.expect("an answer");
                    if answer.status() == 401 && operation.name != "POST /api/auth/account/login" {
                        let problem: Value = answer.json().await.expect("JSON");
                        assert_eq!(problem["code"], "NeedLogin", "{}", operation.name);
                    } else {
                        open.insert(operation.name.clone());
                    }
                }
            }
        }
        let open: Vec<&str> = open.iter().map(String::as_str).collect();
        assert_eq!(open, PUBLIC, "what anybody may call has changed");
        server.stop().await;
    }
}

on_both! {
    async fn what_is_another_users_looks_like_what_is_not_there(database) {
        let server = Server::start(database).await;
        let owner = server.admin().await;
        let other_token = {
            server.user("mallory").await;
            server.token("mallory", -1).await
        };
        let repo = Repo::with_pipeline("steps:\n  - run: echo private\n");
        let app = create_app(&owner, &repo).await;
        let task = deploy(&owner, &app).await.id;
        let token: TokenId = owner.create_token(&NewToken { description: String::new(), expiration: -1 }).await.expect("minted").id;
        let http = http();
        let mut n_checked = 0;
        for operation in operations() {
            let absent = ids(&operation, "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa");
            let foreign = ids(&operation, app.as_str(), task.as_str(), token.as_str());
            let (Some(absent), Some(foreign)) = (absent, foreign) else { continue };
            let call = async |(query, body): (Vec<(String, String)>, Value)| {
                let mut request = http.request(operation.method.clone(), server.url(&operation.path)).header("cd_token", &other_token).query(&query);
                if operation.has_body {
                    request = request.json(&body);
                }
                let answer = request.send().await.expect("an answer");
                let status = answer.status().as_u16();
                // A message may name what was asked for.
                let text = [app.as_str(), task.as_str(), token.as_str()]
                    .iter()
                    .fold(answer.text().await.expect("text"), |text, id| text.replace(id, "aaaaaaaaaaaaaaaa"));
                let mut body: Value = serde_json::from_str(&text).expect("JSON");
                if let Some(object) = body.as_object_mut() {
                    object.remove("requestId");
                }
                (status, body)
            };
            let (of_absent, of_foreign) = (call(absent).await, call(foreign).await);
            let is_empty_list = operation.name == "GET /api/flow/task/list" && of_foreign.0 == 200;
            assert!(of_foreign.0 == 404 || is_empty_list, "{}: {of_foreign:?}", operation.name);
            assert_eq!(of_absent, of_foreign, "{}", operation.name);
            n_checked += 1;
        }
        assert!(n_checked >= 12, "only {n_checked} operations name something of a user's");
        // And nothing was changed.
        assert_eq!(owner.get_task(&task).await.expect("it is still there").id, task);
        assert!(owner.list_tokens().await.expect("the list").iter().any(|listed| listed.id == token));
        owner.get_application(&app).await.expect("it is still there");
        server.stop().await;
    }
}

/// The query and body that name something of a user's; `None` where the operation names nothing.
fn ids(
    operation: &Operation,
    app: &str,
    task: &str,
    token: &str,
) -> Option<(Vec<(String, String)>, Value)> {
    let mut query = Vec::new();
    for name in &operation.query {
        match name.as_str() {
            "appId" | "id" => query.push((name.clone(), app.to_owned())),
            "taskId" => query.push((name.clone(), task.to_owned())),
            "stepCount" => query.push((name.clone(), "1".to_owned())),
            "ref" => query.push((name.clone(), "refs/heads/main".to_owned())),
            _ => {}
        }
    }
    let body = match operation.path.as_str() {
        "/api/flow/application/update" => json!({"appId": app, "description": "stolen"}),
        "/api/flow/dispatch/manual" => json!({"appId": app, "ref": "refs/heads/main"}),
        "/api/flow/dispatch/redeploy" | "/api/flow/dispatch/cancel" | "/api/flow/task/remove" => {
            json!({"taskId": task})
        }
        "/api/tokens/delete" => json!({"id": token}),
        "/api/tokens/update" => json!({"id": token, "expiration": -1}),
        _ if query.is_empty() => return None,
        _ => Value::Null,
    };
    Some((query, body))
}

on_both! {
    async fn what_is_for_administrators_refuses_everybody_else(database) {
        let server = Server::start(database).await;
        server.user("mallory").await;
        let token = server.token("mallory", -1).await;
        let mallory = server.client(&token).get_user_info().await.expect("the user");
        assert!(!mallory.is_admin);
        let http = http();
        let mut refused = BTreeSet::new();
        for operation in operations() {
            let body = match operation.path.as_str() {
                "/api/users/create" => json!({"username": "second", "password": "a-long-password", "isAdmin": true}),
                "/api/users/update" => json!({"id": mallory.id, "isAdmin": true}),
                _ => json!({}),
            };
            let mut request = http.request(operation.method.clone(), server.url(&operation.path)).header("cd_token", &token);
            if operation.has_body {
                request = request.json(&body);
            }
            let answer = request.send().await.expect("an answer");
            if answer.status() == 403 {
                let problem: Value = answer.json().await.expect("JSON");
                assert_eq!(problem["code"], "NoPermission", "{}", operation.name);
                refused.insert(operation.name.clone());
            }
        }
        let refused: Vec<&str> = refused.iter().map(String::as_str).collect();
        assert_eq!(refused, FOR_ADMINS, "what only administrators may do has changed");
        let users = server.admin().await.list_users().await.expect("the list");
        let admins: Vec<&str> = users.iter().filter(|user| user.is_admin).map(|user| user.username.as_str()).collect();
        assert_eq!((users.len(), admins), (2, vec!["admin"]));
        server.stop().await;
    }
}

on_both! {
    async fn a_disabled_user_is_out_at_once(database) {
        let server = Server::start(database).await;
        let client = server.user("leaver").await;
        client.list_applications().await.expect("it works");
        server.running.store().disable_user("leaver").await.expect("the database answers");
        let error = client.list_applications().await.expect_err("no more");
        assert_eq!(error.code(), Some(Code::NeedLogin));
        server.stop().await;
    }
}
