//! Logs that belong to nobody: their task is gone, and the server ended before it could remove them.

use std::{collections::BTreeMap, mem};

use flowcd_model::{id::TaskId, time::Millis};
use futures_util::TryStreamExt;
use object_store::{ObjectStore, path::Path as ObjectPath};
use tracing::info;

use super::{LogError, Logs};

/// How many tasks the database is asked about at once.
const BATCH: usize = 500;

impl Logs {
    /// Removes the logs whose task does not exist, unless they were written to after `before`.
    pub(crate) async fn delete_orphans(&self, before: Millis) -> Result<(), LogError> {
        let mut objects = self.objects.list(Some(&ObjectPath::from("logs")));
        let mut newest: BTreeMap<TaskId, i64> = BTreeMap::new();
        while let Some(object) = objects.try_next().await? {
            // What lies there by another name is not ours.
            let Some(task) = task_of(&object.location) else {
                continue;
            };
            let written_ms = object.last_modified.timestamp_millis();
            let is_known = newest.contains_key(&task);
            if !is_known && newest.len() >= BATCH {
                self.delete_unknown(mem::take(&mut newest), before).await?;
            }
            let latest = newest.entry(task).or_insert(written_ms);
            *latest = written_ms.max(*latest);
        }
        self.delete_unknown(newest, before).await
    }

    async fn delete_unknown(
        &self,
        newest: BTreeMap<TaskId, i64>,
        before: Millis,
    ) -> Result<(), LogError> {
        let old = newest.into_iter().filter(|(_, at)| *at < before.0);
        let old: Vec<TaskId> = old.map(|(task, _)| task).collect();
        let known = self.store.known_tasks(old.clone()).await?;
        for task in old.iter().filter(|task| !known.contains(*task)) {
            self.delete_task(task).await?;
            info!(task.id = %task, "Removed the log of task `{task}`, which is gone");
        }
        Ok(())
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
        application::{NewApplication, Provider},
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
            provider_repo_id: None,
            provider: Provider::Github,
            trigger_spec: Default::default(),
            description: String::new(),
            secrets: Default::default(),
            envs: None,
        };
        let insert = ApplicationInsert {
            id: AppId::generate(),
            user_id: user.expect("a user").id,
            new,
            webhook_secrets: WebhookSecrets::default(),
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
        logs.delete_orphans(hour_ago).await.expect("no error");
        assert_eq!(
            there().len(),
            super::BATCH + 4,
            "they may be about to get their task"
        );
        let in_an_hour = Millis::now().plus_ms(3_600_000);
        logs.delete_orphans(in_an_hour).await.expect("no error");
        let mut expected = vec![kept.to_string(), "not ours".to_owned()];
        expected.sort();
        assert_eq!(there(), expected);
    }
}
