//! Sessions, user secrets, provider tokens.

use flowcd_client::{Client, Error};
use flowcd_model::{
    application::Provider,
    envelope::Code,
    user::{Login, NewProviderToken, NewUser, PasswordChange, User, UserPatch, UserSecretsPatch},
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

const NEW_PASSWORD: &str = "wrong-zebra-charger-clip";

fn change(old: &str, new: &str) -> PasswordChange {
    PasswordChange {
        old_password: old.to_owned(),
        new_password: new.to_owned(),
    }
}

async fn log_in(server: &Server, username: &str, password: &str) -> Result<Client, Error> {
    let login = Login {
        username: username.to_owned(),
        password: password.to_owned(),
    };
    let client = Client::builder(server.running.url())
        .expect("a good URL")
        .retries(0);
    client.build().expect("a client").login(&login).await
}

/// The status and the field of a refusal.
fn refusal(error: &Error) -> (u16, Option<&str>) {
    let api = error.api().expect("an answer of the server");
    (api.status, api.field.as_deref())
}

on_both! {
    async fn a_password_is_changed_by_whoever_knows_it_and_his_other_sessions_end(database) {
        let server = Server::start(database).await;
        let (present, other) = (log_in(&server, "admin", ADMIN_PASSWORD).await.expect("in"), log_in(&server, "admin", ADMIN_PASSWORD).await.expect("in"));
        let by_token = server.admin().await;
        let bystander = server.user("bystander").await;
        for (given, field) in [
            (change("not-the-password", NEW_PASSWORD), "oldPassword"),
            (change(&"x".repeat(5_000), NEW_PASSWORD), "oldPassword"),
            (change(ADMIN_PASSWORD, "too-short"), "newPassword"),
            (change(ADMIN_PASSWORD, &"x".repeat(4_097)), "newPassword"),
        ] {
            for client in [&present, &by_token] {
                let error = client.change_password(&given).await.expect_err("refused");
                assert_eq!(refusal(&error), (422, Some(field)));
            }
        }
        other.get_user_info().await.expect("nothing has changed");

        present.change_password(&change(ADMIN_PASSWORD, NEW_PASSWORD)).await.expect("changed");
        present.get_user_info().await.expect("this session stays");
        by_token.get_user_info().await.expect("tokens stay");
        let error = other.get_user_info().await.expect_err("the other session has ended");
        assert_eq!(error.code(), Some(Code::NeedLogin));
        let error = log_in(&server, "admin", ADMIN_PASSWORD).await.expect_err("refused");
        assert_eq!(error.code(), Some(Code::NeedLogin));

        by_token.change_password(&change(NEW_PASSWORD, ADMIN_PASSWORD)).await.expect("changed");
        let error = present.get_user_info().await.expect_err("a token is no session that could stay");
        assert_eq!(error.code(), Some(Code::NeedLogin));
        bystander.get_user_info().await.expect("that is somebody else's business");
        server.stop().await;
    }
}

on_both! {
    async fn guessing_the_old_password_is_slowed_down_as_if_it_were_at_the_login(database) {
        let server = Server::start(database).await;
        let http = http();
        let token = server.token("admin", -1).await;
        let mut is_slowed = false;
        for _ in 0..40 {
            let body = json!({"oldPassword": "wrong", "newPassword": NEW_PASSWORD});
            let answer = http.post(server.url("/api/user/changePassword")).header("cd_token", &token).json(&body).send().await.expect("an answer");
            if answer.status() == 429 {
                assert!(answer.headers().contains_key("retry-after"));
                is_slowed = true;
                break;
            }
            assert_eq!(answer.status(), 422);
        }
        assert!(is_slowed);
        let error = log_in(&server, "admin", ADMIN_PASSWORD).await.expect_err("refused");
        assert_eq!(error.status(), Some(429));
        server.stop().await;
    }
}

on_both! {
    async fn an_administrator_makes_changes_and_shuts_out_users(database) {
        let server = Server::start(database).await;
        let admin = server.admin().await;
        assert!(admin.get_user_info().await.expect("the user").is_admin);
        let new = |username: &str, password: &str| NewUser { username: username.to_owned(), password: password.to_owned(), is_admin: false };
        let alice = admin.create_user(&new("alice", "a-password-for-alice")).await.expect("made");
        assert!(!alice.is_admin && !alice.is_disabled);
        for (given, expected) in [
            (new("alice", "a-password-for-alice"), (409, Some("username"))),
            (new("al ice", "a-password-for-alice"), (422, Some("username"))),
            (new("bob", "too-short"), (422, Some("password"))),
        ] {
            let error = admin.create_user(&given).await.expect_err("refused");
            assert_eq!(refusal(&error), expected, "{given:?}");
        }
        let listed = admin.list_users().await.expect("the list");
        let names: Vec<(&str, bool)> = listed.iter().map(|user| (user.username.as_str(), user.is_admin)).collect();
        assert_eq!(names, [("admin", true), ("alice", false)]);

        let session = log_in(&server, "alice", "a-password-for-alice").await.expect("in");
        let by_token = server.client(&server.token("alice", -1).await);
        let error = session.list_users().await.expect_err("she is no administrator");
        assert_eq!(error.code(), Some(Code::NoPermission));
        let patch = |user: &User| UserPatch::new(user.id.clone());
        admin.update_user(&UserPatch { is_admin: Some(true), ..patch(&alice) }).await.expect("promoted");
        assert_eq!(session.list_users().await.expect("she is one at once").len(), 2);
        admin.update_user(&UserPatch { is_admin: Some(false), ..patch(&alice) }).await.expect("demoted");
        assert!(session.list_users().await.is_err());

        admin.update_user(&UserPatch { is_disabled: Some(true), ..patch(&alice) }).await.expect("disabled");
        for client in [&session, &by_token] {
            let error = client.get_user_info().await.expect_err("out at once");
            assert_eq!(error.code(), Some(Code::NeedLogin));
        }
        assert!(log_in(&server, "alice", "a-password-for-alice").await.is_err());
        let given = UserPatch { is_disabled: Some(false), password: Some("another-for-alice".to_owned()), ..patch(&alice) };
        admin.update_user(&given).await.expect("enabled");
        by_token.get_user_info().await.expect("tokens come back");
        assert!(session.get_user_info().await.is_err(), "sessions do not");
        log_in(&server, "alice", "another-for-alice").await.expect("in");
        let absent = UserPatch::new("aaaaaaaaaaaaaaaa".parse().expect("an id"));
        let error = admin.update_user(&absent).await.expect_err("nobody");
        assert_eq!(error.code(), Some(Code::NotFound));
        server.stop().await;
    }
}

on_both! {
    async fn an_administrator_neither_shuts_himself_out_nor_ends_the_last_one(database) {
        let server = Server::start(database).await;
        let admin = server.admin().await;
        let own = UserPatch::new(admin.get_user_info().await.expect("the user").id);
        for (given, field) in [
            (UserPatch { is_disabled: Some(true), ..own.clone() }, "isDisabled"),
            (UserPatch { is_admin: Some(false), ..own.clone() }, "isAdmin"),
            (UserPatch { password: Some(NEW_PASSWORD.to_owned()), ..own.clone() }, "password"),
        ] {
            let error = admin.update_user(&given).await.expect_err("refused");
            assert_eq!(refusal(&error), (422, Some(field)), "{given:?}");
        }
        admin.update_user(&UserPatch { is_admin: Some(true), is_disabled: Some(false), ..own.clone() }).await.expect("as it was");
        assert!(admin.list_users().await.is_ok());
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
fn the_operator_makes_administrators_beside_the_server() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let run = |arguments: &[&str], input: &str| {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_flowcd-server"))
            .args(arguments)
            .arg("--data-dir")
            .arg(data.path())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("flowcd-server starts");
        let mut stdin = child.stdin.take().expect("its input");
        // One that does not ask for it may have ended already.
        _ = std::io::Write::write_all(&mut stdin, input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let ok = |arguments: &[&str]| assert!(run(arguments, "a-long-password\n").0, "{arguments:?}");
    let roles = || {
        let (_, list) = run(&["user", "list"], "");
        let roles = list.lines().map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            assert_eq!(columns.len(), 5, "{line}");
            format!("{} {} {}", columns[0], columns[2], columns[3])
        });
        roles.collect::<Vec<_>>()
    };
    ok(&["migrate"]);
    ok(&["user", "create", "root", "--admin", "--password-stdin"]);
    ok(&["user", "create", "alice", "--password-stdin"]);
    assert_eq!(roles(), ["alice user enabled", "root admin enabled"]);
    ok(&["user", "promote", "alice"]);
    ok(&["user", "demote", "root"]);
    ok(&["user", "disable", "alice"]);
    assert_eq!(roles(), ["alice admin disabled", "root user enabled"]);
    assert!(!run(&["user", "promote", "nobody"], "").0);
    assert!(
        !run(
            &["user", "create", "bob", "--password-stdin"],
            "too-short\n"
        )
        .0
    );
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
