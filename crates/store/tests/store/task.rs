use flowcd_model::{
    event::{HostEvent, Pusher},
    id::{TaskId, UserId},
    step::StepStatus,
    task::{TaskQuery, TaskStatus, TriggerType},
};
use flowcd_store::{CancelRequest, Error, Lease, Progress, TaskInsert, TaskRemoval};

use crate::harness::{LEASE_MS, TestDb, new_task, on_both, step};

on_both! {
    async fn a_task_comes_back_as_it_was_made(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let mut insert = new_task(&app);
        insert.git_ref = Some("refs/tags/v1/final".to_owned());
        insert.inputs = serde_json::from_str(r#"{"z":[1,null],"a":{"b":"c"}}"#).expect("an object");
        insert.trigger_type = TriggerType::Redeploy;
        insert.redelivery = Some(TaskId::generate());
        let made = db.store.create_task(insert.clone(), None).await.expect("no error").expect("made");
        assert_eq!(made.number, 1);
        assert_eq!(made.status, TaskStatus::Pending);
        assert_eq!(made.branch.as_deref(), Some("v1/final"));
        assert_eq!((made.owner.as_str(), made.repo_name.as_str()), ("octocat", "hello"));
        assert_eq!(made.steps, None);
        assert_eq!(db.see(&made).await, made);
        let job = db.store.task_job(&user.id, &made.id).await.expect("no error").expect("it is there");
        assert_eq!(job, insert);

        let latest = db.see_app(&app).await.latest_task.expect("a newest task");
        assert_eq!((latest.task_id, latest.status, latest.completed), (made.id.clone(), TaskStatus::Pending, false));
        assert_eq!(latest.git_ref, insert.git_ref);
        assert_eq!((latest.time, latest.started_time, latest.finished_time), (Some(made.created_time), None, None));
        assert_eq!(db.store.oldest_pending().await.expect("no error"), Some(made.created_time));
        db.check_counts().await;
    }

    async fn who_did_it_is_remembered_and_what_an_older_release_wrote_is_read(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let mut insert = new_task(&app);
        let pusher = Pusher { name: "octocat".to_owned(), ..Pusher::default() };
        insert.event = Some(HostEvent { event_name: "push".to_owned(), pusher: pusher.clone(), pull_request: None });
        db.store.create_task(insert, None).await.expect("no error").expect("made");
        let latest = async || db.see_app(&app).await.latest_task.expect("a newest task");
        assert_eq!(latest().await.pusher, pusher);
        // What cannot be read is no reason to show the task as if it had not ended.
        db.execute("UPDATE tasks SET event = '[oops', trigger_type = 'oops'");
        assert!(db.store.claim_task("one", LEASE_MS).await.expect("no error").is_none());
        let shown = latest().await;
        assert_eq!((shown.status, shown.trigger_type, shown.pusher), (TaskStatus::Failure, None, Pusher::default()));
        let old = r#"{"taskId":"task0000","commit":"abc","message":"","completed":true,"status":"success"}"#;
        db.execute(&format!("UPDATE applications SET latest_task = '{old}'"));
        let shown = latest().await;
        assert_eq!((shown.task_id.as_str(), shown.number, shown.time), ("task0000", None, None));
        let (list, _) = db.store.list_applications_json(&user.id, None, None).await.expect("a list");
        assert!(list.contains(old), "{list}");
    }

    async fn a_task_without_a_ref_is_listed_like_any_other(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let mut insert = new_task(&app);
        insert.git_ref = None;
        let made = db.store.create_task(insert, None).await.expect("no error").expect("made");
        assert_eq!((&made.git_ref, &made.branch), (&None, &None));
        let page = db.store.list_tasks(&user.id, TaskQuery::new(app.id)).await.expect("a page");
        assert_eq!(page.result, [made]);
    }

    async fn a_task_of_no_application_or_anothers_is_not_made(db: &TestDb) {
        let (ada, eve) = (db.user("ada").await, db.user("eve").await);
        let app = db.app(&ada.id, "hello").await;
        let mut insert = new_task(&app);
        insert.user_id = eve.id.clone();
        assert_eq!(db.store.create_task(insert, None).await.expect("no error"), None);
        db.store.delete_application(&ada.id, &app.id).await.expect("no error");
        assert_eq!(db.store.create_task(new_task(&app), None).await.expect("no error"), None);
    }

    async fn a_task_is_its_owners_alone(db: &TestDb) {
        let (ada, eve) = (db.user("ada").await, db.user("eve").await);
        let app = db.app(&ada.id, "hello").await;
        let task = db.task(&app).await;
        assert_eq!(db.store.task(&eve.id, &task.id).await.expect("no error"), None);
        assert_eq!(db.store.task_job(&eve.id, &task.id).await.expect("no error"), None);
        assert_eq!(db.store.remove_task(&eve.id, &task.id).await.expect("no error"), TaskRemoval::Absent);
        assert_eq!(db.store.request_cancel(&eve.id, &task.id).await.expect("no error"), CancelRequest::Absent);
        let page = db.store.list_tasks(&eve.id, TaskQuery::new(app.id)).await.expect("a page");
        assert_eq!((page.result, page.total_count, page.next_cursor), (Vec::new(), 0, None));
    }

    async fn numbers_go_on_after_a_removal(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let first = db.task(&app).await;
        assert_eq!(db.store.remove_task(&user.id, &first.id).await.expect("no error"), TaskRemoval::Active);
        let claimed = db.claim().await;
        assert_eq!(db.store.remove_task(&user.id, &first.id).await.expect("no error"), TaskRemoval::Active);
        db.finish(&claimed, TaskStatus::Success).await;
        assert_eq!(db.store.remove_task(&user.id, &first.id).await.expect("no error"), TaskRemoval::Removed);
        assert_eq!(db.store.remove_task(&user.id, &first.id).await.expect("no error"), TaskRemoval::Absent);
        assert_eq!(db.task(&app).await.number, 2);
        db.check_counts().await;
    }

    async fn pages_and_cursors_cover_the_list(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        for _ in 0..23 {
            db.task(&app).await;
        }
        db.app(&user.id, "other").await;
        let numbers = |page: &flowcd_model::page::Page<flowcd_model::task::Task>| {
            page.result.iter().map(|task| task.number).collect::<Vec<_>>()
        };
        let query = TaskQuery::new(app.id.clone());
        let page = db.store.list_tasks(&user.id, query.clone()).await.expect("a page");
        assert_eq!((numbers(&page), page.total_count), ((14..=23).rev().collect(), 23));
        assert_eq!(page.next_cursor.as_deref(), Some("14"));
        let third = TaskQuery { current_page: Some(3), ..query.clone() };
        let page = db.store.list_tasks(&user.id, third).await.expect("a page");
        assert_eq!((numbers(&page), page.next_cursor), (vec![3, 2, 1], None));
        for (current_page, page_size) in [(Some(4), None), (Some(i64::MAX), Some(i64::MAX)), (Some(9), Some(50))] {
            let beyond = TaskQuery { current_page, page_size, ..query.clone() };
            let page = db.store.list_tasks(&user.id, beyond).await.expect("a page");
            assert_eq!((numbers(&page), page.total_count), (vec![], 23));
        }
        for page_size in [0, -1] {
            let odd = TaskQuery { current_page: Some(-3), page_size: Some(page_size), ..query.clone() };
            assert_eq!(db.store.list_tasks(&user.id, odd).await.expect("a page").result.len(), 10);
        }
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let part = TaskQuery { limit: Some(4), cursor, ..query.clone() };
            let page = db.store.list_tasks(&user.id, part).await.expect("a part");
            seen.extend(numbers(&page));
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, (1..=23).rev().collect::<Vec<_>>());
        let odd = TaskQuery { cursor: Some("'; --".to_owned()), ..query };
        assert!(matches!(db.store.list_tasks(&user.id, odd).await, Err(Error::InvalidCursor)));
    }

    async fn a_list_by_status_has_its_own_total(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        for status in [TaskStatus::Success, TaskStatus::Failure, TaskStatus::Success] {
            db.task(&app).await;
            let claimed = db.claim().await;
            db.finish(&claimed, status).await;
        }
        db.task(&app).await;
        let query = TaskQuery { status: Some(TaskStatus::Success), limit: Some(1), ..TaskQuery::new(app.id.clone()) };
        let page = db.store.list_tasks(&user.id, query.clone()).await.expect("a page");
        assert_eq!((page.result[0].number, page.total_count), (3, 2));
        let next = TaskQuery { cursor: page.next_cursor, ..query };
        let page = db.store.list_tasks(&user.id, next).await.expect("a page");
        assert_eq!((page.result[0].number, page.next_cursor), (1, None));
        db.check_counts().await;
    }

    async fn the_newest_task_of_an_application_only_moves_forward(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let first = db.task(&app).await;
        let running = db.claim().await;
        let second = db.task(&app).await;
        let latest = async || db.see_app(&app).await.latest_task.expect("a newest task");
        assert_eq!(latest().await.task_id, second.id);
        let news = Progress { message: Some("from the first".to_owned()), ..Progress::default() };
        db.store.save_progress(&running.claim, news).await.expect("no error");
        assert_eq!(latest().await.message, "a message");
        db.finish(&running, TaskStatus::Failure).await;
        assert_eq!((latest().await.task_id, latest().await.status), (second.id.clone(), TaskStatus::Pending));
        let running = db.claim().await;
        assert_eq!((latest().await.task_id, latest().await.status), (second.id.clone(), TaskStatus::Running));
        let news = Progress { message: Some("from the second".to_owned()), ..Progress::default() };
        db.store.save_progress(&running.claim, news).await.expect("no error");
        assert_eq!(latest().await.message, "from the second");
        db.finish(&running, TaskStatus::Success).await;
        assert!(latest().await.completed);
        db.store.remove_task(&user.id, &second.id).await.expect("no error");
        assert_eq!(latest().await.task_id, second.id, "it does not go back to the first");
        assert_eq!(db.see(&first).await.status, TaskStatus::Failure);
    }

    async fn a_summary_is_written_as_a_whole_and_shown_with_a_single_task_alone(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let task = db.task(&app).await;
        let running = db.claim().await;
        let save = async |summary: Option<&str>| {
            let news = Progress { summary: summary.map(str::to_owned), ..Progress::default() };
            db.store.save_progress(&running.claim, news).await.expect("no error")
        };
        for summary in ["# One", "# One\n| a | b |\n", "\u{4f60}\u{597d}\0"] {
            save(Some(summary)).await;
            save(None).await;
            assert_eq!(db.see(&task).await.summary, Some(summary.replace('\0', "\u{fffd}")));
        }
        db.finish(&running, TaskStatus::Success).await;
        assert!(db.see(&task).await.summary.is_some());
        let list = db.store.list_tasks(&user.id, TaskQuery::new(app.id.clone())).await.expect("no error");
        assert_eq!(list.result[0].summary, None);
        assert_eq!(save(Some("# Late")).await, Lease::Lost);
        assert!(!db.see(&task).await.summary.is_some_and(|summary| summary.contains("Late")));
    }

    async fn what_the_steps_gave_out_is_shown_with_a_single_task_alone(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let task = db.task(&app).await;
        let running = db.claim().await;
        let mut step = step(1, StepStatus::Success);
        step.outputs.insert("url".to_owned(), "http://x".into());
        step.attempts = Some(2);
        let news = Progress { steps: Some(vec![step.clone()]), ..Progress::default() };
        db.store.save_progress(&running.claim, news).await.expect("no error");
        assert_eq!(db.see(&task).await.steps, Some(vec![step.clone()]));
        let list = db.store.list_tasks(&user.id, TaskQuery::new(app.id.clone())).await.expect("no error");
        step.outputs.clear();
        assert_eq!(list.result[0].steps, Some(vec![step]));
    }

    async fn whether_a_task_is_for_debugging_is_kept(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        for is_debug in [true, false] {
            let insert = TaskInsert { is_debug, ..new_task(&app) };
            let task = db.store.create_task(insert.clone(), None).await.expect("no error").expect("a task");
            assert_eq!((task.is_debug, db.see(&task).await.is_debug), (is_debug, is_debug));
            assert_eq!(db.store.task_job(&user.id, &task.id).await.expect("no error"), Some(insert));
            assert_eq!(db.claim().await.task.is_debug, is_debug);
        }
    }

    async fn the_revision_grows_with_every_visible_change(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let task = db.task(&app).await;
        let revision = async || {
            let found = db.store.task_with_revision(&user.id, &task.id).await.expect("no error");
            found.expect("the task").1
        };
        let mut revisions = vec![revision().await];
        let claimed = db.claim().await;
        revisions.push(revision().await);
        db.store.save_progress(&claimed.claim, Progress::default()).await.expect("no error");
        revisions.push(revision().await);
        db.store.request_cancel(&user.id, &task.id).await.expect("no error");
        revisions.push(revision().await);
        db.finish(&claimed, TaskStatus::Cancelled).await;
        revisions.push(revision().await);
        assert!(revisions.is_sorted_by(|a, b| a < b), "{revisions:?}");
        db.store.request_cancel(&user.id, &task.id).await.expect("no error");
        assert_eq!(revision().await, revisions[4]);
    }

    async fn known_tasks_are_told_from_others(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let (one, other) = (db.task(&app).await.id, db.task(&app).await.id);
        let asked = vec![one.clone(), TaskId::generate(), other.clone()];
        assert_eq!(db.store.known_tasks(asked).await.expect("no error"), [one, other].into());
        assert!(db.store.known_tasks(Vec::new()).await.expect("no error").is_empty());
    }

    async fn absent_tasks_are_none(db: &TestDb) {
        let (user, task) = (UserId::generate(), TaskId::generate());
        assert_eq!(db.store.task(&user, &task).await.expect("no error"), None);
        assert_eq!(db.store.oldest_pending().await.expect("no error"), None);
        assert_eq!(db.store.request_cancel(&user, &task).await.expect("no error"), CancelRequest::Absent);
    }
}
