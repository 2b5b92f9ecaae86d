//! Sessions, user secrets, provider tokens.

use flowcd_model::{
    application::Provider,
    user::{NewProviderToken, UserSecretsPatch},
};
use serde_json::{Value, json};

use crate::support::*;

on_both! {
    async fn a_session_needs_its_csrf_token_to_change_anything(database) {
        let server = Server::start(database).await;
        let http = http();
        let login = http.post(server.url("/api/auth/account/login")).json(&json!({"username": "admin", "password": ADMIN_PASSWORD})).send().await.expect("an answer");
        assert_eq!(login.status(), 200);
        let cookie = login.headers()["set-cookie"].to_str().expect("text").to_owned();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        let pair = cookie.split(';').next().expect("a cookie").to_owned();
        let body: Value = login.json().await.expect("JSON");
        let csrf = body["data"]["csrfToken"].as_str().expect("a CSRF token").to_owned();
        let list = http.get(server.url("/api/flow/application/list")).header("cookie", &pair).send().await.expect("an answer");
        assert_eq!(list.status(), 200);
        let create = || http.post(server.url("/api/tokens/create")).header("cookie", &pair).json(&json!({"description": "x", "expiration": -1}));
        assert_eq!(create().send().await.expect("an answer").status(), 403);
        assert_eq!(create().header("x-csrf-token", "0000").send().await.expect("an answer").status(), 403);
        assert_eq!(create().header("x-csrf-token", &csrf).header("origin", "https://evil.example").send().await.expect("an answer").status(), 403);
        assert_eq!(create().header("x-csrf-token", &csrf).send().await.expect("an answer").status(), 200);
        let out = http.post(server.url("/api/user/loginout")).header("cookie", &pair).header("x-csrf-token", &csrf).send().await.expect("an answer");
        assert_eq!(out.status(), 200);
        let list = http.get(server.url("/api/flow/application/list")).header("cookie", &pair).send().await.expect("an answer");
        assert_eq!(list.status(), 401);
        server.stop().await;
    }
}

on_both! {
    async fn guessing_is_answered_alike_and_then_slowed_down(database) {
        let server = Server::start(database).await;
        let http = http();
        let guess = async |username: &str| {
            let answer = http.post(server.url("/api/auth/account/login")).json(&json!({"username": username, "password": "wrong"})).send().await.expect("an answer");
            (answer.status().as_u16(), answer.headers().contains_key("retry-after"), answer.json::<Value>().await.expect("JSON")["message"].clone())
        };
        let (known, unknown) = (guess("admin").await, guess("nobody-here").await);
        assert_eq!(known.0, 401);
        assert_eq!(known, unknown);
        let mut is_slowed = false;
        for _ in 0..40 {
            let (status, has_retry_after, _) = guess("admin").await;
            if status == 429 {
                assert!(has_retry_after);
                is_slowed = true;
                break;
            }
        }
        assert!(is_slowed);
        server.stop().await;
    }
}

on_both! {
    async fn what_is_secret_goes_in_and_never_comes_out(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let canary = "canary-value-that-must-not-leak";
        let secrets = |name: &str| flowcd_model::secret::Secrets([(name.to_owned(), canary.to_owned())].into());
        client.update_user_secrets(&UserSecretsPatch { secrets: secrets("FIRST"), is_added: false, removed: Vec::new() }).await.expect("kept");
        client.update_user_secrets(&UserSecretsPatch { secrets: secrets("SECOND"), is_added: true, removed: Vec::new() }).await.expect("kept");
        let names: Vec<_> = client.list_user_secrets().await.expect("the names").0.into_keys().collect();
        assert_eq!(names, ["FIRST", "SECOND"]);
        let token = NewProviderToken { token: canary.to_owned(), provider: Provider::Github, url: None, username: Some("octocat".to_owned()), check_token: Some(false) };
        client.update_provider_token(&token).await.expect("kept");
        let info = client.get_user_info().await.expect("the user");
        assert!(info.has_github_token);
        assert_eq!(info.github_name, "octocat");
        let mut new = application("demo", "https://github.com/acme/demo.git");
        new.provider = Provider::Github;
        new.trigger_spec = serde_json::from_value(json!({"github": {"secret": canary, "events": [{"eventName": "push"}]}})).expect("a trigger");
        new.secrets = secrets("THIRD");
        let app = client.create_application(&new).await.expect("made").id;
        let token = server.token("admin", -1).await;
        for path in [
            "/api/flow/application/list".to_owned(),
            format!("/api/flow/application/detail?id={app}"),
            "/api/user/globalSecrets".to_owned(),
            "/api/tokens/list".to_owned(),
        ] {
            let text = http().get(server.url(&path)).header("cd_token", &token).send().await.expect("an answer").text().await.expect("text");
            assert!(!text.contains(canary), "{path}: {text}");
        }
        let data = server.data.path().to_owned();
        server.stop().await;
        for (path, bytes) in files_below(&data) {
            let is_leaked = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
            assert!(!is_leaked, "{}", path.display());
        }
    }
}

#[test]
fn a_data_folder_that_is_spelt_wrong_does_not_become_a_second_server() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("absent");
    let run = |arguments: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_flowcd-server"))
            .args(arguments)
            .arg("--data-dir")
            .arg(&data)
            .output()
            .expect("flowcd-server starts")
    };
    let listed = run(&["user", "list"]);
    let text = String::from_utf8_lossy(&listed.stderr);
    assert_eq!(listed.status.code(), Some(1), "{text}");
    assert!(text.contains("there is no database at"), "{text}");
    assert!(!data.exists());
    assert!(run(&["migrate"]).status.success());
    assert!(run(&["user", "list"]).status.success());
}
