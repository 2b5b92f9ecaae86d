//! What must hold when things come at a bad moment: cancels nobody heard of, rows and objects that could not be
//! written, runs that broke off.

use std::{fs, time::Duration};

use flowcd_client::Client;
use flowcd_model::{
    id::{AppId, TaskId},
    log::LogQuery,
    step::{Step, StepCount, StepStatus},
    task::TaskStatus,
    user::UserSecretsPatch,
};
use flowcd_store::{ClaimedTask, Final, Segment};

use crate::support::*;

/// A server that claims nothing by itself, and a task of it that the test has claimed.
async fn claimed_by_hand(database: Database) -> (Server, Client, AppId, ClaimedTask) {
    let server = Server::start_with(database, |config| config.runners = 0).await;
    let client = server.admin().await;
    let repo = Repo::with_pipeline("steps:\n  - run: echo\n");
    let app = create_app(&client, &repo).await;
    dispatch(&client, &app).await;
    let claimed = server.running.store().claim_task("by-hand", 60_000).await;
    let claimed = claimed.expect("the database answers").expect("a task");
    (server, client, app, claimed)
}

/// A row for `n_bytes` from `first_byte` on, whose bytes are in an object of their own.
fn stored(server: &Server, task: &TaskId, first_byte: u64, bytes: &str) -> Segment {
    let object = format!("logs/{task}/step_1.{first_byte}.zst");
    let frame = zstd::encode_all(bytes.as_bytes(), 1).expect("a frame");
    let place = server.data.path().join("data").join(&object);
    fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
    fs::write(&place, &frame).expect("an object");
    Segment {
        step_count: StepCount::Number(1),
        first_byte,
        n_bytes: bytes.len() as u64,
        first_line: first_byte / 4,
        n_lines: bytes.matches('\n').count() as u64,
        object: Some(object),
        object_offset: 0,
        object_bytes: frame.len() as u64,
        times: Vec::new(),
    }
}

fn step(number: u32, status: StepStatus) -> Step {
    Step {
        run: "x".to_owned(),
        step_count: StepCount::Number(number),
        status,
        id: None,
        process_time: None,
        started_time: None,
        error: None,
        outputs: Default::default(),
        attempts: None,
    }
}

on_both! {
    async fn a_part_of_a_log_without_a_row_is_a_gap_and_its_neighbours_are_themselves(database) {
        let (server, client, _app, claimed) = claimed_by_hand(database).await;
        let (store, task) = (server.running.store(), &claimed.task.id);
        let rows = vec![stored(&server, task, 0, "aaa\n"), stored(&server, task, 8, "ccc\n")];
        store.append_segments(&claimed.claim, rows).await.expect("appended");
        let steps = vec![step(0, StepStatus::Success), step(1, StepStatus::Success)];
        let end = Final { status: TaskStatus::Success, steps, error: None };
        store.finish(&claimed.claim, end).await.expect("finished");
        assert_eq!(log_of(&client, task, 1).await, b"aaa\n\n[flowcd: 4 bytes left out here by the log's size limit]\nccc\n");
        let mut query = LogQuery::new(task.clone(), StepCount::Number(1));
        (query.from, query.limit) = (Some(5), Some(5));
        let part = client.get_log_bytes(&query).await.expect("a part").bytes;
        assert!(part.ends_with(b"\ncc"), "{part:?}");
        let followed = follow(&client, task).await;
        assert_eq!(followed.log(1), "aaa\nccc\n");
        server.stop().await;
    }
}

on_both! {
    async fn following_a_task_ends_with_it_even_if_its_steps_did_not(database) {
        let (server, client, _app, claimed) = claimed_by_hand(database).await;
        let steps = vec![step(0, StepStatus::Success), step(1, StepStatus::Running), step(2, StepStatus::Pending)];
        let end = Final { status: TaskStatus::Failure, steps, error: Some("broke off".to_owned()) };
        server.running.store().finish(&claimed.claim, end).await.expect("finished");
        let followed = follow(&client, &claimed.task.id).await;
        assert_eq!(followed.events.last().map(String::as_str), Some("end failure"), "{:?}", followed.events);
        let task = client.get_task(&claimed.task.id).await.expect("the task");
        let statuses: Vec<_> = task.steps.expect("steps").iter().map(|step| step.status).collect();
        assert_eq!(statuses, [StepStatus::Success, StepStatus::Failure, StepStatus::Cancelled]);
        server.stop().await;
    }
}

on_both! {
    async fn output_that_cannot_be_stored_is_a_gap_and_what_follows_is_kept(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let gate = tempfile::tempdir().expect("a folder");
        let wait = |name: &str| format!("while ! test -e {}; do sleep 0.01; done", gate.path().join(name).display());
        let pipeline = format!("steps:\n  - run: |\n      echo one; {}; echo two; {}; echo three\n", wait("first"), wait("second"));
        let repo = Repo::with_pipeline(&pipeline);
        let app = create_app(&client, &repo).await;
        let task = dispatch(&client, &app).await;
        follow_until(&client, &task, |followed| followed.log(1) == "one\n").await;
        // Where the next segment belongs there is a folder in its way.
        let in_the_way = server.data.path().join("data/logs").join(task.as_str()).join("step_1.1.zst");
        fs::create_dir(&in_the_way).expect("a folder");
        fs::write(gate.path().join("first"), "").expect("a file");
        let query = LogQuery::new(task.clone(), StepCount::Number(1));
        within("the second line", async {
            while !client.get_log(&query).await.expect("the log").contains("left out") {
                tokio::task::yield_now().await;
            }
        })
        .await;
        fs::write(gate.path().join("second"), "").expect("a file");
        assert_eq!(finished(&client, &task).await.status, TaskStatus::Success);
        assert_eq!(log_of(&client, &task, 1).await, b"one\n\n[flowcd: 4 bytes left out here by the log's size limit]\nthree\n");
        server.stop().await;
    }
}

on_both! {
    async fn a_cancel_that_the_runner_was_not_told_of_is_heard_with_the_next_write(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let gate = tempfile::tempdir().expect("a folder");
        let go = gate.path().join("go");
        let mut pipeline = format!("steps:\n  - run: echo up; while ! test -e {}; do sleep 0.01; done\n", go.display());
        pipeline.push_str("  - run: echo on\n");
        // Longer than a heartbeat is away: only a write can say it earlier.
        pipeline.push_str("  - run: sleep 2; echo too late\n");
        let repo = Repo::with_pipeline(&pipeline);
        let app = create_app(&client, &repo).await;
        let task = dispatch(&client, &app).await;
        follow_until(&client, &task, |followed| followed.log(1).contains("up")).await;
        // As a cancel looks that comes in between the claim and the run, or to another server.
        let user = client.get_user_info().await.expect("the user").id;
        server.running.store().request_cancel(&user, &task).await.expect("asked");
        let asked = std::time::Instant::now();
        fs::write(&go, "").expect("a file");
        assert_eq!(finished(&client, &task).await.status, TaskStatus::Cancelled);
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
        server.stop().await;
    }
}

on_both! {
    async fn secrets_that_are_added_bit_by_bit_have_a_limit_all_the_same(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let add = async |from: u32| {
            let secrets = (from..from + 100).map(|n| (format!("S{n}"), "value".to_owned())).collect();
            let patch = UserSecretsPatch { secrets: flowcd_model::secret::Secrets(secrets), is_added: true, removed: Vec::new() };
            client.update_user_secrets(&patch).await
        };
        add(0).await.expect("kept");
        add(100).await.expect("kept");
        add(100).await.expect("the same ones");
        let refused = add(200).await.expect_err("too many");
        assert_eq!(refused.code(), Some(flowcd_model::envelope::Code::Invalid), "{refused}");
        assert_eq!(client.list_user_secrets().await.expect("names").0.len(), 200);
        server.stop().await;
    }
}
