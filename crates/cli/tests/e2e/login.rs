//! Logging in, and the profiles that come of it.

use std::os::unix::fs::PermissionsExt;

use crate::support::{Outcome, PASSWORD, Server, end, end_with_input, flowcd};

#[tokio::test(flavor = "multi_thread")]
async fn a_password_makes_a_profile_that_works_until_the_logout() -> Outcome {
    let server = Server::start().await;
    let home = server.path("home");
    let args = [
        "login",
        server.url(),
        "--username",
        "admin",
        "--password-stdin",
    ];
    let ended = end_with_input(&mut flowcd(&home, &args), &format!("{PASSWORD}\n")).await;
    assert_eq!(ended.data(), "");
    assert!(ended.stderr.contains("as admin"), "{ended:?}");
    let file = home.join("config/flowcd/profiles.toml");
    assert_eq!(
        std::fs::metadata(&file)?.permissions().mode() & 0o777,
        0o600
    );

    let listed = end(&mut flowcd(&home, &["token", "list", "--output", "json"])).await;
    let n_tokens = listed.json().as_array().map(Vec::len);
    assert_eq!(n_tokens, Some(2), "{listed:?}");
    end(&mut flowcd(&home, &["logout"])).await.data();
    let refused = end(&mut flowcd(&home, &["token", "list"])).await;
    assert_eq!(refused.code, Some(3), "{refused:?}");
    // The token went with the profile.
    let left = server.run(&["token", "list", "--output", "json"]).await;
    assert_eq!(left.json().as_array().map(Vec::len), Some(1), "{left:?}");
    server.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_makes_a_profile_under_a_name() -> Outcome {
    let server = Server::start().await;
    let home = server.path("home");
    let login = ["login", server.url(), "--token-stdin", "--profile", "work"];
    let ended = end_with_input(&mut flowcd(&home, &login), server.token()).await;
    assert_eq!(ended.data(), "");
    // A second log-in changes nothing.
    end_with_input(&mut flowcd(&home, &login), server.token())
        .await
        .data();
    let listed = end(&mut flowcd(&home, &["app", "list", "--profile", "work"])).await;
    assert_eq!(listed.data(), "");
    let other = end(&mut flowcd(&home, &["app", "list", "--profile", "play"])).await;
    assert_eq!(other.code, Some(3), "{other:?}");
    server.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_3_and_leave_no_profile() -> Outcome {
    let server = Server::start().await;
    let home = server.path("home");
    let args = [
        "login",
        server.url(),
        "--username",
        "admin",
        "--password-stdin",
    ];
    let ended = end_with_input(&mut flowcd(&home, &args), "wrong-password\n").await;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("hint: try again"), "{ended:?}");
    assert!(!ended.stderr.contains("wrong-password"), "{ended:?}");
    let args = ["login", server.url(), "--token-stdin"];
    let ended = end_with_input(&mut flowcd(&home, &args), "unknown\n").await;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(!home.join("config/flowcd/profiles.toml").exists());
    server.stop().await;
    Ok(())
}
