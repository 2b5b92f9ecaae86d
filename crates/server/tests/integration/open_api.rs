//! The published Open API, called with nothing but what its document says, and its fields, names and types.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::*;

struct Caller {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Caller {
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header("cd_token", &self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(
            (status.as_u16(), &body["success"]),
            (200, &json!(true)),
            "{path}: {body}"
        );
        body["data"].clone()
    }
}

/// Checks that `object` has these fields, of these types; `?` marks one that may be missing.
fn check_fields(object: &Value, fields: &[(&str, &str)]) {
    for (name, kind) in fields {
        let (name, is_optional) = name
            .strip_suffix('?')
            .map_or((*name, false), |name| (name, true));
        let value = &object[name];
        let found = match value {
            Value::Null => "absent",
            Value::Bool(_) => "bool",
            Value::Number(number) if number.is_i64() => "int",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        assert!(
            found == *kind || (is_optional && found == "absent"),
            "{name} is {found}, expected {kind}: {object}"
        );
    }
}

on_both! {
    async fn the_published_calls_work_with_the_published_parameters(database) {
        let server = Server::start(database).await;
        let caller = Caller { http: http(), base: server.running.url().to_owned(), token: server.token("admin", -1).await };
        let repo = Repo::with_pipeline("steps:\n  - run: test ! -e wait || sleep 1000\n");
        let created = caller.call(Method::POST, "/api/flow/application/create", Some(json!({
            "repo": "hello", "owner": "acme", "repo_url": repo.url(), "provider_repo_id": "1296269", "provider": "github",
            "description": "greets",
            "trigger_spec": {"github": {"secret": "s", "events": [{"eventName": "push", "filter": "body.ref in [\"refs/heads/main\"]", "template": "serverless-pipeline.yaml"}]}},
            "secrets": {"KEY": "value-of-key"},
        }))).await;
        check_fields(&created, &[("id", "string")]);
        let app = created["id"].as_str().expect("an id");

        let list = caller.call(Method::GET, "/api/flow/application/list", None).await;
        assert_eq!(list.as_array().map(Vec::len), Some(1));
        let detail = caller.call(Method::GET, &format!("/api/flow/application/detail?id={app}"), None).await;
        for object in [&list[0], &detail] {
            check_fields(object, &[
                ("id", "string"), ("user_id", "string"), ("provider", "string"), ("provider_repo_id", "string"),
                ("repo_name", "string"), ("owner", "string"), ("repo_url", "string"), ("description", "string"),
                ("trigger_spec", "object"), ("secrets", "object"), ("created_time", "int"), ("updated_time", "int"),
            ]);
            assert_eq!(object["secrets"], json!({"KEY": "***"}));
            assert_eq!(object["trigger_spec"]["github"]["events"][0]["eventName"], "push");
        }

        let manual = caller.call(Method::POST, "/api/flow/dispatch/manual", Some(json!({"appId": app, "ref": "refs/heads/main"}))).await;
        check_fields(&manual, &[("taskId", "string")]);
        let first = manual["taskId"].as_str().expect("a task id").to_owned();
        let client = server.client(&caller.token);
        finished(&client, &first.parse().expect("an id")).await;
        let task = caller.call(Method::GET, &format!("/api/flow/task/get?taskId={first}"), None).await;
        check_fields(&task, &[
            ("id", "string"), ("user_id", "string"), ("app_id", "string"), ("status", "string"), ("steps", "array"),
            ("message", "string"), ("commit", "string"), ("ref", "string"), ("branch", "string"), ("owner", "string"),
            ("created_time", "int"), ("updated_time", "int"),
        ]);
        check_fields(&task["steps"][1], &[("run", "string"), ("stepCount", "string"), ("status", "string"), ("process_time", "number")]);
        let detail = caller.call(Method::GET, &format!("/api/flow/application/detail?id={app}"), None).await;
        check_fields(&detail["latest_task"], &[
            ("taskId", "string"), ("commit", "string"), ("message", "string"), ("ref", "string"), ("completed", "bool"), ("status", "string"),
        ]);
        let page = caller.call(Method::GET, &format!("/api/flow/task/list?appId={app}&currentPage=1&pageSize=10"), None).await;
        check_fields(&page, &[("result", "array"), ("totalCount", "int")]);
        let log = caller.call(Method::GET, &format!("/api/flow/task/log?taskId={first}&stepCount=0"), None).await;
        assert!(log.is_string(), "{log}");

        let redeployed = caller.call(Method::POST, "/api/flow/dispatch/redeploy", Some(json!({"taskId": first}))).await;
        check_fields(&redeployed, &[("taskId", "string")]);
        finished(&client, &redeployed["taskId"].as_str().expect("an id").parse().expect("an id")).await;

        repo.commit(&[("wait", "")], "Wait");
        let third = caller.call(Method::POST, "/api/flow/dispatch/manual", Some(json!({"appId": app, "ref": "refs/heads/main", "inputs": {"a": 1}}))).await;
        let third = third["taskId"].as_str().expect("a task id").to_owned();
        let cancelled = caller.call(Method::POST, "/api/flow/dispatch/cancel", Some(json!({"taskId": third}))).await;
        assert_eq!(cancelled, json!({}));
        finished(&client, &third.parse().expect("an id")).await;

        let updated = caller.call(Method::POST, "/api/flow/application/update", Some(json!({"appId": app, "provider": "github", "trigger_spec": {"github": {"push": {"branches": {"prefix": []}}}}}))).await;
        assert_eq!(updated, json!({}));
        let deleted = caller.call(Method::DELETE, &format!("/api/flow/application/delete?appId={app}"), None).await;
        check_fields(&deleted, &[("message", "string")]);
        server.stop().await;
    }
}

on_both! {
    async fn the_documents_own_example_works_on_both_prefixes(database) {
        let server = Server::start(database).await;
        let caller = Caller { http: http(), base: server.running.url().to_owned(), token: server.token("admin", -1).await };
        let body = json!({"appId": "k2y8pb8rn1gi2v0n", "ref": "refs/heads/master"});
        assert_eq!(caller.call(Method::POST, "/api/application/list", Some(body)).await, json!([]));
        assert_eq!(caller.call(Method::GET, "/api/application/list", None).await, json!([]));
        assert_eq!(caller.call(Method::GET, "/api/flow/application/list", None).await, json!([]));
        server.stop().await;
    }
}

on_both! {
    async fn a_trigger_of_either_generation_is_taken_and_an_unknown_shape_names_its_field(database) {
        let server = Server::start(database).await;
        let token = server.token("admin", -1).await;
        let http = http();
        let mut n_apps = 0;
        let mut create = async |trigger: Value| {
            n_apps += 1;
            let body = json!({"repo": "r", "owner": "o", "repo_url": "https://github.com/o/r.git", "provider_repo_id": n_apps, "provider": "github", "trigger_spec": trigger});
            let answer = http.post(server.url("/api/flow/application/create")).header("cd_token", &token).json(&body).send().await.expect("an answer");
            let status = answer.status().as_u16();
            let body: Value = answer.json().await.expect("JSON");
            (status, body["field"].as_str().map(str::to_owned), body["message"].as_str().map(str::to_owned))
        };
        for good in [
            json!({}),
            json!({"github": {"events": [{"eventName": "push"}, {"eventName": "release", "filter": "body.action == 'published'", "template": "release.yaml"}]}}),
            json!({"github": {"push": {"branches": {"precise": ["main"], "exclude": ["dev*"]}, "tags": {"include": ["v*"]}}}}),
            json!({"github": {"pr": {"branches": {"prefix": ["release"]}}}}),
            json!({"github": {"pull_request": {"types": ["opened", "merged"], "branches": {"precise": [{"target": "main", "source": "dev"}]}}}}),
        ] {
            let (status, field, message) = create(good.clone()).await;
            assert_eq!((status, field), (200, None), "{good}: {message:?}");
        }
        for (bad, expected) in [
            (json!({"github": {"event": []}}), "trigger_spec.github"),
            (json!({"github": {"events": [{"eventNam": "push"}]}}), "trigger_spec.github.events[0]"),
            (json!({"github": {"events": [{"eventName": ""}]}}), "trigger_spec.github.events[0].eventName"),
            (json!({"github": {"events": [{"eventName": "push", "template": "../x.yaml"}]}}), "trigger_spec.github.events[0].template"),
            (json!({"github": {"pull_request": {"types": ["stolen"]}}}), "trigger_spec.github.pull_request.types[0]"),
            (json!({"bitbucket": {}}), "trigger_spec"),
            (json!([]), "trigger_spec"),
        ] {
            let (status, field, message) = create(bad.clone()).await;
            assert!(matches!(status, 400 | 422), "{bad}: {status}");
            assert!(field.as_deref().is_some_and(|field| field.starts_with(expected)), "{bad}: {field:?} {message:?}");
        }
        server.stop().await;
    }
}

#[test]
fn the_committed_document_is_the_one_the_code_makes() {
    let committed = include_str!("../../../../openapi/openapi.json");
    assert_eq!(
        committed,
        flowcd_server::openapi_json().expect("the document"),
        "run `cargo xtask openapi`"
    );
}

#[test]
fn every_operation_is_described() {
    let document: Value =
        serde_json::from_str(&flowcd_server::openapi_json().expect("the document")).expect("JSON");
    assert_eq!(
        document["openapi"]
            .as_str()
            .and_then(|version| version.get(..3)),
        Some("3.1")
    );
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("methods") {
            let name = format!("{method} {path}");
            for key in ["summary", "operationId"] {
                assert!(
                    operation[key].as_str().is_some_and(|text| !text.is_empty()),
                    "{name} has no {key}"
                );
            }
            assert!(
                operation["tags"]
                    .as_array()
                    .is_some_and(|tags| !tags.is_empty()),
                "{name} has no tag"
            );
            let answers = operation["responses"].as_object().expect("answers");
            assert!(answers.contains_key("200"), "{name} has no good answer");
            if path.starts_with("/api/") && !path.contains("login") {
                assert!(
                    answers.contains_key("401") && answers.contains_key("500"),
                    "{name} hides its error answers"
                );
                assert!(
                    operation["security"]
                        .as_array()
                        .is_some_and(|security| !security.is_empty()),
                    "{name} names no security"
                );
            }
        }
    }
}
