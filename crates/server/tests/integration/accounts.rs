//! Users' accounts on Git hosts: checked, used to look around there, and to install webhooks.

use flowcd_client::Client;
use flowcd_model::{
    application::{Application, ApplicationPatch, NewApplication, Provider, Webhook},
    envelope::Code,
    id::AppId,
    provider::{HostBranchQuery, HostOrganizationQuery, HostQuery, HostRepository},
    task::TaskStatus,
    user::NewProviderToken,
};
use serde_json::{Value, json};

use crate::support::*;

const TOKEN: &str = "canary-token-of-a-git-host";
const HOOKS: &str = "/api/v3/repos/acme/demo/hooks";

/// The stored accounts, as `host username`.
async fn accounts(client: &Client) -> Vec<String> {
    let info = client.get_user_info().await.expect("the user");
    let accounts = info.provider_tokens.into_iter();
    accounts
        .map(|it| format!("{} {}", it.provider, it.username.unwrap_or_default()))
        .collect()
}

on_both! {
    async fn a_token_is_stored_when_its_host_takes_it(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let host = Host::start().await;
        host.on("GET /api/v3/user", 200, json!({"login": "octocat", "id": 1}));
        host.on("GET /api/v5/user", 200, json!({"login": "gi", "id": 1}));
        host.on("GET /api/v4/user", 200, json!({"username": "lab", "id": 1}));
        host.on("GET /api/v1/user", 200, json!({"login": "tea", "id": 1}));
        host.on("GET /oapi/v1/platform/user", 200, json!({"id": "1", "name": "Up", "username": "up"}));
        for provider in [Provider::Github, Provider::Gitee, Provider::Gitlab, Provider::Gitea, Provider::Codeup] {
            client.update_provider_token(&host.token(provider, TOKEN)).await.expect("stored");
        }
        assert_eq!(accounts(&client).await, ["codeup up", "gitea tea", "gitee gi", "github octocat", "gitlab lab"]);
        let info = client.get_user_info().await.expect("the user");
        assert_eq!((info.has_github_token, info.github_name.as_str()), (true, "octocat"));
        let tokens: Vec<String> = host.asked().into_iter().map(|it| it.token).collect();
        assert_eq!(tokens, [
            format!("authorization: Bearer {TOKEN}"), format!("authorization: Bearer {TOKEN}"), format!("private-token: {TOKEN}"),
            format!("authorization: token {TOKEN}"), format!("x-yunxiao-token: {TOKEN}"),
        ]);
        // A name that is given counts, and an empty token removes without a question.
        let named = NewProviderToken { username: Some("deployer".to_owned()), ..host.token(Provider::Gitea, TOKEN) };
        client.update_provider_token(&named).await.expect("stored");
        let n_asked = host.asked().len();
        client.update_provider_token(&host.token(Provider::Gitlab, "")).await.expect("removed");
        client.update_provider_token(&host.token(Provider::Git, TOKEN)).await.expect("stored");
        assert_eq!(accounts(&client).await, ["codeup up", "git ", "gitea deployer", "gitee gi", "github octocat"]);
        assert_eq!(host.asked().len(), n_asked);
        server.stop().await;
    }
}

on_both! {
    async fn a_token_that_its_host_does_not_take_is_not_stored(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let host = Host::start().await;
        let check = async |status: u16, body: Value, code: Code, field: Option<&str>, part: &str| {
            host.on("GET /api/v3/user", status, body);
            let token = format!("{TOKEN}-{status}");
            let error = client.update_provider_token(&host.token(Provider::Github, &token)).await.expect_err(part);
            let told = error.api().unwrap_or_else(|| panic!("{error}"));
            assert_eq!((told.code, told.field.as_deref()), (code, field), "{status}: {error}");
            assert!(told.message.contains(part) && !told.message.contains(TOKEN), "{error}");
        };
        check(401, json!({"message": "Bad credentials"}), Code::Invalid, Some("data.token"), "token 无效，请重新配置 (").await;
        check(403, json!({"message": format!("no {TOKEN}-403")}), Code::Invalid, Some("data.token"), "no ***").await;
        check(404, json!({}), Code::Invalid, Some("data.url"), "kind github").await;
        check(503, json!({}), Code::Unavailable, None, "failed with status 503").await;
        check(429, json!({}), Code::TooManyRequests, None, "asked too often").await;
        let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let url = format!("http://{}", nobody.local_addr().expect("it has an address"));
        drop(nobody);
        let unreachable = NewProviderToken { url: Some(url), ..host.token(Provider::Github, TOKEN) };
        let error = client.update_provider_token(&unreachable).await.expect_err("nobody is there");
        assert_eq!(error.status(), Some(503), "{error}");
        assert_eq!(accounts(&client).await, Vec::<String>::new());
        let unchecked = NewProviderToken { check_token: Some(false), ..unreachable };
        client.update_provider_token(&unchecked).await.expect("stored unasked");
        assert_eq!(accounts(&client).await, ["github "]);
        server.stop().await;
    }
}

/// What each host answers about a repository with the id 7, one with the id 8, an organization and a branch.
fn script_lists(host: &Host, provider: Provider) {
    let may = json!({"admin": true, "push": true});
    match provider {
        Provider::Github | Provider::Gitea => {
            let api = if provider == Provider::Github {
                "/api/v3"
            } else {
                "/api/v1"
            };
            let repository = |id: i64, name: &str| {
                json!({"id": id, "name": name, "owner": {"login": "acme", "id": 1},
                "clone_url": format!("https://x/acme/{name}.git"), "private": false, "permissions": may})
            };
            let list = json!([repository(7, "seven"), repository(8, "eight")]);
            host.on(&format!("GET {api}/user/repos"), 200, list.clone());
            host.on(&format!("GET {api}/orgs/acme/repos"), 200, list);
            host.on(
                &format!("GET {api}/user/orgs"),
                200,
                json!([{"login": "acme", "username": "acme", "id": 1}]),
            );
            host.on(
                &format!("GET {api}/repos/acme/seven/branches"),
                200,
                json!([{"name": "main", "commit": {"sha": "abc", "id": "abc"}}]),
            );
        }
        Provider::Gitee => {
            let repository = |id: i64, name: &str| {
                json!({"id": id, "name": name, "path": name, "namespace": {"path": "acme"},
                "html_url": format!("https://x/acme/{name}"), "permission": may})
            };
            let list = json!([repository(7, "seven"), repository(8, "eight")]);
            host.on("GET /api/v5/user/repos", 200, list.clone());
            host.on("GET /api/v5/orgs/acme/repos", 200, list);
            host.on(
                "GET /api/v5/user/orgs",
                200,
                json!([{"login": "acme", "id": 1}]),
            );
            host.on(
                "GET /api/v5/repos/acme/seven/branches",
                200,
                json!([{"name": "main", "commit": {"sha": "abc"}}]),
            );
        }
        Provider::Gitlab => {
            let project = |id: i64, name: &str| {
                json!({"id": id, "name": name, "path": name, "visibility": "public",
                "namespace": {"full_path": "acme"}, "http_url_to_repo": format!("https://x/acme/{name}.git")})
            };
            let list = json!([project(7, "seven"), project(8, "eight")]);
            host.on("GET /api/v4/projects", 200, list.clone());
            host.on("GET /api/v4/groups/acme/projects", 200, list);
            host.on(
                "GET /api/v4/groups",
                200,
                json!([{"id": 1, "full_path": "acme"}]),
            );
            host.on(
                "GET /api/v4/projects/acme%2Fseven/repository/branches",
                200,
                json!([{"name": "main", "commit": {"id": "abc"}}]),
            );
        }
        Provider::Codeup => {
            let repository = |id: i64, name: &str| {
                json!({"id": id, "name": name, "path": name, "pathWithNamespace": format!("acme/{name}"),
                "webUrl": format!("https://x/acme/{name}"), "visibility": "private", "archived": false, "accessLevel": 40})
            };
            host.on(
                "GET /oapi/v1/codeup/repositories",
                200,
                json!([repository(7, "seven"), repository(8, "eight")]),
            );
            host.on(
                "GET /oapi/v1/codeup/repositories/acme%2Fseven/branches",
                200,
                json!([{"name": "main", "commit": {"id": "abc"}}]),
            );
        }
        Provider::Git => {}
    }
}

on_both! {
    async fn what_an_account_sees_is_listed_and_what_is_bound_is_marked(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let host = Host::start().await;
        for provider in [Provider::Github, Provider::Gitee, Provider::Gitlab, Provider::Gitea, Provider::Codeup] {
            let any_host = HostQuery::default();
            let error = client.list_host_repositories(provider, &any_host).await.expect_err("no account yet");
            assert_eq!(error.code(), Some(Code::Invalid));
            assert!(error.to_string().contains("user/updateUserProviderToken"), "{error}");
            host.give_account(&client, provider, TOKEN).await;
            script_lists(&host, provider);
            let marks = |list: Vec<HostRepository>| -> Vec<String> {
                list.into_iter().map(|it| format!("{} {}/{} {}", it.id, it.owner, it.name, it.disabled)).collect()
            };
            let found = client.list_host_repositories(provider, &any_host).await.expect("a list");
            assert_eq!(marks(found), ["7 acme/seven false", "8 acme/eight false"], "{provider}");
            for (name, id) in [("seven", Some("7")), ("eight", None)] {
                let new = NewApplication {
                    provider, provider_repo_id: id.map(str::to_owned), install_webhook: Some(false),
                    ..application(name, &format!("{}/acme/{name}.git", host.origin()))
                };
                client.create_application(&new).await.expect("made");
            }
            let by_url = HostQuery { url: Some(host.origin()) };
            let found = client.list_host_repositories(provider, &by_url).await.expect("a list");
            assert_eq!(marks(found), ["7 acme/seven true", "8 acme/eight true"], "{provider}");
            let of_acme = HostOrganizationQuery { org: "acme".to_owned(), url: None };
            let found = client.list_host_organization_repositories(provider, &of_acme).await.expect("a list");
            assert_eq!(found.len(), 2, "{provider}");
            // A Codeup of one's own has no organizations.
            if provider != Provider::Codeup {
                let found = client.list_host_organizations(provider, &any_host).await.expect("a list");
                assert_eq!(found.iter().map(|it| (it.org.as_str(), it.id.as_str())).collect::<Vec<_>>(), [("acme", "1")]);
            }
            let of_seven = HostBranchQuery { owner: "acme".to_owned(), repo: "seven".to_owned(), url: None };
            let found = client.list_host_branches(provider, &of_seven).await.expect("a list");
            assert_eq!(found.iter().map(|it| (it.name.as_str(), it.commit_sha.as_str())).collect::<Vec<_>>(), [("main", "abc")]);
            let elsewhere = HostQuery { url: Some("https://git.example.com".to_owned()) };
            let error = client.list_host_repositories(provider, &elsewhere).await.expect_err("no account there");
            assert_eq!(error.code(), Some(Code::Invalid), "{error}");
        }
        // Somebody else sees nothing with it.
        let other = server.user("other").await;
        other.list_host_repositories(Provider::Github, &HostQuery::default()).await.expect_err("no account");
        server.stop().await;
    }
}

on_both! {
    async fn what_goes_wrong_at_a_host_is_told_as_it_is(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let host = Host::start().await;
        host.give_account(&client, Provider::Github, TOKEN).await;
        let token = server.token("admin", -1).await;
        let ask = async |path: &str| {
            let answer = http().get(server.url(path)).header("cd_token", &token).send().await.expect("an answer");
            let retry_after = answer.headers().contains_key("retry-after");
            let status = answer.status().as_u16();
            let text = answer.text().await.expect("text");
            assert!(!text.contains("canary"), "{text}");
            (status, retry_after, text)
        };
        for (status, expected, has_retry_after, part) in [
            (401, 422, false, "token 无效，请重新配置"),
            (403, 422, false, "does not let this account"),
            (404, 404, false, "has no organizations"),
            (429, 429, true, "too often"),
            (500, 503, true, "failed with status 500"),
            (422, 422, false, "refused with status 422"),
        ] {
            host.on("GET /api/v3/user/orgs", status, json!({"message": format!("it is {TOKEN}")}));
            let (found, retry_after, text) = ask("/api/github/orgs").await;
            assert_eq!((found, retry_after), (expected, has_retry_after), "{status}: {text}");
            assert!(text.contains(part), "{text}");
        }
        host.on("GET /api/v3/user/orgs", 200, json!([]));
        assert_eq!(ask("/api/flow/github/orgs").await.0, 200);
        assert_eq!(ask("/api/bitbucket/orgs").await.0, 404);
        assert_eq!(ask("/api/git/repos").await.0, 404);
        assert_eq!(ask("/api/github/branches?owner=o").await.0, 400);
        assert_eq!(ask("/api/github/repos?url=ftp://x").await.0, 422);
        server.stop().await;
    }
}

/// An application for the host's `acme/demo` that is deployed by pushes.
fn pushed(host: &Host, provider: Provider) -> NewApplication {
    let trigger = json!({ provider.as_str(): {"push": {"branches": {"precise": ["main"]}}} });
    NewApplication {
        trigger_spec: serde_json::from_value(trigger).expect("a trigger"),
        ..host.application(provider)
    }
}

async fn webhook_of(client: &Client, app: &AppId) -> Webhook {
    let application: Application = client.get_application(app).await.expect("it is there");
    application.webhook.expect("a webhook")
}

on_both! {
    async fn a_webhook_is_installed_changed_and_removed_with_its_application(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let host = Host::start().await;
        host.give_account(&client, Provider::Github, TOKEN).await;
        host.on(&format!("GET {HOOKS}"), 200, json!([{"id": 1, "config": {"url": "https://ci.example.com"}}]));
        host.on(&format!("POST {HOOKS}"), 201, json!({"id": 42}));
        let made = client.create_application(&pushed(&host, Provider::Github)).await.expect("made");
        let url = server.url(&format!("/api/hooks/{}", made.id));
        let installed = Webhook { url: url.clone(), is_installed: true, hook_id: Some("42".to_owned()), problem: None };
        assert_eq!(made.webhook, installed);
        assert_eq!(webhook_of(&client, &made.id).await, installed);
        let config = json!({"url": url, "content_type": "json", "secret": made.webhook_secret, "insecure_ssl": "0"});
        assert_eq!(host.bodies(&format!("POST {HOOKS}")), [json!({"active": true, "events": ["push"], "config": config, "name": "web"})]);

        // Another trigger needs other events; the one that is there is changed.
        host.on(&format!("GET {HOOKS}"), 200, json!([{"id": 42, "config": {"url": url}}]));
        host.on(&format!("PATCH {HOOKS}/42"), 200, json!({"id": 42}));
        let mut patch = ApplicationPatch::new(made.id.clone());
        patch.trigger_spec = Some(serde_json::from_value(json!({"github": {"events": [{"eventName": "release"}, {"eventName": "issues"}], "pr": {}}})).expect("a trigger"));
        client.update_application(&patch).await.expect("changed");
        assert_eq!(host.bodies(&format!("PATCH {HOOKS}/42")), [json!({"active": true, "events": ["pull_request", "release"], "config": config})]);
        let webhook = webhook_of(&client, &made.id).await;
        assert!(webhook.is_installed);
        assert!(webhook.problem.is_some_and(|it| it.contains("`issues`")));
        // What does not concern it leaves it alone.
        let n_asked = host.asked().len();
        let mut patch = ApplicationPatch::new(made.id.clone());
        patch.description = Some("another".to_owned());
        client.update_application(&patch).await.expect("changed");
        assert_eq!(host.asked().len(), n_asked);

        host.on(&format!("DELETE {HOOKS}/42"), 204, Value::Null);
        patch.install_webhook = Some(false);
        client.update_application(&patch).await.expect("changed");
        assert_eq!(host.bodies(&format!("DELETE {HOOKS}/42")).len(), 1);
        let webhook = webhook_of(&client, &made.id).await;
        assert_eq!((webhook.is_installed, webhook.hook_id, webhook.problem), (false, None, None));
        patch.install_webhook = Some(true);
        client.update_application(&patch).await.expect("changed");
        assert!(webhook_of(&client, &made.id).await.is_installed);
        client.delete_application(&made.id).await.expect("deleted");
        assert_eq!(host.bodies(&format!("DELETE {HOOKS}/42")).len(), 2);
        server.stop().await;
    }
}

on_both! {
    async fn a_host_that_fails_stops_no_application(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let host = Host::start().await;
        let new = pushed(&host, Provider::Github);
        // Without an account, the answer says what to do, and the host is not asked.
        let made = client.create_application(&new).await.expect("made");
        let problem = made.webhook.problem.clone().unwrap_or_default();
        assert!(!made.webhook.is_installed && made.webhook.url.ends_with(made.id.as_str()), "{made:?}");
        for part in ["user/updateUserProviderToken", host.origin().as_str(), "by hand", "pushes"] {
            assert!(problem.contains(part), "{part}: {problem}");
        }
        assert_eq!(webhook_of(&client, &made.id).await, made.webhook);
        assert_eq!(host.asked().len(), 0);
        client.delete_application(&made.id).await.expect("deleted");

        host.give_account(&client, Provider::Github, TOKEN).await;
        for (status, part) in [(401, "does not take the token"), (404, "has no repository `acme/demo`"), (500, "failed with status 500"), (403, "let the ***")] {
            host.on(&format!("GET {HOOKS}"), status, json!({"message": format!("let the {TOKEN}")}));
            let made = client.create_application(&new).await.expect("made");
            let problem = made.webhook.problem.unwrap_or_default();
            assert!(!made.webhook.is_installed && problem.contains(part), "{problem}");
            assert!(!problem.contains(TOKEN) && !problem.contains(&made.webhook_secret), "{problem}");
            client.delete_application(&made.id).await.expect("deleted");
        }
        // Nor does it stop the deletion of one that has a webhook there.
        host.on(&format!("GET {HOOKS}"), 200, json!([]));
        host.on(&format!("POST {HOOKS}"), 201, json!({"id": 42}));
        host.on(&format!("DELETE {HOOKS}/42"), 500, json!({}));
        let made = client.create_application(&new).await.expect("made");
        assert!(made.webhook.is_installed);
        client.delete_application(&made.id).await.expect("deleted");
        assert_eq!(host.bodies(&format!("DELETE {HOOKS}/42")).len(), 1);
        // And whoever wants to do it himself is let.
        let n_asked = host.asked().len();
        let made = client.create_application(&NewApplication { install_webhook: Some(false), ..new }).await.expect("made");
        assert_eq!((made.webhook.is_installed, made.webhook.problem, host.asked().len()), (false, None, n_asked));
        server.stop().await;
    }
}

on_both! {
    async fn no_webhook_leads_to_an_address_that_the_host_cannot_reach(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let token = NewProviderToken { token: TOKEN.to_owned(), provider: Provider::Gitea, url: Some("https://git.example.com".to_owned()), username: None, check_token: Some(false) };
        client.update_provider_token(&token).await.expect("stored");
        let new = NewApplication { provider: Provider::Gitea, ..application("demo", "https://git.example.com/acme/demo.git") };
        let made = client.create_application(&new).await.expect("made");
        assert!(made.webhook.problem.is_some_and(|it| it.contains("--base-url")));
        server.stop().await;
    }
}

on_both! {
    async fn a_manual_deployment_knows_its_commit_from_the_host(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let host = Host::start().await;
        host.give_account(&client, Provider::Github, TOKEN).await;
        let repo = Repo::with_pipeline("steps:\n  - run: echo ${{ git.pusher.name }} ${{ git.event_name }}\n");
        let commit = repo.git(&["rev-parse", "HEAD"]);
        host.serve(&repo);
        let app = client.create_application(&host.application(Provider::Github)).await.expect("made").id;
        let path = format!("GET /api/v3/repos/acme/demo/commits/{commit}");
        host.on(&path, 200, json!({"sha": commit, "author": {"login": "octocat", "avatar_url": "https://a/1"},
            "commit": {"message": "Told by the host", "author": {"name": "O", "email": "o@example.com"}}}));
        let task = dispatch(&client, &app).await;
        let task_now = client.get_task(&task).await.expect("the task");
        assert_eq!(task_now.message, "Told by the host");
        let pusher = task_now.event.expect("an event").pusher;
        assert_eq!((pusher.name.as_str(), pusher.email.as_str()), ("octocat", "o@example.com"));
        let followed = follow(&client, &task).await;
        assert_eq!(followed.log(1), "octocat manual\n");
        // A host that does not know it stops nothing, and the checkout knows the message.
        host.on(&path, 404, json!({}));
        let task = deploy(&client, &app).await;
        assert_eq!((task.status, task.message.as_str(), task.event), (TaskStatus::Success, "First commit", None));
        server.stop().await;
    }
}
