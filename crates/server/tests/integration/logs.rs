//! Logs of steps that print much, oddly, or not at all.

use flowcd_model::{
    envelope::Code,
    log::{LogQuery, LogTimesQuery},
    step::{StepCount, StepStatus},
    task::TaskStatus,
};

use crate::support::*;

on_both! {
    async fn a_hundred_megabytes_in_short_lines_keep_their_head_and_tail_and_name_the_gap(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        // A million lines of 100 bytes, numbered.
        let (task, _) = deploy_pipeline(&client, "steps:\n  - run: seq 1000000 | awk '{ printf \"%099d\\n\", $1 }'\n").await;
        assert_eq!(task.status, TaskStatus::Success, "{task:?}");
        let log = log_of(&client, &task.id, 1).await;
        let text = String::from_utf8(log).expect("text");
        let (head, rest) = text.split_once("\n[flowcd: ").expect("the gap is named");
        let (n_omitted, tail) = rest.split_once(" bytes left out here by the log's size limit]\n").expect("the gap is named");
        assert!(head.starts_with(&format!("{:099}\n{:099}\n", 1, 2)));
        assert!(tail.ends_with(&format!("{:099}\n", 1_000_000)));
        let n_omitted: usize = n_omitted.parse().expect("a number");
        assert_eq!(head.len() + n_omitted + tail.len(), 100_000_000);
        assert!(head.len() + tail.len() <= 64 << 20);
        assert!(head.len() + tail.len() > 60 << 20, "{}", head.len() + tail.len());
        // Offsets stay those of what was printed.
        let mut query = LogQuery::new(task.id.clone(), StepCount::Number(1));
        (query.from, query.limit) = (Some(99_999_900), Some(100));
        assert_eq!(client.get_log_bytes(&query).await.expect("a part").bytes, format!("{:099}\n", 1_000_000));
        (query.from, query.limit, query.tail) = (None, None, Some(2));
        assert_eq!(client.get_log_bytes(&query).await.expect("the tail").bytes, format!("{:099}\n{:099}\n", 999_999, 1_000_000));
        server.stop().await;
    }
}

on_both! {
    async fn a_gigabyte_without_a_newline_and_a_million_lines_take_bounded_memory(database) {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let database_url = database.fresh();
        let server = Process::start(&data, database_url.as_ref(), &["--max-log-bytes", "8MiB"]);
        let client = server.client(&mint_token(&data, database_url.as_ref()));
        let (task, _) = deploy_pipeline(&client, "steps:\n  - run: head -c 1000000000 /dev/zero | tr '\\0' x\n").await;
        assert_eq!(task.status, TaskStatus::Success, "{task:?}");
        let mut lines = application("lines", "");
        let repo = Repo::with_pipeline("steps:\n  - run: seq 1000000 | awk '{ printf \"%099d\\n\", $1 }'\n");
        lines.repo_url = repo.url();
        let lines = client.create_application(&lines).await.expect("made").id;
        let lines = deploy(&client, &lines).await;
        assert_eq!(lines.status, TaskStatus::Success, "{lines:?}");
        let peak_bytes = server.peak_bytes();
        assert!(peak_bytes < 150 << 20, "{peak_bytes} bytes at the peak");
        let mut query = LogQuery::new(task.id.clone(), StepCount::Number(1));
        (query.from, query.limit) = (Some(999_999_990), Some(100));
        assert_eq!(client.get_log_bytes(&query).await.expect("the end").bytes, "xxxxxxxxxx");
        (query.from, query.limit) = (Some(0), Some(10));
        assert_eq!(client.get_log_bytes(&query).await.expect("the start").bytes, "xxxxxxxxxx");
    }
}

on_both! {
    async fn bytes_that_are_no_text_come_back_as_they_were(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let (task, followed) = deploy_pipeline(&client, "steps:\n  - run: printf 'a\\377\\376b\\303'; printf '\\251\\n'\n").await;
        assert_success(&task, &followed);
        assert_eq!(log_of(&client, &task.id, 1).await, b"a\xff\xfeb\xc3\xa9\n");
        assert_eq!(followed.logs[&StepCount::Number(1)], b"a\xff\xfeb\xc3\xa9\n");
        server.stop().await;
    }
}

on_both! {
    async fn a_background_child_that_holds_the_pipe_hangs_nothing(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let (task, followed) = deploy_pipeline(&client, "steps:\n  - run: sleep 1000 & echo first\n  - run: echo second\n").await;
        assert_success(&task, &followed);
        assert_eq!((followed.log(1), followed.log(2)), ("first\n".to_owned(), "second\n".to_owned()));
        server.stop().await;
    }
}

on_both! {
    async fn a_log_is_followed_while_it_grows_and_read_by_byte_and_line(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let gate = tempfile::tempdir().expect("a folder");
        let go = gate.path().join("go");
        let pipeline = format!("steps:\n  - run: |\n      echo one; echo two\n      while ! test -e {}; do sleep 0.01; done\n      printf 'three\\nfour'\n", go.display());
        let repo = Repo::with_pipeline(&pipeline);
        let app = create_app(&client, &repo).await;
        let task = dispatch(&client, &app).await;
        // The first lines arrive while the step still runs.
        let early = follow_until(&client, &task, |followed| followed.log(1) == "one\ntwo\n").await;
        assert_eq!(early.log(1), "one\ntwo\n");
        std::fs::write(&go, "").expect("a file");
        let followed = follow(&client, &task).await;
        assert_eq!(followed.log(1), "one\ntwo\nthree\nfour");

        let part = async |from, limit, tail| {
            let mut query = LogQuery::new(task.clone(), StepCount::Number(1));
            (query.from, query.limit, query.tail) = (from, limit, tail);
            client.get_log(&query).await.expect("a part of the log")
        };
        assert_eq!(part(Some(4), None, None).await, "two\nthree\nfour");
        assert_eq!(part(Some(4), Some(5), None).await, "two\nt");
        assert_eq!(part(Some(1000), None, None).await, "");
        assert_eq!(part(None, None, Some(1)).await, "four");
        assert_eq!(part(None, None, Some(2)).await, "three\nfour");
        assert_eq!(part(None, None, Some(100)).await, "one\ntwo\nthree\nfour");
        server.stop().await;
    }
}

on_both! {
    async fn lines_come_with_the_times_they_were_printed_at(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let gate = tempfile::tempdir().expect("a folder");
        let go = gate.path().join("go");
        let pipeline = format!("steps:\n  - run: |\n      printf 'one\\ntw'\n      while ! test -e {}; do sleep 0.01; done\n      printf 'o\\n\\nfour'\n  - run: 'true'\n", go.display());
        let repo = Repo::with_pipeline(&pipeline);
        let app = create_app(&client, &repo).await;
        let task = dispatch(&client, &app).await;
        let _ = follow_until(&client, &task, |followed| followed.log(1) == "one\ntw").await;
        let times = async |from| {
            let query = LogTimesQuery { task_id: task.clone(), step_count: StepCount::Number(1), from: Some(from) };
            client.get_log_times(&query).await.expect("times")
        };
        // While the step still runs.
        let early = times(0).await;
        assert_eq!((early.times[0].from, early.next), (0, 6));
        std::fs::write(&go, "").expect("a file");
        let followed = follow(&client, &task).await;
        assert_eq!(followed.log(1), "one\ntwo\n\nfour");
        let found = times(0).await;
        assert_eq!((found.times[0], found.next), (early.times[0], 13));
        let late = found.times.iter().find(|it| it.from == 6).expect("what came later has a time of its own");
        assert!(late.time > found.times[0].time, "{found:?}");
        let step = client.get_task(&task).await.expect("the task").steps.expect("steps").swap_remove(1);
        let started = step.started_time.expect("it began");
        assert!(found.times.iter().all(|it| it.time >= started), "{started:?} {found:?}");
        assert_eq!(times(13).await.times, []);

        // A line has the time of its beginning, wherever the reading begins.
        let (one, late) = (found.times[0].time.precise(), late.time.precise());
        let mut query = LogQuery::new(task.clone(), StepCount::Number(1));
        query.with_times = true;
        let whole = format!("{one} one\n{one} two\n{late} \n{late} four");
        assert_eq!(client.get_log(&query).await.expect("the log"), whole);
        let part = client.get_log_bytes(&query).await.expect("the log");
        assert_eq!((part.from, part.next, part.bytes.as_ref()), (0, 13, whole.as_bytes()));
        query.tail = Some(1);
        assert_eq!(client.get_log(&query).await.expect("the log"), format!("{late} four"));

        let absent = LogTimesQuery { task_id: task.clone(), step_count: StepCount::Number(9), from: None };
        assert_eq!(client.get_log_times(&absent).await.expect_err("no such step").code(), Some(Code::NotFound));
        let silent = LogTimesQuery { step_count: StepCount::Number(2), ..absent };
        assert_eq!(client.get_log_times(&silent).await.expect("no times").times, []);
        server.stop().await;
    }
}

on_both! {
    async fn the_stored_log_of_a_step_is_one_file_that_zstdcat_reads(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let (task, followed) = deploy_pipeline(&client, "steps:\n  - run: for i in 1 2 3; do echo line $i; sleep 0.15; done\n").await;
        assert_success(&task, &followed);
        let folder = server.data.path().join("data/logs").join(task.id.as_str());
        let mut names: Vec<_> = std::fs::read_dir(&folder).expect("the folder").flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        assert_eq!(names, ["step_0.log.zst", "step_1.log.zst", "step_completed.log.zst"]);
        let stored = std::fs::read(folder.join("step_1.log.zst")).expect("the file");
        assert_eq!(zstd::decode_all(stored.as_slice()).expect("zstd"), b"line 1\nline 2\nline 3\n");
        client.remove_task(&task.id).await.expect("removed");
        assert!(!folder.exists() || std::fs::read_dir(&folder).expect("the folder").next().is_none());
        server.stop().await;
    }
}

on_both! {
    async fn a_step_that_ignores_sigterm_is_killed_after_the_grace_period(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps:\n  - run: trap '' TERM; echo up; while true; do sleep 1; done\n");
        let app = create_app(&client, &repo).await;
        let task = dispatch(&client, &app).await;
        follow_until(&client, &task, |followed| followed.log(1).contains("up")).await;
        client.cancel_task(&task).await.expect("accepted");
        let task = finished(&client, &task).await;
        assert_eq!(task.status, TaskStatus::Cancelled);
        assert_eq!(task.steps.expect("steps")[1].status, StepStatus::Cancelled);
        server.stop().await;
    }
}

on_both! {
    async fn a_log_older_than_its_retention_is_removed_and_its_task_stays(database) {
        let server = Server::start_with(database, |config| config.log_retention = Some(std::time::Duration::ZERO)).await;
        let client = server.admin().await;
        let (task, followed) = deploy_pipeline(&client, "steps:\n  - run: echo old\n").await;
        assert_success(&task, &followed);
        // Every start begins with a look at what is old.
        let server = server.restart().await;
        let client = server.admin().await;
        let folder = server.data.path().join("data/logs").join(task.id.as_str());
        within("the removal of the log", async {
            while std::fs::read_dir(&folder).is_ok_and(|mut files| files.next().is_some()) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(client.get_task(&task.id).await.expect("the task").status, TaskStatus::Success);
        let followed = follow(&client, &task.id).await;
        assert_eq!(followed.log(1), "");
        server.stop().await;
    }
}
