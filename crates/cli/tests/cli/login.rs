//! Profiles: made by `login`, used by every command, removed by `logout`.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::json;

use crate::{
    Outcome, TOKEN, flowcd, run,
    stand_in::{Answer, Request, StandIn, data, json_answer, problem},
};

fn serve(_: usize, request: &Request) -> Answer {
    match request.target.as_str() {
        "/api/auth/account/login" => json_answer(
            200,
            "set-cookie: flowcd_session=s3ss; HttpOnly\r\n",
            &json!({"success": true, "data": {"csrfToken": "c5rf"}}),
        ),
        "/api/tokens/create" => data(
            &json!({"id": "token000", "cd_token": TOKEN, "expire_time": 9_000_000_000_000_i64}),
        ),
        "/api/user/loginout" | "/api/tokens/delete" => data(&json!({})),
        _ if request.header("cd_token") != Some(TOKEN) => problem(401, "NeedLogin", ""),
        "/api/user/userInfo" => data(&json!({
            "id": "user0000", "username": "admin", "isAuth": false, "github_name": "", "providerTokens": [],
            "created_time": 0, "updated_time": 0,
        })),
        _ => data(&json!([])),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_login_is_kept_where_only_its_owner_reads_it() -> Outcome {
    let stand_in = StandIn::start(serve).await?;
    let home = tempfile::tempdir()?;
    let ended = run(flowcd(home.path())
        .args(["login", &stand_in.url, "--token-stdin"])
        .write_stdin(format!("{TOKEN}\n")))?;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("as admin"), "{ended:?}");
    let file = home.path().join("config/flowcd/profiles.toml");
    assert_eq!(fs::metadata(&file)?.permissions().mode() & 0o777, 0o600);
    assert_eq!(
        fs::metadata(home.path().join("config/flowcd"))?
            .permissions()
            .mode()
            & 0o777,
        0o700
    );

    let ended = run(flowcd(home.path()).args(["app", "list"]))?;
    assert_eq!(ended.code, Some(0), "{ended:?}");

    fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;
    let ended = run(flowcd(home.path()).args(["app", "list"]))?;
    assert!(ended.stderr.contains("other users can read"), "{ended:?}");

    let ended = run(flowcd(home.path()).args(["logout"]))?;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!fs::read_to_string(&file)?.contains(TOKEN));
    assert_eq!(
        run(flowcd(home.path()).args(["app", "list"]))?.code,
        Some(3)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_that_the_server_does_not_take_is_not_kept() -> Outcome {
    let stand_in = StandIn::start(serve).await?;
    let home = tempfile::tempdir()?;
    let ended = run(flowcd(home.path())
        .args(["login", &stand_in.url])
        .env("FLOWCD_TOKEN", "other"))?;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(!home.path().join("config/flowcd/profiles.toml").exists());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_password_makes_a_token_and_logout_deletes_it() -> Outcome {
    let stand_in = StandIn::start(serve).await?;
    let home = tempfile::tempdir()?;
    let login = [
        "login",
        &stand_in.url,
        "--username",
        "admin",
        "--password-stdin",
    ];
    let ended = run(flowcd(home.path()).args(login).write_stdin("pass word\n"))?;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let requests = stand_in.requests();
    assert_eq!(
        requests[0].body,
        r#"{"username":"admin","password":"pass word"}"#
    );
    assert_eq!(requests[1].header("x-csrf-token"), Some("c5rf"));
    assert_eq!(requests[2].target, "/api/user/loginout");

    run(flowcd(home.path()).args(["logout"]))?;
    let last = stand_in.requests().pop().ok_or("a request")?;
    assert_eq!(
        (last.target.as_str(), last.body.as_str()),
        ("/api/tokens/delete", r#"{"id":"token000"}"#)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_profiles_token_does_not_go_to_another_server() -> Outcome {
    let stand_in = StandIn::start(serve).await?;
    let other = StandIn::start(serve).await?;
    let home = tempfile::tempdir()?;
    run(flowcd(home.path())
        .args(["login", &stand_in.url, "--token-stdin"])
        .write_stdin(TOKEN))?;
    let ended = run(flowcd(home.path()).args(["app", "list", "--url", &other.url]))?;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(other.requests().is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn profiles_are_kept_apart_and_the_last_login_is_used() -> Outcome {
    let stand_in = StandIn::start(serve).await?;
    let home = tempfile::tempdir()?;
    run(flowcd(home.path())
        .args(["login", &stand_in.url, "--token-stdin", "--profile", "one"])
        .write_stdin(TOKEN))?;
    assert_eq!(
        run(flowcd(home.path()).args(["app", "list"]))?.code,
        Some(0)
    );
    assert_eq!(
        run(flowcd(home.path()).args(["app", "list", "--profile", "two"]))?.code,
        Some(3)
    );
    assert_eq!(
        run(flowcd(home.path())
            .args(["app", "list"])
            .env("FLOWCD_PROFILE", "one"))?
        .code,
        Some(0)
    );
    Ok(())
}

#[test]
fn a_broken_profile_file_is_2_and_is_not_quoted() -> Outcome {
    let home = tempfile::tempdir()?;
    let folder = home.path().join("config/flowcd");
    fs::create_dir_all(&folder)?;
    fs::write(
        folder.join("profiles.toml"),
        format!("[profiles.default]\nurl = 1\ntoken = \"{TOKEN}\n"),
    )?;
    let ended = run(flowcd(home.path()).args(["app", "list"]))?;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("profiles.toml"), "{ended:?}");
    Ok(())
}

#[test]
fn a_login_without_a_terminal_says_how() -> Outcome {
    let home = tempfile::tempdir()?;
    let ended = run(flowcd(home.path()).args(["login", "http://127.0.0.1:1"]))?;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("--token-stdin"), "{ended:?}");
    Ok(())
}
