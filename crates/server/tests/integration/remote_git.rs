//! A repository on a host that asks who is there, and what becomes of the token.

use std::{
    collections::BTreeSet,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use flowcd_model::{
    application::Provider, envelope::Code, task::TaskStatus, user::NewProviderToken,
};

use crate::{
    git_http::{GitHttp, GitHttpOptions},
    support::*,
};

const TOKEN: &str = "glpat-canary-token-of-the-host";

/// Looks at every process of this machine, again and again, for the token in its arguments.
struct ArgumentWatch {
    is_over: Arc<AtomicBool>,
    watcher: std::thread::JoinHandle<(u64, BTreeSet<String>)>,
}

impl ArgumentWatch {
    fn start() -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let stop = is_over.clone();
        let watcher = std::thread::spawn(move || {
            let (mut n_git, mut leaks) = (0, BTreeSet::new());
            while !stop.load(Ordering::Relaxed) {
                for entry in fs::read_dir("/proc").expect("/proc").flatten() {
                    let Ok(arguments) = fs::read(entry.path().join("cmdline")) else {
                        continue;
                    };
                    let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
                    n_git +=
                        u64::from(arguments.contains("fetch") || arguments.contains("ls-remote"));
                    if arguments.contains(TOKEN)
                        || arguments.contains(&base64_of(&format!("deployer:{TOKEN}")))
                    {
                        leaks.insert(arguments);
                    }
                }
            }
            (n_git, leaks)
        });
        Self { is_over, watcher }
    }

    /// How often git was seen, and the command lines with the token in them.
    fn stop(self) -> (u64, BTreeSet<String>) {
        self.is_over.store(true, Ordering::Relaxed);
        self.watcher.join().expect("the watcher ends")
    }
}

fn base64_of(text: &str) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    BASE64_STANDARD.encode(text)
}

on_both! {
    async fn a_private_repository_is_deployed_and_its_token_is_found_nowhere(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let pipeline = "steps:\n  - run: |\n      git rev-parse HEAD; cat n; git remote get-url origin; git config --list --show-origin; env; find . -type f | xargs cat\n";
        let repo = Repo::with_pipeline(pipeline);
        let mut commits = Vec::new();
        for number in 1..=200 {
            commits.push(repo.commit(&[("n", &format!("content {number}\n"))], &format!("Commit {number}")));
        }
        repo.git(&["tag", "v100", &commits[99]]);
        repo.git(&["branch", "release", &commits[149]]);
        let host = tempfile::tempdir().expect("a folder");
        repo.git(&["clone", "--quiet", "--bare", ".", &format!("{}/demo.git", host.path().display())]);
        let mut options = GitHttpOptions::new(host.path());
        options.credential = Some(("deployer".to_owned(), TOKEN.to_owned()));
        let host = GitHttp::start(options).await.expect("the host starts");
        let app = client.create_application(&application("demo", &host.url("demo.git"))).await.expect("made").id;

        // Without the token the host lets nobody in, and the refusal says what to do.
        let error = client.dispatch_task(&manual(&app, "refs/heads/main")).await.expect_err("no token yet");
        assert_eq!(error.code(), Some(Code::Invalid), "{error}");
        let error = client.list_refs(&app).await.expect_err("no token yet");
        assert!(error.to_string().contains("updateUserProviderToken"), "{error}");
        let origin = host.url("");
        let account = NewProviderToken { token: TOKEN.to_owned(), provider: Provider::Git, url: Some(origin), username: Some("deployer".to_owned()), check_token: None };
        client.update_provider_token(&account).await.expect("kept");

        let watch = ArgumentWatch::start();
        let refs = client.list_refs(&app).await.expect("the refs");
        let names: Vec<&str> = refs.branches.iter().map(|branch| branch.name.as_str()).collect();
        assert_eq!(names, ["main", "release"]);
        assert_eq!((refs.tags[0].name.as_str(), &refs.tags[0].commit), ("v100", &commits[99]));
        let check = async |git_ref: &str, commit: Option<&str>, expected: &str, content: &str| {
            let mut call = manual(&app, git_ref);
            call.commit_id = commit.map(str::to_owned);
            let task = client.dispatch_task(&call).await.expect("accepted").task_id;
            let followed = follow(&client, &task).await;
            let task = client.get_task(&task).await.expect("the task");
            assert_success(&task, &followed);
            let log = followed.log(1);
            assert!(log.starts_with(&format!("{expected}\n{content}\n")), "{git_ref} {commit:?}: {log}");
            for log in followed.logs.values() {
                let log = String::from_utf8_lossy(log);
                assert!(!log.contains(TOKEN) && !log.contains(&base64_of(&format!("deployer:{TOKEN}"))), "{log}");
            }
        };
        check("refs/heads/main", None, &commits[199], "content 200").await;
        check("refs/tags/v100", None, &commits[99], "content 100").await;
        check("refs/heads/release", None, &commits[149], "content 150").await;
        check("refs/heads/main", Some(&commits[41]), &commits[41], "content 42").await;
        // An old commit that is in the mirror already is deployed without asking the host again.
        let n_asked = host.requests().len();
        check("refs/heads/main", Some(&commits[41]), &commits[41], "content 42").await;
        assert_eq!(host.requests().len(), n_asked, "{:?}", host.requests());
        let (n_git, leaks) = watch.stop();
        assert!(n_git > 0, "git was never seen at work");
        assert_eq!(leaks, BTreeSet::new());

        let data = server.data.path().to_owned();
        server.stop().await;
        let encoded = base64_of(&format!("deployer:{TOKEN}"));
        for (path, bytes) in files_below(&data) {
            let plain = if path.extension().is_some_and(|extension| extension == "zst") {
                zstd::decode_all(bytes.as_slice()).expect("zstd")
            } else {
                bytes
            };
            for secret in [TOKEN, &encoded] {
                assert!(!plain.windows(secret.len()).any(|window| window == secret.as_bytes()), "{}", path.display());
            }
        }
    }
}

on_both! {
    async fn a_host_that_goes_away_fails_the_task_in_its_set_up(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps:\n  - run: 'true'\n");
        let commit = repo.git(&["rev-parse", "HEAD"]);
        let host = tempfile::tempdir().expect("a folder");
        repo.git(&["clone", "--quiet", "--bare", ".", &format!("{}/demo.git", host.path().display())]);
        let git_http = GitHttp::start(GitHttpOptions::new(host.path())).await.expect("the host starts");
        let app = client.create_application(&application("demo", &git_http.url("demo.git"))).await.expect("made").id;
        drop(git_http);
        client.dispatch_task(&manual(&app, "refs/heads/main")).await.expect_err("the host is not there");
        let mut call = manual(&app, "refs/heads/main");
        call.commit_id = Some(commit);
        let task = client.dispatch_task(&call).await.expect("accepted without asking the host").task_id;
        let task = finished(&client, &task).await;
        assert_eq!(task.status, TaskStatus::Failure);
        assert!(task.steps.expect("steps")[0].error.is_some());
        server.stop().await;
    }
}
