//! A server that is killed in the middle, as its own process.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use flowcd_model::{id::TaskId, task::TaskStatus};
use secrecy::ExposeSecret;

use crate::support::*;

on_both! {
    async fn a_killed_server_settles_its_orphans_and_runs_what_waited_once(database) {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let runs = folder.path().join("runs");
        fs::create_dir(&runs).expect("a folder");
        let database_url = database.fresh();
        let pipeline = format!(
            "steps:\n  - run: |\n      echo x >> {runs}/$FLOWCD_TASK_ID\n      test -e {runs}/go && exit 0\n      (setsid sleep 1000 &) ; echo $$ > {runs}/pid.$FLOWCD_TASK_ID; sleep 1000\n",
            runs = runs.display()
        );
        let repo = Repo::with_pipeline(&pipeline);
        let server = Process::start(&data, database_url.as_ref(), &[]);
        let token = mint_token(&data, database_url.as_ref());
        let client = server.client(&token);
        let app = create_app(&client, &repo).await;
        let mut tasks = Vec::new();
        for _ in 0..25 {
            tasks.push(dispatch(&client, &app).await);
        }
        let (running, waiting) = tasks.split_at(5);
        within("five tasks running", async {
            while !running.iter().all(|task| runs.join(format!("pid.{task}")).exists()) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert!(!orphans(&runs, running).is_empty());
        server.kill();
        fs::write(runs.join("go"), "").expect("a file");

        let started = Instant::now();
        let server = Process::start(&data, database_url.as_ref(), &[]);
        let client = server.client(&token);
        for task in running {
            let task = client.get_task(task).await.expect("the task");
            assert_eq!(task.status, TaskStatus::Failure);
            assert!(task.error.as_deref().is_some_and(|error| error.contains("runner lost")), "{task:?}");
        }
        assert!(started.elapsed() < Duration::from_secs(5), "settled only after {:?}", started.elapsed());
        assert_eq!(orphans(&runs, running), Vec::<String>::new());
        for task in waiting {
            assert_eq!(finished(&client, task).await.status, TaskStatus::Success);
        }
        for task in &tasks {
            let n_runs = fs::read_to_string(runs.join(task.as_str())).expect("it ran").lines().count();
            assert_eq!(n_runs, 1, "task {task}");
        }
        drop(server);
    }
}

/// The processes that tasks left behind: by process group, and by marker for those who left the group.
fn orphans(runs: &Path, tasks: &[TaskId]) -> Vec<String> {
    let groups: Vec<String> = tasks
        .iter()
        .map(|task| {
            fs::read_to_string(runs.join(format!("pid.{task}")))
                .unwrap_or_default()
                .trim()
                .to_owned()
        })
        .collect();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // Behind the name in parentheses: state, parent, group.
        let Some((_, rest)) = stat.rsplit_once(") ") else {
            continue;
        };
        let fields: Vec<&str> = rest.split(' ').collect();
        let is_dead = fields.first() == Some(&"Z");
        let in_group = fields
            .get(2)
            .is_some_and(|group| groups.iter().any(|pid| pid == group));
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment).into_owned();
        let is_marked = tasks.iter().any(|task| {
            environment
                .split('\0')
                .any(|one| one.starts_with("FLOWCD_RUN=") && one.ends_with(task.as_str()))
        });
        if !is_dead && (in_group || is_marked) {
            found.push(name);
        }
    }
    found
}

on_both! {
    async fn a_polite_signal_ends_the_server_well_and_a_second_server_on_its_folder_is_refused(database) {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let database_url = database.fresh();
        let mut server = Process::start(&data, database_url.as_ref(), &[]);
        let second = Command::new(env!("CARGO_BIN_EXE_flowcd-server"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&data)
            .envs(database_url.as_ref().map(|url| ("FLOWCD_DATABASE_URL", url.expose_secret())))
            .output()
            .expect("flowcd-server starts");
        assert!(!second.status.success());
        assert!(String::from_utf8_lossy(&second.stderr).contains("another server"), "{second:?}");
        let pid = nix::unistd::Pid::from_raw(server.child.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("signalled");
        let status = server.child.wait().expect("gone");
        assert!(status.success(), "{status}");
    }
}
