//! What goes wrong, and that nothing secret is told of it.

use std::time::Duration;

use flowcd_model::application::Provider;
use serde_json::json;

use super::{
    HOOK_URL, SECRET, SHA, TOKEN, account,
    fake::{Answer, FakeHost},
    hosts, hosts_within, repo, webhook,
};
use crate::host::{
    Account, HostError, HostSettings, Hosts,
    address::GuardedResolver,
    api::{Api, base},
};

const USER: &str = "GET /api/v3/user";

/// What `whoami` makes of an answer of GitHub's, in words, with what to do about it.
async fn check(answer: Answer, expected: &str) {
    let host = FakeHost::start();
    host.answer(USER, answer);
    let err = hosts().whoami(&account(Provider::Github, &host)).await;
    let err = err.expect_err("it is refused");
    let when = match (err.is_temporary(), err.retry_after()) {
        (false, None) => "never".to_owned(),
        (true, None) => "later".to_owned(),
        (true, Some(wait)) => format!("in {} s", wait.as_secs()),
        (false, Some(_)) => panic!("never, and when: {err}"),
    };
    let told = err.to_string().replace(&host.origin(), "HOST");
    assert_eq!(format!("{told} [{when}]"), expected);
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    check(
        Answer::status(401).body(r#"{"message": "Bad credentials"}"#),
        "HOST does not take the token: it is wrong, expired or revoked [never]",
    )
    .await;
    check(
        Answer::status(403).body(r#"{"message": "Resource not accessible"}"#),
        "HOST does not let this account do that: Resource not accessible [never]",
    )
    .await;
    check(
        Answer::status(404),
        "HOST has no account, or hides it from this account [never]",
    )
    .await;
    check(
        Answer::status(422).body(
            json!({
                "message": "Validation Failed",
                "errors": [{"resource": "Hook", "field": "url", "code": "invalid"}, {"message": "no\nmore"}],
            })
            .to_string(),
        ),
        "HOST refused with status 422: Validation Failed: url invalid; no more [never]",
    )
    .await;
    check(
        Answer::status(422).body(r#"{"message": {"url": ["is blocked"]}}"#),
        r#"HOST refused with status 422: {"url":["is blocked"]} [never]"#,
    )
    .await;
    check(
        Answer::status(400).body(r#"{"errorCode": "X", "errorMessage": "参数错误"}"#),
        "HOST refused with status 400: 参数错误 [never]",
    )
    .await;
    check(
        Answer::status(409).body("<html>"),
        "HOST refused with status 409: conflict [never]",
    )
    .await;
    check(
        Answer::status(500).body(r#"{"message": "do not tell"}"#),
        "HOST failed with status 500 [later]",
    )
    .await;
    check(Answer::status(408), "HOST failed with status 408 [later]").await;
}

#[tokio::test]
async fn a_host_that_was_asked_too_often_says_when_to_come_back() {
    let told = "HOST was asked too often by this account";
    let in_40 = (std::time::SystemTime::now() + Duration::from_secs(40))
        .duration_since(std::time::UNIX_EPOCH)
        .expect("it is after 1970");
    for (answer, when) in [
        (Answer::status(429), "later"),
        (Answer::status(429).header("retry-after", "17"), "in 17 s"),
        (Answer::status(403).header("retry-after", "17"), "in 17 s"),
        (
            Answer::status(429).header("retry-after", "999999"),
            "in 3600 s",
        ),
        (
            Answer::status(403)
                .header("x-ratelimit-remaining", "0")
                .header("x-ratelimit-reset", "1"),
            "in 0 s",
        ),
    ] {
        check(answer, &format!("{told} [{when}]")).await;
    }
    let host = FakeHost::start();
    host.answer(
        USER,
        Answer::status(403)
            .header("x-ratelimit-remaining", "0")
            .header("x-ratelimit-reset", in_40.as_secs().to_string()),
    );
    let err = hosts().whoami(&account(Provider::Github, &host)).await;
    let wait = err.expect_err("it is refused").retry_after();
    let wait = wait.expect("it says when").as_secs();
    assert!((20..=40).contains(&wait), "{wait}");
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_told_without_its_content() {
    let expected = "HOST answered something else than expected";
    check(
        Answer::status(200).body("<html>sorry</html>"),
        &format!("{expected}: no JSON at line 1 column 1 [never]"),
    )
    .await;
    check(
        Answer::json(json!({"login": ["canary"], "id": 1})),
        &format!("{expected}: another kind of value at line 1 column 9 [never]"),
    )
    .await;
    check(
        Answer::status(200).body(vec![b' '; (8 << 20) + 1]),
        &format!("{expected}: more than 8 MiB [never]"),
    )
    .await;
}

#[tokio::test]
async fn a_host_that_is_not_there_or_slow_is_tried_again_later() {
    let host = FakeHost::start();
    host.answer(USER, Answer::json(json!({})).after(Duration::from_secs(10)));
    let slow = hosts_within(Duration::from_millis(200));
    let err = slow.whoami(&account(Provider::Github, &host)).await;
    let err = err.expect_err("it is too slow");
    assert!(err.is_temporary());
    assert!(err.to_string().ends_with(": it took too long"), "{err}");

    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let origin = format!("http://{}", free.local_addr().expect("it has an address"));
    drop(free);
    let account = Account {
        origin,
        ..account(Provider::Github, &host)
    };
    let err = hosts().whoami(&account).await;
    let err = err.expect_err("nobody is there");
    assert!(err.is_temporary());
    assert!(err.to_string().contains("refused"), "{err}");
}

#[tokio::test]
async fn a_token_does_not_follow_a_redirect() {
    let (host, other) = (FakeHost::start(), FakeHost::start());
    for status in [301, 302, 307, 308] {
        let elsewhere = format!("{}/api/v3/user?token={SECRET}", other.origin());
        host.answer(USER, Answer::status(status).header("location", elsewhere));
        let err = hosts().whoami(&account(Provider::Github, &host)).await;
        let err = err.expect_err("it is not followed");
        assert!(!err.is_temporary());
        assert!(err.to_string().contains("something renamed"), "{err}");
        assert!(!format!("{err:?}").contains(SECRET));
    }
    assert_eq!(other.requests().len(), 0);
}

#[tokio::test]
async fn no_error_tells_a_secret_even_when_the_host_does() {
    let host = FakeHost::start();
    let text = format!("no {TOKEN} and {SECRET}, ").repeat(30);
    for (status, request) in [
        (422, "POST /api/v3/repos/ada/shop/hooks"),
        (403, "POST /api/v3/repos/ada/shop/hooks"),
        (422, "GET /api/v3/repos/ada/shop/hooks"),
    ] {
        host.answer("GET /api/v3/repos/ada/shop/hooks", Answer::json(json!([])));
        let body = json!({"message": text}).to_string();
        host.answer(request, Answer::status(status).body(body));
        let account = account(Provider::Github, &host);
        let err = hosts()
            .install_webhook(&account, &repo("ada"), &webhook())
            .await;
        let err = err.expect_err("it is refused");
        let told = format!("{err} {err:?}");
        assert!(told.contains("no *** and ***"), "{told}");
        assert!(!told.contains("canary"), "{told}");
        assert!(err.to_string().chars().count() < 400, "{told}");
    }
    let account = account(Provider::Github, &host);
    let api = Api::new(&hosts(), &account).expect("a good account");
    let told = format!("{account:?} {:?} {api:?}", webhook());
    assert!(!told.contains("canary"), "{told}");
    let unsendable = Account {
        token: "canary\n".into(),
        ..account
    };
    let err = hosts().whoami(&unsendable).await.expect_err("no token");
    assert!(matches!(err, HostError::Unauthorized { .. }));
}

#[tokio::test]
async fn addresses_that_only_serve_machines_are_not_asked() {
    let host = FakeHost::start();
    let check = async |hosts: &Hosts, origin: &str, expected: &str| {
        let account = Account {
            origin: origin.to_owned(),
            ..account(Provider::Gitea, &host)
        };
        let err = hosts.whoami(&account).await.expect_err(origin);
        assert!(!err.is_temporary(), "{err}");
        assert!(err.to_string().contains(expected), "{origin}: {err}");
    };
    let forbidden = "link-local or metadata";
    for origin in [
        "http://169.254.169.254",
        "http://2852039166",
        "http://[fe80::1]",
        "http://[::ffff:169.254.169.254]",
        "http://100.100.100.200",
        "http://metadata.google.internal",
    ] {
        check(&hosts(), origin, forbidden).await;
    }
    let resolving = |look_up| {
        let settings = HostSettings {
            is_http_allowed: true,
        };
        let resolver = GuardedResolver::new(look_up);
        Hosts::with(settings, Duration::from_secs(5), resolver).expect("HTTP works")
    };
    // A name that leads there, alone or beside a good address.
    let alone = resolving(|_| Box::pin(async { Ok(vec![([169, 254, 169, 254], 0).into()]) }));
    check(&alone, "http://git.example.com", forbidden).await;
    let beside = resolving(|_| {
        Box::pin(async {
            Ok(vec![
                ([127, 0, 0, 1], 0).into(),
                ([169, 254, 1, 1], 0).into(),
            ])
        })
    });
    check(&beside, "http://git.example.com", forbidden).await;

    let good = resolving(|_| Box::pin(async { Ok(vec![([127, 0, 0, 1], 0).into()]) }));
    host.answer(
        "GET /api/v1/user",
        Answer::json(json!({"login": "ada", "id": 7})),
    );
    let account = Account {
        origin: format!("http://git.example.com:{}", host.port),
        ..account(Provider::Gitea, &host)
    };
    assert_eq!(
        good.whoami(&account).await.expect("it answers").login,
        "ada"
    );

    let closed = Hosts::new(HostSettings::default());
    check(&closed, &host.origin(), "plain http").await;
    for origin in [
        "ftp://git.example.com",
        "https://git.example.com/path",
        "https://user:pass@git.example.com",
        "git.example.com",
    ] {
        check(&hosts(), origin, "is not asked").await;
    }
}

#[tokio::test]
async fn names_cannot_lead_elsewhere_in_an_api() {
    let host = FakeHost::start();
    let account = account(Provider::Github, &host);
    for (owner, commit) in [
        ("..", SHA),
        ("", SHA),
        (".", SHA),
        ("ada", ".."),
        ("ada", ""),
    ] {
        let err = hosts().get_commit(&account, &repo(owner), commit).await;
        let err = err.expect_err("no such thing");
        assert!(matches!(err, HostError::NotFound { .. }), "{err}");
    }
    assert_eq!(host.requests().len(), 0);
    for (commit, expected) in [
        ("../../user", "/commits/..%2F..%2Fuser?per_page=1"),
        ("%2e%2e", "/commits/%252e%252e?per_page=1"),
        ("a?b#c d", "/commits/a%3Fb%23c%20d?per_page=1"),
    ] {
        let err = hosts().get_commit(&account, &repo("ada"), commit).await;
        assert!(matches!(err, Err(HostError::NotFound { .. })));
        let requests = host.requests();
        let target = &requests[0].target;
        assert_eq!(*target, format!("/api/v3/repos/ada/shop{expected}"));
    }
}

#[tokio::test]
async fn a_plain_repository_has_no_api() {
    let host = FakeHost::start();
    let account = account(Provider::Git, &host);
    let err = hosts()
        .remove_webhook(&account, &repo("ada"), HOOK_URL, None)
        .await;
    let err = err.expect_err("there is none");
    assert_eq!(err.to_string(), "a host of the kind git has no API");
}

#[test]
fn each_host_has_its_api_somewhere_else() {
    for (provider, origin, expected) in [
        (
            Provider::Github,
            "https://github.com",
            "https://api.github.com/",
        ),
        (
            Provider::Github,
            "https://ghe.example.com",
            "https://ghe.example.com/api/v3",
        ),
        (
            Provider::Gitee,
            "https://gitee.com",
            "https://gitee.com/api/v5",
        ),
        (
            Provider::Gitlab,
            "https://gitlab.com",
            "https://gitlab.com/api/v4",
        ),
        (
            Provider::Gitea,
            "https://codeberg.org",
            "https://codeberg.org/api/v1",
        ),
        (
            Provider::Codeup,
            "https://codeup.aliyun.com",
            "https://openapi-rdc.aliyuncs.com/oapi/v1",
        ),
        (
            Provider::Codeup,
            "https://me.devops.aliyuncs.com",
            "https://me.devops.aliyuncs.com/oapi/v1",
        ),
    ] {
        let base = base(provider, origin.parse().expect("a URL")).expect("it has one");
        assert_eq!(base.as_str(), expected);
    }
}
