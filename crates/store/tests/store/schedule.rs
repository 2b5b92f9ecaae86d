use flowcd_model::{
    application::{Application, ApplicationPatch},
    delivery::{Delivery, DeliveryKind},
    time::Millis,
};
use flowcd_store::{DueSchedule, ScheduleInsert, TaskInsert};

use crate::{
    delivery::push,
    harness::{TestDb, new_app, new_task, on_both},
};

fn entry(name: &str, next_time: i64) -> ScheduleInsert {
    ScheduleInsert {
        entry: name.to_owned(),
        next_time: Millis(next_time),
    }
}

async fn scheduled(db: &TestDb, entries: Vec<ScheduleInsert>) -> Application {
    let user = db.user("ada").await;
    let mut insert = new_app(&user.id, "hello");
    insert.schedules = entries;
    db.store
        .create_application(insert, None)
        .await
        .expect("made")
}

fn tick_of(app: &Application, due: &DueSchedule) -> (Delivery, Vec<TaskInsert>) {
    let tasks = vec![new_task(app)];
    let mut delivery = push(
        app,
        &format!("schedule:{}:{}", due.entry, due.due_time.0),
        &tasks,
    );
    delivery.kind = DeliveryKind::Schedule;
    (delivery, tasks)
}

on_both! {
    async fn schedules_come_due_in_the_order_of_their_times(db: &TestDb) {
        let app = scheduled(db, vec![entry("b", 20), entry("a", 10), entry("c", 30)]).await;
        let due = db.store.due_schedules(Millis(20)).await.expect("no error");
        assert_eq!(due, [
            DueSchedule { app_id: app.id.clone(), entry: "a".to_owned(), due_time: Millis(10) },
            DueSchedule { app_id: app.id.clone(), entry: "b".to_owned(), due_time: Millis(20) },
        ]);
    }

    async fn a_tick_runs_once_however_many_servers_see_it(db: &TestDb) {
        let app = scheduled(db, vec![entry("a", 10)]).await;
        let due = db.store.due_schedules(Millis(10)).await.expect("no error").remove(0);
        let ticks = (0..8).map(|_| db.store.tick(&due, Some(Millis(99)), Some(tick_of(&app, &due))));
        let mut n_made = 0;
        for tick in ticks {
            if tick.await.expect("no error").is_some() {
                n_made += 1;
            }
        }
        assert_eq!(n_made, 1);
        assert_eq!(db.value("SELECT CAST(COUNT(*) AS TEXT) AS value FROM tasks").as_deref(), Some("1"));
        assert_eq!(db.store.due_schedules(Millis(98)).await.expect("no error"), []);
        assert_eq!(db.store.due_schedules(Millis(99)).await.expect("no error").len(), 1);
    }

    async fn a_schedule_without_a_next_time_ends(db: &TestDb) {
        let app = scheduled(db, vec![entry("a", 10)]).await;
        let due = db.store.due_schedules(Millis(10)).await.expect("no error").remove(0);
        assert!(db.store.tick(&due, None, Some(tick_of(&app, &due))).await.expect("no error").is_some());
        assert_eq!(db.store.due_schedules(Millis(i64::MAX)).await.expect("no error"), []);
    }

    async fn a_changed_trigger_keeps_the_times_of_the_entries_that_stay(db: &TestDb) {
        let app = scheduled(db, vec![entry("stays", 10), entry("goes", 10)]).await;
        let entries = vec![entry("stays", 500), entry("comes", 20)];
        db.store.update_application(&app.user_id, ApplicationPatch::new(app.id.clone()), Some(entries)).await.expect("no error");
        let due = db.store.due_schedules(Millis(1_000)).await.expect("no error");
        let found: Vec<(&str, i64)> = due.iter().map(|it| (it.entry.as_str(), it.due_time.0)).collect();
        assert_eq!(found, [("stays", 10), ("comes", 20)]);
        db.store.update_application(&app.user_id, ApplicationPatch::new(app.id.clone()), None).await.expect("no error");
        assert_eq!(db.store.due_schedules(Millis(1_000)).await.expect("no error").len(), 2, "another change touches none");
        db.store.update_application(&app.user_id, ApplicationPatch::new(app.id.clone()), Some(Vec::new())).await.expect("no error");
        assert_eq!(db.store.due_schedules(Millis(1_000)).await.expect("no error"), []);
    }
}
