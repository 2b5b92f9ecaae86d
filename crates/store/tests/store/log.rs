use flowcd_model::{id::TaskId, log::LogTime, step::StepCount, task::TaskStatus, time::Millis};
use flowcd_store::{AppDeletion, Error, Lease, LogSize, Segment};

use crate::harness::{TestDb, on_both};

const ONE: StepCount = StepCount::Number(1);

/// Segment `index` of step 1: 100 bytes with ten newlines.
fn segment(index: u64) -> Segment {
    Segment {
        step_count: ONE,
        first_byte: index * 100,
        n_bytes: 100,
        first_line: index * 10,
        n_lines: 10,
        object: Some(format!("logs/{index}.zst")),
        object_offset: 0,
        object_bytes: 40,
        times: Vec::new(),
    }
}

fn segments(range: std::ops::Range<u64>) -> Vec<Segment> {
    range.map(segment).collect()
}

on_both! {
    async fn a_log_is_read_from_any_byte(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let task = db.task(&app).await;
        let claimed = db.claim().await;
        let held = Lease::Held { is_cancel_requested: false };
        for part in [0..3, 3..4, 4..10] {
            assert_eq!(db.store.append_segments(&claimed.claim, segments(part)).await.expect("no error"), held);
        }
        let completed = Segment { step_count: StepCount::Completed, ..segment(0) };
        db.store.append_segments(&claimed.claim, vec![completed.clone()]).await.expect("no error");

        let read = async |from, limit| db.store.segments(&task.id, ONE, from, limit).await.expect("segments");
        assert_eq!(read(0, 100).await, segments(0..10));
        assert_eq!(read(0, 2).await, segments(0..2));
        assert_eq!(read(99, 2).await, segments(0..2));
        assert_eq!(read(100, 2).await, segments(1..3));
        assert_eq!(read(950, 2).await, segments(9..10));
        for (from, limit) in [(1000, 5), (u64::MAX, 5), (0, 0), (0, -1)] {
            assert_eq!(read(from, limit).await, [], "{from} {limit}");
        }
        let other = db.store.segments(&task.id, StepCount::Completed, 0, 9).await.expect("segments");
        assert_eq!(other, [completed]);
        let size = db.store.log_size(&task.id, ONE).await.expect("no error");
        assert_eq!(size, Some(LogSize { n_bytes: 1000, n_lines: 100 }));
        assert_eq!(db.store.log_size(&task.id, StepCount::SET_UP).await.expect("no error"), None);
        assert_eq!(db.store.task_objects(&task.id).await.expect("no error").len(), 10);
    }

    async fn times_are_told_from_any_byte(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let task = db.task(&app).await;
        let claimed = db.claim().await;
        let time = |from, ms: i64| LogTime { from, time: Millis(1_668_765_432_000 + ms) };
        let log = vec![
            Segment { times: vec![time(0, 0), time(40, 100)], ..segment(0) },
            // A version that kept no times wrote this one, and this one the size limit left out.
            segment(1),
            Segment { object: None, object_bytes: 0, ..segment(2) },
            Segment { times: vec![time(300, 300), time(399, 250)], ..segment(3) },
        ];
        db.store.append_segments(&claimed.claim, log).await.expect("no error");
        let read = async |from| {
            let found = db.store.log_times(&task.id, ONE, from).await.expect("times");
            (found.times, found.next)
        };
        let all = vec![time(0, 0), time(40, 100), time(300, 300), time(399, 250)];
        assert_eq!(read(0).await, (all.clone(), 400));
        assert_eq!(read(39).await, (all.clone(), 400));
        assert_eq!(read(40).await, (all[1..].to_vec(), 400));
        assert_eq!(read(150).await, (all[2..].to_vec(), 400));
        assert_eq!(read(399).await, (all[3..].to_vec(), 400));
        for from in [400, u64::MAX] {
            assert_eq!(read(from).await, (Vec::new(), from));
        }
        // More than are told at once.
        let many: Vec<_> = (0..70).map(|n| Segment { times: vec![time(n * 100, 0)], ..segment(n) }).collect();
        db.store.replace_segments(&claimed.claim, ONE, many).await.expect("no error");
        let (times, next) = read(0).await;
        assert_eq!((times.len(), next), (64, 6400));
        let (times, next) = read(6400).await;
        assert_eq!((times.len(), next), (6, 7000));
    }

    async fn a_tail_is_as_short_as_its_lines_allow(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let task = db.task(&app).await;
        let claimed = db.claim().await;
        let mut log = segments(0..5);
        // A long line without a newline at the end.
        log.push(Segment { n_lines: 0, ..segment(5) });
        db.store.append_segments(&claimed.claim, log.clone()).await.expect("no error");
        for (lines, start) in [(0, 5), (1, 4), (10, 4), (11, 3), (50, 0), (51, 0), (u64::MAX, 0)] {
            let tail = db.store.log_tail(&task.id, ONE, lines).await.expect("a tail");
            assert_eq!(tail, log[start..], "{lines} lines");
        }
        assert_eq!(db.store.log_tail(&TaskId::generate(), ONE, 5).await.expect("a tail"), []);
    }

    async fn compaction_puts_one_object_in_the_place_of_many(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let task = db.task(&app).await;
        let claimed = db.claim().await;
        db.store.append_segments(&claimed.claim, segments(0..1200)).await.expect("no error");
        let set_up = Segment { step_count: StepCount::SET_UP, ..segment(0) };
        db.store.append_segments(&claimed.claim, vec![set_up.clone()]).await.expect("no error");
        let gap = Segment { object: None, object_bytes: 0, ..segment(1) };
        let compacted = vec![Segment { object: Some("one".to_owned()), ..segment(0) }, gap];
        db.store.replace_segments(&claimed.claim, ONE, compacted.clone()).await.expect("no error");
        assert_eq!(db.store.segments(&task.id, ONE, 0, 9).await.expect("segments"), compacted);
        assert_eq!(db.store.segments(&task.id, StepCount::SET_UP, 0, 9).await.expect("segments"), [set_up]);
        assert_eq!(db.store.task_objects(&task.id).await.expect("no error"), ["logs/0.zst", "one"]);
        let other_step = db.store.replace_segments(&claimed.claim, StepCount::SET_UP, segments(0..1)).await;
        assert!(matches!(other_step, Err(Error::OutOfRange("step_count"))), "{other_step:?}");
    }

    async fn a_reader_misses_nothing_while_segments_are_put_together(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let task = db.task(&app).await;
        let claimed = db.claim().await;
        let many = segments(0..40);
        let one = Segment { n_bytes: 4000, n_lines: 400, ..segment(0) };
        db.store.append_segments(&claimed.claim, many.clone()).await.expect("no error");
        let (store, claim) = (db.store.clone(), claimed.claim.clone());
        let writer = tokio::spawn(async move {
            for _ in 0..150 {
                store.replace_segments(&claim, ONE, vec![one.clone()]).await.expect("no error");
                store.replace_segments(&claim, ONE, many.clone()).await.expect("no error");
            }
        });
        while !writer.is_finished() {
            let found = db.store.segments(&task.id, ONE, 2050, 9).await.expect("segments");
            assert!(found.first().is_some_and(|first| first.first_byte <= 2050), "{found:?}");
            let tail = db.store.log_tail(&task.id, ONE, 15).await.expect("a tail");
            assert!(tail.first().is_some_and(|first| first.first_line <= 385), "{tail:?}");
        }
        writer.await.expect("written");
    }

    async fn a_segment_twice_is_there_once_and_a_huge_one_is_refused(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let task = db.task(&app).await;
        let claimed = db.claim().await;
        for _ in 0..2 {
            db.store.append_segments(&claimed.claim, segments(0..2)).await.expect("no error");
        }
        assert_eq!(db.store.segments(&task.id, ONE, 0, 9).await.expect("segments"), segments(0..2));
        let huge = Segment { n_bytes: u64::MAX, ..segment(5) };
        let refused = db.store.append_segments(&claimed.claim, vec![huge]).await;
        assert!(matches!(refused, Err(Error::OutOfRange("n_bytes"))), "{refused:?}");
    }

    async fn a_runner_without_its_lease_writes_no_log(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let task = db.task(&app).await;
        let claimed = db.claim().await;
        db.store.append_segments(&claimed.claim, segments(0..2)).await.expect("no error");
        db.finish(&claimed, TaskStatus::Success).await;
        assert_eq!(db.store.append_segments(&claimed.claim, segments(2..3)).await.expect("no error"), Lease::Lost);
        assert_eq!(db.store.replace_segments(&claimed.claim, ONE, vec![]).await.expect("no error"), Lease::Lost);
        assert_eq!(db.store.segments(&task.id, ONE, 0, 9).await.expect("segments"), segments(0..2));
    }

    async fn the_index_goes_with_the_task_and_with_the_application(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let n_rows = || db.value("SELECT CAST(COUNT(*) AS TEXT) AS value FROM log_segments");
        let mut tasks = Vec::new();
        for _ in 0..2 {
            tasks.push(db.task(&app).await);
            let claimed = db.claim().await;
            db.store.append_segments(&claimed.claim, segments(0..3)).await.expect("no error");
            db.finish(&claimed, TaskStatus::Success).await;
        }
        assert_eq!(n_rows().as_deref(), Some("6"));
        db.store.remove_task(&user.id, &tasks[0].id).await.expect("no error");
        assert_eq!(n_rows().as_deref(), Some("3"));
        let deleted = db.store.delete_application(&user.id, &app.id).await.expect("no error");
        assert_eq!(deleted, AppDeletion::Deleted { tasks: vec![tasks[1].id.clone()] });
        assert_eq!(n_rows().as_deref(), Some("0"));
    }

    async fn old_logs_are_found_once_and_forgotten(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let mut tasks = Vec::new();
        for _ in 0..3 {
            tasks.push(db.task(&app).await.id);
            let claimed = db.claim().await;
            db.store.append_segments(&claimed.claim, segments(0..2)).await.expect("no error");
            if tasks.len() < 3 {
                db.finish(&claimed, TaskStatus::Success).await;
            }
        }
        db.task(&app).await;
        let later = Millis::now().plus_ms(1_000);
        let old = async |before, limit| db.store.tasks_with_old_logs(before, limit).await.expect("no error");
        assert_eq!(old(Millis(5), 10).await, []);
        assert_eq!(old(later, 1).await.len(), 1);
        let mut found = old(later, 10).await;
        found.sort();
        tasks[..2].sort();
        assert_eq!(found, tasks[..2], "neither what runs nor what waits");
        for task in &tasks {
            db.store.forget_log(task).await.expect("no error");
        }
        assert_eq!(old(later, 10).await, []);
        assert_eq!(db.store.segments(&tasks[0], ONE, 0, 9).await.expect("segments"), []);
        assert_eq!(db.store.segments(&tasks[2], ONE, 0, 9).await.expect("segments"), segments(0..2), "it runs");
    }
}
