//! Logs that belong to nobody: their task is gone, and the server ended before it could remove them.

use std::{collections::BTreeMap, mem};

use flowcd_model::{id::TaskId, time::Millis};
use futures_util::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, path::Path as ObjectPath};
use tracing::{info, warn};

use super::{LogError, Logs};

/// How many tasks the database is asked about at once.
const BATCH: usize = 500;

/// Says since when a task's log is known to belong to nobody: its time is that of the first look that found so.
const MARK: &str = "orphan";

/// What lies there of one task.
#[derive(Default)]
struct Found {
    /// When something of the log was written last.
    written_ms: i64,
    /// When it was marked.
    marked_ms: Option<i64>,
}

impl Logs {
    /// Removes the logs whose task does not exist and did not when a look before `before` marked them; marks those
    /// that are not marked yet, unless they were written to after `before`.
    ///
    /// Two looks, because the database can be the wrong one by mistake, and logs do not come back: who notices in
    /// time loses nothing. One that has no task at all is taken for the wrong one.
    pub(crate) async fn delete_orphans(&self, before: Millis) -> Result<(), LogError> {
        if self.store.task_counts().await?.values().sum::<i64>() == 0 {
            return Ok(());
        }
        let mut objects = self.objects.list(Some(&ObjectPath::from("logs")));
        let mut found: BTreeMap<TaskId, Found> = BTreeMap::new();
        let mut n_marked = 0;
        while let Some(object) = objects.try_next().await? {
            // What lies there by another name is not ours.
            let Some(task) = task_of(&object.location) else {
                continue;
            };
            if !found.contains_key(&task) && found.len() >= BATCH {
                n_marked += self.look_at(mem::take(&mut found), before).await?;
            }
            let at_ms = object.last_modified.timestamp_millis();
            let found = found.entry(task).or_default();
            match object.location.filename() {
                Some(MARK) => found.marked_ms = Some(at_ms),
                _ => found.written_ms = found.written_ms.max(at_ms),
            }
        }
        n_marked += self.look_at(found, before).await?;
        if n_marked > 0 {
            warn!(
                "{n_marked} logs belong to no task of this database; they are removed in a day, unless it is another one then"
            );
        }
        Ok(())
    }

    /// Removes, marks or unmarks what was found of some tasks; answers how many are marked now and were not before.
    async fn look_at(
        &self,
        found: BTreeMap<TaskId, Found>,
        before: Millis,
    ) -> Result<usize, LogError> {
        let tasks: Vec<TaskId> = found.keys().cloned().collect();
        let known = self.store.known_tasks(tasks).await?;
        let mut n_marked = 0;
        for (task, found) in found {
            let mark = ObjectPath::from_iter(["logs", task.as_str(), MARK]);
            match (known.contains(&task), found.marked_ms) {
                (true, Some(_)) => self.objects.delete(&mark).await?,
                (false, Some(marked_ms)) if marked_ms < before.0 => {
                    self.delete_task(&task).await?;
                    info!(task.id = %task, "Removed the log of task `{task}`, which is gone");
                }
                (false, None) if found.written_ms < before.0 => {
                    self.objects.put(&mark, PutPayload::default()).await?;
                    n_marked += 1;
                }
                _ => {}
            }
        }
        Ok(n_marked)
    }
}

/// The task of an object `logs/<task>/..`.
fn task_of(object: &ObjectPath) -> Option<TaskId> {
    object.parts().nth(1)?.as_ref().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use flowcd_model::{
        application::{NewApplication, Provider, Webhook},
        id::{AppId, TaskId},
        task::TriggerType,
        time::Millis,
    };
    use flowcd_store::{
        ApplicationInsert, DatabaseUrl, Keyring, Store, TaskInsert, WebhookSecrets,
    };

    use super::super::Logs;

    async fn task(store: &Store) -> TaskId {
        let user = store.create_user("ada", &"a long password".into()).await;
        let new = NewApplication {
            repo: "hello".to_owned(),
            owner: "octocat".to_owned(),
            repo_url: "https://github.com/octocat/hello.git".to_owned(),
            provider: Provider::Github,
            ..NewApplication::default()
        };
        let insert = ApplicationInsert {
            id: AppId::generate(),
            user_id: user.expect("a user").id,
            new,
            webhook_secrets: WebhookSecrets::default(),
            webhook: Webhook {
                url: String::new(),
                is_installed: false,
                hook_id: None,
                problem: None,
            },
            schedules: Vec::new(),
        };
        let app = store
            .create_application(insert, None)
            .await
            .expect("an application");
        let insert = TaskInsert {
            id: TaskId::generate(),
            app_id: app.id,
            user_id: app.user_id,
            git_ref: None,
            commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            message: String::new(),
            inputs: Default::default(),
            pipeline_file: "serverless-pipeline.yaml".to_owned(),
            trigger_type: TriggerType::Manual,
            redelivery: None,
            delivery_id: None,
            event: None,
            is_fork: false,
            is_debug: false,
        };
        let task = store.create_task(insert, None).await.expect("no error");
        task.expect("a task").id
    }

    fn write(folder: &Path, name: &str) {
        let path = folder.join("logs").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, "a log").expect("a file");
    }

    #[tokio::test]
    async fn logs_without_a_task_are_removed_once_they_are_old() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = DatabaseUrl::Sqlite(folder.path().join("flowcd.db"));
        let store = Store::open(&url, Keyring::generate())
            .await
            .expect("a store");
        let kept = task(&store).await;
        let logs = Logs::open(store, folder.path(), 1 << 20).expect("logs");
        let there = || {
            let entries = fs::read_dir(folder.path().join("logs")).expect("a folder");
            let names = entries.flatten().map(|entry| entry.file_name());
            let mut names: Vec<_> = names.filter_map(|name| name.into_string().ok()).collect();
            names.sort();
            names
        };
        write(folder.path(), &format!("{kept}/step_0.log.zst"));
        write(folder.path(), "not ours/file");
        for _ in 0..super::BATCH + 2 {
            let gone = TaskId::generate();
            write(folder.path(), &format!("{gone}/step_0.log.zst"));
            write(folder.path(), &format!("{gone}/step_1.0.zst"));
        }
        let hour_ago = Millis::now().plus_ms(-3_600_000);
        let in_an_hour = Millis::now().plus_ms(3_600_000);
        let all = super::BATCH + 4;
        logs.delete_orphans(hour_ago).await.expect("no error");
        assert_eq!(there().len(), all, "they may be about to get their task");
        logs.delete_orphans(in_an_hour).await.expect("no error");
        assert_eq!(there().len(), all, "the database may be the wrong one");
        logs.delete_orphans(hour_ago).await.expect("no error");
        assert_eq!(there().len(), all, "nobody had the time to notice");
        logs.delete_orphans(in_an_hour).await.expect("no error");
        let mut expected = vec![kept.to_string(), "not ours".to_owned()];
        expected.sort();
        assert_eq!(there(), expected);
    }

    #[tokio::test]
    async fn no_log_is_removed_for_a_database_that_knows_no_task_or_knows_it_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let open = async |name: &str| {
            let url = DatabaseUrl::Sqlite(folder.path().join(name));
            let store = Store::open(&url, Keyring::generate()).await;
            let store = store.expect("a store");
            let logs = Logs::open(store.clone(), folder.path(), 1 << 20);
            (store, logs.expect("logs"))
        };
        let (right, logs) = open("right.db").await;
        let kept = task(&right).await;
        let log = format!("{kept}/step_0.log.zst");
        write(folder.path(), &log);
        let in_an_hour = Millis::now().plus_ms(3_600_000);
        let (wrong, wrong_logs) = open("wrong.db").await;
        for _ in 0..2 {
            wrong_logs.delete_orphans(in_an_hour).await.expect("ok");
        }
        task(&wrong).await;
        wrong_logs.delete_orphans(in_an_hour).await.expect("ok");
        // The operator noticed.
        logs.delete_orphans(in_an_hour).await.expect("no error");
        wrong_logs.delete_orphans(in_an_hour).await.expect("ok");
        assert!(folder.path().join("logs").join(&log).is_file());
    }
}
