//! Deployments by the clock. Nobody waits for a clock here: the next time of a schedule is moved in the database.

use base64::{Engine, prelude::BASE64_STANDARD};
use flowcd_client::Client;
use flowcd_model::{
    application::ApplicationPatch,
    delivery::{DeliveryKind, Verdict},
    envelope::Code,
    id::AppId,
    task::{TaskQuery, TaskStatus, TriggerType},
    time::Millis,
    trigger::{ScheduleRule, TriggerSpec},
};
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::*;

const PIPELINE: &str = "steps:\n  - run: echo to ${{ inputs.env.target }}\n";
const HOUR_MS: i64 = 3_600_000;

/// Once a year, so that it does not come due by itself; the minute tells one from another.
fn yearly(minute: usize, git_ref: &str) -> Value {
    json!({"cron": format!("{minute} 0 1 1 *"), "ref": git_ref})
}

fn spec(rules: &[Value]) -> TriggerSpec {
    serde_json::from_value(json!({"git": {"schedule": rules}})).expect("a trigger")
}

async fn scheduled(client: &Client, repo: &Repo, rules: &[Value]) -> AppId {
    let mut new = application("demo", &repo.url());
    new.trigger_spec = spec(rules);
    client.create_application(&new).await.expect("made").id
}

/// What the server knows an entry by.
fn entry(rule: &Value) -> String {
    let rule: ScheduleRule = serde_json::from_value(rule.clone()).expect("a rule");
    let hash = Sha256::digest(serde_json::to_vec(&rule).expect("JSON"));
    hash[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Makes a schedule of an application due so long ago.
fn make_due(beside: &Beside, app: &AppId, rule: &Value, ago_ms: i64) -> i64 {
    let due = Millis::now().plus_ms(-ago_ms).0;
    let entry = entry(rule);
    let sql = format!(
        "UPDATE schedules SET next_time = {due} WHERE app_id = '{app}' AND entry = '{entry}'"
    );
    assert_eq!(beside.execute(&sql), 1, "the schedule is there");
    due
}

on_both! {
    async fn a_time_that_comes_deploys_the_commit_of_its_ref_with_its_inputs(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps:\n  - run: exit 1\n");
        repo.git(&["checkout", "--quiet", "-b", "release"]);
        let commit = repo.commit(&[("nightly.yaml", PIPELINE)], "Release it");
        repo.git(&["checkout", "--quiet", "main"]);
        let rule = json!({
            "cron": "30 4 1 1 *", "timezone": "Asia/Shanghai", "ref": "refs/heads/release",
            "template": "nightly.yaml", "inputs": {"env": {"target": "staging"}}
        });
        let app = scheduled(&client, &repo, &[yearly(1, "refs/heads/main"), rule.clone()]).await;
        let due = make_due(&server.beside(), &app, &rule, 500);

        let delivery = n_deliveries(&client, &app, 1).await.remove(0);
        assert_eq!((delivery.kind, delivery.verdict), (DeliveryKind::Schedule, Verdict::Deployed));
        assert_eq!(delivery.key, format!("schedule:{}:{due}", entry(&rule)));
        assert_eq!(delivery.event.event_name, "schedule");
        assert_eq!((delivery.git_ref.as_deref(), delivery.commit), (Some("refs/heads/release"), None));
        assert!(delivery.reason.starts_with("the schedule `30 4 1 1 *` (Asia/Shanghai) came due at 20"), "{}", delivery.reason);
        assert!(delivery.reason.ends_with("+08:00"), "{}", delivery.reason);
        let [told] = &delivery.rules[..] else { panic!("{:?}", delivery.rules) };
        assert_eq!((told.rule.as_str(), told.is_match, told.template.as_deref()), ("git.schedule[1]", true, Some("nightly.yaml")));

        let followed = follow(&client, &delivery.task_ids[0]).await;
        let task = client.get_task(&delivery.task_ids[0]).await.expect("the task");
        assert_success(&task, &followed);
        assert_eq!((task.trigger_type, task.commit.as_str(), task.message.as_str()), (TriggerType::Schedule, commit.as_str(), "Release it"));
        assert_eq!(task.git_ref.as_deref(), Some("refs/heads/release"));
        assert!(followed.log(1).contains("to staging"), "{}", followed.log(1));
        let next = server.beside().number(&format!("SELECT MIN(next_time) AS value FROM schedules WHERE app_id = '{app}'"));
        assert!(next > Millis::now().0, "each has its next time");
        assert_eq!(deliveries(&client, &app).await.len(), 1);
        server.stop().await;
    }
}

on_both! {
    async fn a_time_that_passed_while_no_server_ran_does_what_the_rule_says(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps:\n  - run: 'true'\n");
        let mut makes_up = yearly(1, "refs/heads/main");
        makes_up["missed"] = json!("run");
        let (skips, comes) = (yearly(2, "refs/heads/main"), yearly(3, "refs/heads/main"));
        let app = scheduled(&client, &repo, &[makes_up.clone(), skips.clone(), comes.clone()]).await;
        let beside = server.beside();
        let server = server
            .restart_after(|| {
                make_due(&beside, &app, &makes_up, HOUR_MS);
                make_due(&beside, &app, &skips, 2 * HOUR_MS);
                make_due(&beside, &app, &comes, 5_000);
            })
            .await;
        let client = server.admin().await;
        let found = n_deliveries(&client, &app, 3).await;
        let of = |place: &str| found.iter().find(|it| it.rules[0].rule == place).expect(place);

        let skipped = of("git.schedule[1]");
        assert_eq!((skipped.verdict, skipped.task_ids.len()), (Verdict::Skipped, 0));
        for part in ["`2 0 1 1 *` (UTC) came due at 20", "when no server ran", "`missed` is `skip`", "the next time is 20"] {
            assert!(skipped.reason.contains(part), "{part}: {}", skipped.reason);
        }
        let made_up = of("git.schedule[0]");
        assert_eq!((made_up.verdict, made_up.task_ids.len()), (Verdict::Deployed, 1));
        assert!(made_up.reason.contains("this deployment makes up for it"), "{}", made_up.reason);
        let came = of("git.schedule[2]");
        assert_eq!((came.verdict, came.task_ids.len()), (Verdict::Deployed, 1));
        assert!(!came.reason.contains("no server"), "{}", came.reason);
        for task in made_up.task_ids.iter().chain(&came.task_ids) {
            assert_eq!(finished(&client, task).await.status, TaskStatus::Success);
        }
        assert_eq!(deliveries(&client, &app).await.len(), 3);
        server.stop().await;
    }
}

on_both! {
    async fn a_changed_trigger_keeps_what_stays_and_ends_what_goes(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps:\n  - run: 'true'\n");
        let [stays, goes, comes] = [1, 2, 3].map(|minute| yearly(minute, "refs/heads/main"));
        let app = scheduled(&client, &repo, &[goes.clone(), stays.clone()]).await;
        let beside = server.beside();
        let next_of = |rule: &Value| {
            beside.number(&format!("SELECT next_time AS value FROM schedules WHERE entry = '{}'", entry(rule)))
        };
        let soon = make_due(&beside, &app, &stays, -24 * HOUR_MS);
        let patch = ApplicationPatch { trigger_spec: Some(spec(&[stays.clone(), comes.clone()])), ..ApplicationPatch::new(app.clone()) };
        client.update_application(&patch).await.expect("changed");
        assert_eq!(next_of(&stays), soon, "an entry that stays keeps its time");
        assert!(next_of(&comes) > Millis::now().0);

        // What the trigger does not have any more, and what cannot be read, keeps nobody from anything.
        let gone = format!("INSERT INTO schedules (app_id, entry, next_time) VALUES ('{app}', '{}', 1)", entry(&goes));
        beside.execute(&gone);
        let mut odd = comes.clone();
        odd["timezone"] = json!("Mars/Olympus");
        let odd_spec = serde_json::to_string(&spec(&[stays.clone(), odd.clone()])).expect("JSON");
        beside.execute(&format!("UPDATE applications SET trigger_spec = '{odd_spec}' WHERE id = '{app}'"));
        beside.execute(&format!("UPDATE schedules SET entry = '{}', next_time = 2 WHERE entry = '{}'", entry(&odd), entry(&comes)));
        make_due(&beside, &app, &stays, 100);

        let found = n_deliveries(&client, &app, 2).await;
        let unreadable = found.iter().find(|it| it.verdict == Verdict::Failed).expect("one that cannot be read");
        assert!(unreadable.reason.contains("`git.schedule[1].timezone`"), "{}", unreadable.reason);
        let came = found.iter().find(|it| it.verdict == Verdict::Deployed).expect("one that came");
        assert_eq!(came.rules[0].rule, "git.schedule[0]");
        finished(&client, &came.task_ids[0]).await;
        assert_eq!(beside.number("SELECT COUNT(*) AS value FROM schedules"), 2, "the one that is gone has ended");
        assert!(next_of(&odd) > Millis::now().0, "it is tried again, but not at once");
        assert_eq!(deliveries(&client, &app).await.len(), 2);

        let error = client.update_application(&ApplicationPatch { trigger_spec: Some(spec(&[odd])), ..ApplicationPatch::new(app) }).await.expect_err("no such zone");
        assert_eq!(error.code(), Some(Code::Invalid), "{error}");
        server.stop().await;
    }
}

on_both! {
    async fn the_schedule_of_a_branch_that_is_gone_fails_its_task_and_says_why(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps:\n  - run: 'true'\n");
        let rule = yearly(1, "refs/heads/gone");
        let app = scheduled(&client, &repo, std::slice::from_ref(&rule)).await;
        make_due(&server.beside(), &app, &rule, 100);
        let delivery = n_deliveries(&client, &app, 1).await.remove(0);
        let task = finished(&client, &delivery.task_ids[0]).await;
        assert_eq!(task.status, TaskStatus::Failure);
        let error = task.error.expect("why it failed");
        assert!(error.contains("has no `refs/heads/gone`"), "{error}");
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_one_database_run_each_time_once() {
    const N_RULES: usize = 20;
    let key = SecretString::from(BASE64_STANDARD.encode([7; 32]));
    let url = Database::Postgres.fresh();
    let start = async || {
        let (key, url) = (key.clone(), url.clone());
        Server::start_with(Database::Sqlite, |config| {
            config.database_url = url;
            config.secret_key = Some(key);
        })
        .await
    };
    let (one, other) = (start().await, start().await);
    let client = one.admin().await;
    let repo = Repo::with_pipeline("steps:\n  - run: 'true'\n");
    let rules: Vec<Value> = (0..N_RULES)
        .map(|minute| yearly(minute, "refs/heads/main"))
        .collect();
    let app = scheduled(&client, &repo, &rules).await;
    let due = Millis::now().0;
    one.beside()
        .execute(&format!("UPDATE schedules SET next_time = {due}"));
    let found = n_deliveries(&client, &app, N_RULES).await;
    for delivery in &found {
        let task = &delivery.task_ids[0];
        let status = until("the end of the task", async || {
            let task = client.get_task(task).await.expect("the task");
            task.status.is_final().then_some(task.status)
        });
        assert_eq!(status.await, TaskStatus::Success);
    }
    assert_eq!(deliveries(&client, &app).await.len(), N_RULES);
    let tasks = client.list_tasks(&TaskQuery::new(app)).await;
    assert_eq!(tasks.expect("the list").total_count, N_RULES as i64);
    one.stop().await;
    other.stop().await;
}
