//! The plugins that are built in.

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    git_http::{GitHttp, GitHttpOptions},
    http_server::HttpServer,
    npm_registry::Packages,
    repository::{Repository, parse_url},
    runner::{Ran, Runner},
    smtp_server::SmtpServer,
};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

// -- Cache.

const CACHING: &str = "
steps:
  - plugin: '@serverless-cd/cache'
    id: cache
    inputs:
      key: deps-${{ hashFile('lock') }}
      restore-keys: deps-
      path: [deps, ~/.store]
  - run: cat deps/built ~/.store/item || { mkdir -p deps ~/.store; cp lock deps/built; echo kept > ~/.store/item; }
  - run: echo hit=${{ steps.cache.outputs['cache-hit'] }} of=${{ steps.cache.outputs['cache-matched-key'] }}
";

/// A run of an application whose caches are in `caches`.
async fn cached(pipeline: &str, caches: &Path, lock: &str) -> Ran {
    let mut runner = Runner::of_pipeline(pipeline);
    fs::write(runner.folder().join("lock"), lock).expect("it is written");
    runner.job.plugins.caches = caches.to_owned();
    let ran = runner.run().await;
    assert_eq!(
        ran.outcome.status.as_str(),
        "success",
        "{}",
        ran.everything()
    );
    ran
}

#[tokio::test]
async fn what_a_run_cached_is_there_in_the_next_one() {
    let caches = folder();
    let ran = cached(CACHING, caches.path(), "one").await;
    assert!(
        ran.log(1).starts_with("Nothing is cached for `deps-"),
        "{}",
        ran.log(1)
    );
    assert_eq!(ran.log(3), "hit=false of=\n");
    assert!(ran.log(4).starts_with("Saved `deps-"), "{}", ran.log(4));

    let ran = cached(CACHING, caches.path(), "one").await;
    assert!(ran.log(1).contains(": 2 files, 8 bytes"), "{}", ran.log(1));
    assert_eq!(ran.log(2), "onekept\n");
    assert!(ran.log(3).starts_with("hit=true of=deps-"));
    assert!(ran.log(4).contains("is not saved again"), "{}", ran.log(4));

    // Another lock file: what was built for the last one is a start, and what comes of it is saved.
    let ran = cached(CACHING, caches.path(), "two").await;
    assert_eq!(ran.log(2), "onekept\n");
    assert!(ran.log(3).starts_with("hit=false of=deps-"));
    assert!(ran.log(4).starts_with("Saved `deps-"));
    let ran = cached(CACHING, caches.path(), "two").await;
    assert!(ran.log(3).starts_with("hit=true of=deps-"));
}

#[tokio::test]
async fn applications_do_not_see_each_others_caches() {
    let (caches, others) = (folder(), folder());
    cached(CACHING, caches.path(), "one").await;
    let ran = cached(CACHING, others.path(), "one").await;
    assert_eq!(ran.log(3), "hit=false of=\n");
}

#[tokio::test]
async fn nothing_is_cached_by_a_run_that_failed() {
    let caches = folder();
    let pipeline = "
steps:
  - plugin: '@serverless-cd/cache'
    inputs: {key: k, path: deps}
  - run: mkdir deps && exit 1
";
    let mut runner = Runner::of_pipeline(pipeline);
    runner.job.plugins.caches = caches.path().to_owned();
    let ran = runner.run().await;
    assert_eq!(ran.statuses(), "success failure success -> failure");
    assert_eq!(
        ran.log(3),
        "Nothing is saved, because the task did not succeed\n"
    );
}

#[tokio::test]
async fn a_cache_that_is_set_up_wrong_is_a_warning_and_no_failure() {
    for (inputs, error) in [
        ("{path: deps}", "the input `key` is missing"),
        ("{key: k}", "the input `path` is missing"),
        (
            "{key: k, path: /etc}",
            "the path `/etc` is neither in the workspace nor in the run's home",
        ),
        (
            "{key: k, path: ../../home}",
            "the path `../../home` is neither in the workspace nor in the run's home",
        ),
        ("{key: {a: 1}, path: deps}", "the input `key` is not a text"),
    ] {
        let pipeline = format!(
            "steps:\n  - plugin: '@serverless-cd/cache@1.0'\n    id: c\n    inputs: {inputs}\n  - run: echo hit=${{{{ steps.c.outputs['cache-hit'] }}}}\n"
        );
        let ran = Runner::of_pipeline(&pipeline).run().await;
        assert_eq!(
            ran.statuses(),
            "success success success -> success",
            "{}",
            ran.everything()
        );
        assert_eq!(
            ran.log(1),
            format!("Warning: the cache is not used: {error}\n")
        );
        assert_eq!(ran.outcome.steps[1].outputs["error"], error);
        assert_eq!(ran.log(2), "hit=false\n");
        assert!(
            ran.log(0)
                .contains("is built in; version 1.0 is not looked for")
        );
    }
}

#[tokio::test]
async fn what_was_cached_from_one_path_does_not_come_back_to_another() {
    let caches = folder();
    let pipeline = |paths: &str, run: &str| {
        format!(
            "steps:\n  - plugin: '@serverless-cd/cache'\n    inputs: {{key: k, path: {paths}}}\n  - run: {run}\n"
        )
    };
    let make = pipeline("[a, b]", "mkdir a b; echo A > a/f; echo B > b/f");
    cached(&make, caches.path(), "").await;
    let swapped = pipeline("[b, a]", "cat a/f b/f");
    let ran = cached(&swapped, caches.path(), "").await;
    assert_eq!(ran.log(2), "A\nB\n", "{}", ran.everything());
    let other = pipeline("c", "test ! -e c");
    let ran = cached(&other, caches.path(), "").await;
    assert_eq!(
        ran.log(1),
        "What is cached for `k` was saved from other paths\n"
    );
    assert_eq!(ran.outcome.steps[1].outputs["cache-hit"], false);
}

// -- Checkout.

#[tokio::test]
async fn on_a_folder_the_runs_own_checkout_is_there_already() {
    for inputs in [
        "{}",
        "{clone_url: '${{ git.clone_url }}', ref: refs/heads/main}",
    ] {
        let pipeline = format!(
            "steps:\n  - plugin: '@serverless-cd/checkout'\n    inputs: {inputs}\n  - run: ls\n"
        );
        let mut runner = Runner::of_pipeline(&pipeline);
        runner
            .job
            .contexts
            .git
            .insert("clone_url".to_owned(), "https://git.example.com/a/b".into());
        let ran = runner.run().await;
        assert!(
            ran.log(1).contains("nothing is checked out"),
            "{}",
            ran.everything()
        );
        assert_eq!(ran.log(2), "serverless-pipeline.yaml\n");
    }
}

#[tokio::test]
async fn another_repository_is_checked_out_into_a_folder() {
    let other = Repository::new();
    let first = other.commit("file", "first", "Add a file");
    other.git(&["tag", "v1"]);
    other.git(&["checkout", "--quiet", "-b", "next"]);
    other.commit("file", "second", "Change it");
    other.git(&["checkout", "--quiet", "main"]);
    let url = other.url();
    let pipeline = format!(
        "
steps:
  - plugin: '@serverless-cd/checkout'
    inputs: {{clone_url: '{url}', ref: refs/heads/next, exec_dir: a/b}}
  - plugin: '@serverless-cd/checkout'
    inputs: {{cloneUrl: '{url}', ref: refs/tags/v1, execDir: tagged}}
  - plugin: '@serverless-cd/checkout'
    inputs: {{clone_url: '{url}', commit: {first}, exec_dir: exact}}
  - plugin: '@serverless-cd/checkout'
    inputs: {{clone_url: '{url}'}}
  - run: cat a/b/file tagged/file exact/file app/file; git -C a/b log --format=%s; git -C a/b branch --show-current
"
    );
    let ran = Runner::of_pipeline(&pipeline).run().await;
    assert_eq!(
        ran.outcome.status.as_str(),
        "success",
        "{}",
        ran.everything()
    );
    assert_eq!(ran.log(5), "secondfirstfirstfirstChange it\nnext\n");
}

#[tokio::test]
async fn the_runs_own_repository_is_the_default_and_its_credential_stays_at_its_host() {
    let pipeline = "
steps:
  - run: echo dirty > left; rm serverless-pipeline.yaml
  - plugin: '@serverless-cd/checkout'
  - run: ls
  - plugin: '@serverless-cd/checkout'
    inputs: {ref: next, exec_dir: inner}
  - run: ls inner; grep -r s3cr3t .git inner/.git || echo clean
";
    let repository = Repository::with_pipeline(pipeline);
    let commit = repository.git(&["rev-parse", "HEAD"]);
    repository.git(&["checkout", "--quiet", "-b", "next"]);
    repository.commit("more", "", "Add more");
    let mut options = GitHttpOptions::new(repository.root());
    options.credential = Some(("ada".to_owned(), "s3cr3t-token".to_owned()));
    let server = GitHttp::start(options).await.expect("it starts");
    let ran = Runner::of_commit(parse_url(&server.url("app/.git")), &commit)
        .credential("ada", "s3cr3t-token")
        .run()
        .await;
    assert_eq!(
        ran.outcome.status.as_str(),
        "success",
        "{}",
        ran.everything()
    );
    assert_eq!(ran.log(3), "serverless-pipeline.yaml\n");
    assert_eq!(ran.log(5), "more\nserverless-pipeline.yaml\nclean\n");
    assert!(!ran.everything().contains("s3cr3t-token"));
}

#[tokio::test]
async fn a_token_opens_a_repository_and_is_told_to_nobody() {
    let repository = Repository::with_pipeline("steps: []");
    let mut options = GitHttpOptions::new(repository.root());
    options.credential = Some(("x-access-token".to_owned(), "t0ken-of-another".to_owned()));
    let server = GitHttp::start(options).await.expect("it starts");
    let url = server.url("app/.git");
    let pipeline = |token: &str| {
        format!(
            "steps:\n  - plugin: '@serverless-cd/checkout'\n    inputs: {{clone_url: '{url}', provider: github, \
             token: '{token}', exec_dir: x}}\n  - run: ls x; grep -r t0ken x || echo clean\n"
        )
    };
    let ran = Runner::of_pipeline(&pipeline("${{ secrets.TOKEN }}"))
        .secret("TOKEN", "t0ken-of-another")
        .run()
        .await;
    assert_eq!(
        ran.log(2),
        "serverless-pipeline.yaml\nclean\n",
        "{}",
        ran.everything()
    );
    let ran = Runner::of_pipeline(&pipeline("wrong")).run().await;
    assert_eq!(ran.statuses(), "failure skipped -> failure");
    assert!(ran.error(1).contains("refuses access"), "{}", ran.error(1));
}

#[tokio::test]
async fn a_checkout_stays_in_the_workspace_and_within_what_the_operator_allows() {
    let other = Repository::with_pipeline("steps: []");
    let url = other.url();
    let cases = [
        (
            format!("{{clone_url: '{url}', exec_dir: ../x}}"),
            "it is outside of the workspace",
        ),
        (
            format!("{{clone_url: '{url}', exec_dir: /tmp/x}}"),
            "it is outside of the workspace",
        ),
        (
            format!("{{clone_url: '{url}', exec_dir: out/x}}"),
            "a part of it is a link or a file",
        ),
        (
            format!("{{clone_url: '{url}', exec_dir: full}}"),
            "is not empty",
        ),
        (
            "{clone_url: 'ext::sh -c id'}".to_owned(),
            "cannot use the input `clone_url`",
        ),
        (
            format!("{{clone_url: '{url}', ref: '--upload-pack=id'}}"),
            "cannot use the input `ref`",
        ),
        (
            format!("{{clone_url: '{url}', commit: HEAD}}"),
            "a commit is 40 or 64 hexadecimal digits",
        ),
        (
            format!("{{clone_url: '{url}', ref: absent}}"),
            "has no `refs/heads/absent`",
        ),
        (
            "{exec_dir: x}".to_owned(),
            "the input `clone_url` is missing",
        ),
    ];
    for (inputs, error) in cases {
        let pipeline =
            format!("steps:\n  - plugin: '@serverless-cd/checkout'\n    inputs: {inputs}\n");
        let runner = Runner::of_pipeline(&pipeline);
        let folder = runner.folder();
        std::os::unix::fs::symlink("/tmp", folder.join("out")).expect("a link is made");
        fs::create_dir(folder.join("full")).expect("it is made");
        fs::write(folder.join("full/file"), "").expect("it is written");
        let ran = runner.run().await;
        assert!(ran.error(1).contains(error), "{inputs}: {}", ran.error(1));
    }
    let mut runner = Runner::of_pipeline(&format!(
        "steps:\n  - plugin: '@serverless-cd/checkout'\n    inputs: {{clone_url: '{url}'}}\n"
    ));
    runner.job.plugins.repositories.local = false;
    let ran = runner.run().await;
    assert!(
        ran.error(1).contains("local repositories are not allowed"),
        "{}",
        ran.error(1)
    );
}

// -- Webhooks.

async fn notify(server: &HttpServer, inputs: &str) -> Ran {
    let url = server.url("/robot/send?access_token=abcdef123");
    let pipeline = format!(
        "steps:\n  - plugin: '@serverless-cd/ding-talk'\n    id: it\n    inputs:\n      webhook: '{url}'\n{inputs}"
    );
    let mut runner = Runner::of_pipeline(&pipeline).secret("SIGN", "SECdeadbeef");
    let message = "Fix {{ process.exit() }} \"quotes\" ${{ secrets.SIGN }}";
    runner
        .job
        .contexts
        .git
        .insert("message".to_owned(), message.into());
    runner.run().await
}

#[tokio::test]
async fn a_message_reaches_the_chat_rendered_once() {
    let server = HttpServer::start(|_| (200, br#"{"errcode":0,"errmsg":"ok"}"#.to_vec())).await;
    let inputs = "      secret: '${{ secrets.SIGN }}'
      msgtype: markdown
      payload: {title: Deployed, text: '${{ git.message }}'}
      at: {isAtAll: true}
";
    let ran = notify(&server, inputs).await;
    assert_eq!(ran.statuses(), "success -> success", "{}", ran.everything());
    assert_eq!(ran.outcome.steps[1].outputs["status"], "success");
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    let request = &requests[0];
    assert_eq!(request.method, "POST");
    assert!(
        request
            .target
            .starts_with("/robot/send?access_token=abcdef123&timestamp=")
    );
    assert!(request.target.contains("&sign="));
    assert_eq!(request.header("content-type"), "application/json");
    let body: Value = serde_json::from_slice(&request.body).expect("it is JSON");
    assert_eq!(
        body,
        json!({
            "msgtype": "markdown",
            "markdown": {"title": "Deployed", "text": "Fix {{ process.exit() }} \"quotes\" ${{ secrets.SIGN }}"},
            "at": {"isAtAll": true},
        })
    );
    for secret in ["abcdef123", "SECdeadbeef"] {
        assert!(!ran.everything().contains(secret), "{}", ran.everything());
    }
}

#[tokio::test]
async fn half_a_secret_is_not_told_where_an_answer_is_cut() {
    let answer = format!("{} SECdeadbeef", "x".repeat(294));
    let server = HttpServer::start(move |_| (500, answer.clone().into_bytes())).await;
    let ran = notify(&server, "      payload: {content: hi}\n").await;
    assert_eq!(ran.statuses(), "failure -> failure");
    assert!(ran.error(1).ends_with("xx ***"), "{}", ran.error(1));
}

#[tokio::test]
async fn a_message_that_is_refused_fails_the_step() {
    for (status, answer, error) in [
        (
            200,
            r#"{"errcode":310000,"errmsg":"sign not match"}"#,
            "errcode 310000: sign not match",
        ),
        (
            500,
            "<html>\n broken </html>",
            "with status 500: <html> broken </html>",
        ),
        (302, "", "with status 302"),
    ] {
        let server = HttpServer::start(move |_| (status, answer.as_bytes().to_vec())).await;
        let ran = notify(&server, "      payload: {content: hi}\n").await;
        assert_eq!(ran.statuses(), "failure -> failure");
        assert!(
            ran.error(1).ends_with(error) || ran.error(1).contains(error),
            "{}",
            ran.error(1)
        );
        assert!(
            !ran.everything().contains("abcdef123"),
            "{}",
            ran.everything()
        );
    }
}

#[tokio::test]
async fn a_chat_that_cannot_be_reached_fails_the_step_without_its_token() {
    let server = HttpServer::start(|_| (200, Vec::new())).await;
    let url = server.url("/send?access_token=abcdef123");
    drop(server);
    for (webhook, error) in [
        (url.as_str(), "Connection refused"),
        ("abcdef123", "the input `webhook` is no address"),
        (
            "file:///etc/abcdef123",
            "the input `webhook` is no address over http or https",
        ),
        ("", "the input `webhook` is missing"),
        (
            "http://169.254.169.254/abcdef123",
            "the webhook's host is a link-local or metadata address, which is not allowed",
        ),
        (
            "http://[::ffff:169.254.169.254]/abcdef123",
            "the webhook's host is a link-local or metadata address, which is not allowed",
        ),
    ] {
        let pipeline = format!(
            "steps:\n  - plugin: '@serverless-cd/ding-talk'\n    inputs: {{webhook: '{webhook}', payload: hi}}\n"
        );
        let ran = Runner::of_pipeline(&pipeline).run().await;
        assert!(ran.error(1).contains(error), "{}", ran.error(1));
        assert!(!ran.error(1).contains("abcdef123"), "{}", ran.error(1));
    }
}

#[tokio::test]
async fn a_plain_webhook_gets_the_payload_as_it_is() {
    let server = HttpServer::start(|_| (204, Vec::new())).await;
    let ran = notify(
        &server,
        "      type: webhook\n      payload: {a: [1, two]}\n",
    )
    .await;
    assert_eq!(ran.statuses(), "success -> success", "{}", ran.everything());
    let body: Value = serde_json::from_slice(&server.requests()[0].body).expect("it is JSON");
    assert_eq!(body, json!({"a": [1, "two"]}));
}

// -- Mail.

async fn mail(server: &SmtpServer, config: &str, mail: &str) -> Ran {
    let pipeline = format!(
        "steps:\n  - plugin: '@serverless-cd/send-email'\n    inputs:\n      config: {{host: 127.0.0.1, port: {}, {config}}}\n      \
         mail: {{{mail}}}\n",
        server.port()
    );
    Runner::of_pipeline(&pipeline)
        .secret("PASS", "p4ssw0rd-of-mail")
        .run()
        .await
}

#[tokio::test]
async fn a_mail_is_sent_with_both_of_its_forms_to_everybody() {
    let server = SmtpServer::start(None).await;
    let ran = mail(
        &server,
        "pass: '${{ secrets.PASS }}', ignoreTLS: true",
        "from: 'Ada <ada@example.com>', to: 'a@example.com, b@example.com', cc: [c@example.com], \
         bcc: d@example.com, subject: Deployed, text: It works, html: '<b>It works</b>'",
    )
    .await;
    assert_eq!(ran.statuses(), "success -> success", "{}", ran.everything());
    assert_eq!(ran.outcome.steps[1].outputs["status"], "success");
    let said = server.said();
    let login = STANDARD.encode("\0ada@example.com\0p4ssw0rd-of-mail");
    for line in [
        &format!("AUTH PLAIN {login}"),
        "MAIL FROM:<ada@example.com>",
        "RCPT TO:<a@example.com>",
        "RCPT TO:<b@example.com>",
        "RCPT TO:<c@example.com>",
        "RCPT TO:<d@example.com>",
        "Subject: Deployed",
        "It works",
        "<b>It works</b>",
    ] {
        assert!(
            said.lines().any(|it| it.starts_with(line)),
            "{line}: {said}"
        );
    }
    assert!(said.contains("multipart/alternative"), "{said}");
    assert!(!said.contains("Bcc"), "{said}");
    assert!(!ran.everything().contains("p4ssw0rd-of-mail"));
}

#[tokio::test]
async fn a_mail_that_is_not_taken_fails_the_step() {
    let ok = "from: a@example.com, to: b@example.com, text: x";
    for (refuses, config, fields, error) in [
        (Some("RCPT"), "", ok, "refused by policy"),
        (
            Some("AUTH"),
            "pass: wrong, ignoreTLS: true",
            ok,
            "refused by policy",
        ),
        (None, "requireTLS: true", ok, "the mail was not sent"),
        (None, "secure: true", ok, "the mail was not sent"),
        (
            None,
            "",
            "from: a@example.com, text: x",
            "the input `mail.to` is missing",
        ),
        (
            None,
            "",
            "to: a@example.com",
            "the input `mail.from` is missing",
        ),
        (
            None,
            "",
            "from: a@example.com, to: 'nobody'",
            "`nobody` in the input `mail.to` is no mail address",
        ),
        (
            None,
            "",
            "from: a@example.com, to: \"b@example.com\\r\\nDATA\"",
            "is no mail address",
        ),
    ] {
        let server = SmtpServer::start(refuses).await;
        let ran = mail(&server, config, fields).await;
        assert_eq!(ran.statuses(), "failure -> failure", "{fields}");
        assert!(ran.error(1).contains(error), "{fields}: {}", ran.error(1));
        assert!(!server.said().contains("Subject"), "{}", server.said());
    }
}

#[tokio::test]
async fn a_password_is_not_sent_where_others_can_read_it() {
    let server = SmtpServer::start(None).await;
    let fields = "from: a@example.com, to: b@example.com, text: x";
    let ran = mail(&server, "pass: '${{ secrets.PASS }}'", fields).await;
    assert_eq!(ran.statuses(), "failure -> failure", "{}", ran.everything());
    assert!(
        ran.error(1).contains("`config.ignoreTLS`"),
        "{}",
        ran.error(1)
    );
    assert!(!server.said().contains("AUTH"), "{}", server.said());
}

#[tokio::test]
async fn a_subject_cannot_add_headers_to_a_mail() {
    let server = SmtpServer::start(None).await;
    let ran = mail(
        &server,
        "",
        "from: a@example.com, to: b@example.com, text: x, subject: \"a\\r\\nX-Evil: yes\\r\\n\\r\\nbody\"",
    )
    .await;
    assert_eq!(ran.statuses(), "success -> success", "{}", ran.everything());
    assert!(
        !server.said().lines().any(|line| line.starts_with("X-Evil")),
        "{}",
        server.said()
    );
}

#[tokio::test]
async fn a_cancel_ends_a_plugin_that_waits_for_somebody_else() {
    // A server that never answers: whoever is connected waits.
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await;
    let listener = listener.expect("a port is free");
    let port = listener.local_addr().expect("it has an address").port();
    for plugin in [
        format!(
            "'@serverless-cd/ding-talk'\n    inputs: {{webhook: 'http://127.0.0.1:{port}/', payload: x}}"
        ),
        format!(
            "'@serverless-cd/send-email'\n    inputs: {{config: {{host: 127.0.0.1, port: {port}}}, mail: {{from: a@b.c, to: d@e.f}}}}"
        ),
    ] {
        let runner = Runner::of_pipeline(&format!("steps:\n  - plugin: {plugin}\n"));
        let ran = runner.run_and_cancel_at("Sending a m").await;
        assert_eq!(
            ran.statuses(),
            "cancelled -> cancelled",
            "{}",
            ran.everything()
        );
    }
}

// -- Publishing.

#[tokio::test]
async fn a_package_is_published_and_the_projects_own_settings_stay() {
    let registry = Packages::default().serve().await;
    let pipeline = format!(
        "
steps:
  - plugin: '@serverless-cd/npm-publish'
    inputs:
      token: '${{{{ secrets.NPM }}}}'
      registry: {}
      codeDir: package
  - run: cat package/.npmrc; grep -r npm-t0ken package || echo clean
",
        registry.url("/")
    );
    let runner = Runner::of_pipeline(&pipeline).secret("NPM", "npm-t0ken-value");
    let package = runner.folder().join("package");
    fs::create_dir(&package).expect("it is made");
    fs::write(package.join(".npmrc"), "save-exact=true\n").expect("it is written");
    let manifest = json!({"name": "@team/published", "version": "1.2.3", "main": "index.js"});
    fs::write(package.join("package.json"), manifest.to_string()).expect("it is written");
    fs::write(package.join("index.js"), "").expect("it is written");
    let ran = runner.run().await;
    assert_eq!(
        ran.statuses(),
        "success success -> success",
        "{}",
        ran.everything()
    );
    assert_eq!(ran.log(2), "save-exact=true\nclean\n");
    let requests = registry.requests();
    let put = requests
        .iter()
        .find(|it| it.method == "PUT")
        .expect("it was published");
    assert_eq!(put.target, "/@team%2fpublished");
    assert_eq!(put.header("authorization"), "Bearer npm-t0ken-value");
    let body: Value = serde_json::from_slice(&put.body).expect("it is JSON");
    assert_eq!(body["dist-tags"]["latest"], "1.2.3");
    assert!(!ran.everything().contains("npm-t0ken-value"));
}

#[tokio::test]
async fn what_steps_have_set_does_not_reach_the_program_that_has_the_token() {
    let registry = Packages::default().serve().await;
    let pipeline = format!(
        "
steps:
  - run: echo 'npm_config_node_options=--require=./evil.js' >> $FLOWCD_ENV
  - plugin: '@serverless-cd/npm-publish'
    inputs: {{token: npm-t0ken-value, registry: '{}'}}
  - run: cat told.txt
",
        registry.url("/")
    );
    let runner = Runner::of_pipeline(&pipeline);
    let manifest = json!({
        "name": "@team/published", "version": "1.2.3", "scripts": {"prepublishOnly": "env > told.txt"},
    });
    fs::write(runner.folder().join("package.json"), manifest.to_string()).expect("it is written");
    let ran = runner.run().await;
    assert_eq!(
        ran.statuses(),
        "success success success -> success",
        "{}",
        ran.everything()
    );
    let told = ran.log(3);
    assert!(told.contains("CI=true"), "{told}");
    assert!(!told.contains("evil"), "{told}");
}

#[tokio::test]
async fn publishing_fails_for_what_cannot_be_published() {
    let registry = HttpServer::start(|request| match request.method.as_str() {
        "PUT" => (403, br#"{"error":"you may not"}"#.to_vec()),
        _ => (404, b"{}".to_vec()),
    })
    .await;
    let url = registry.url("/");
    for (inputs, error) in [
        ("{}".to_owned(), "the input `token` is missing"),
        (
            "{token: t, registry: 'ftp://x'}".to_owned(),
            "cannot use the input `registry`",
        ),
        (
            format!("{{token: t, registry: '{url}', codeDir: ../..}}"),
            "is outside of the workspace",
        ),
        (
            format!("{{token: t, registry: '{url}', codeDir: absent}}"),
            "cannot open the folder `absent`",
        ),
        (
            format!("{{token: t, registry: '{url}'}}"),
            "npm publish failed with exit code 1",
        ),
    ] {
        let pipeline =
            format!("steps:\n  - plugin: '@serverless-cd/npm-publish'\n    inputs: {inputs}\n");
        let runner = Runner::of_pipeline(&pipeline);
        let manifest = json!({"name": "published", "version": "1.2.3"});
        fs::write(runner.folder().join("package.json"), manifest.to_string()).expect("written");
        let ran = runner.run().await;
        assert_eq!(ran.statuses(), "failure -> failure");
        assert!(ran.error(1).contains(error), "{inputs}: {}", ran.error(1));
    }
}
