//! `flowcd run`: pipelines on the files of a folder, without a server.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill},
        stat::Mode,
    },
    unistd::{Pid, mkfifo},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::{Child, Command},
};

use crate::support::{Ended, Outcome, end, flowcd};

const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with a pipeline in it, and places for what a run keeps.
struct Folder(TempDir);

impl Folder {
    fn new(pipeline: &str) -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder"));
        for inner in ["work", "tmp", "home"] {
            fs::create_dir(folder.0.path().join(inner)).expect("a folder");
        }
        folder.write("serverless-pipeline.yaml", pipeline);
        folder
    }

    /// The workspace.
    fn path(&self) -> PathBuf {
        self.0.path().join("work")
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).expect(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = flowcd(&self.0.path().join("home"), &["run"]);
        command
            .args(args)
            .current_dir(self.path())
            .env("PATH", PATH)
            .env("TMPDIR", self.0.path().join("tmp"));
        command
    }

    async fn run(&self, args: &[&str]) -> Ended {
        let ended = end(&mut self.command(args)).await;
        self.assert_tidy();
        ended
    }

    /// Starts it, to be interrupted.
    fn start(&self, args: &[&str]) -> Child {
        self.command(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("flowcd starts")
    }

    /// A run leaves nothing behind.
    fn assert_tidy(&self) {
        let left: Vec<_> = fs::read_dir(self.0.path().join("tmp"))
            .expect("a folder")
            .flatten()
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Reads up to the line that holds `text`.
async fn until(reader: &mut BufReader<impl AsyncRead + Unpin>, text: &str) -> String {
    let mut seen = String::new();
    loop {
        let start = seen.len();
        let read = tokio::time::timeout(PATIENCE, reader.read_line(&mut seen));
        let n_bytes = read
            .await
            .expect("a line comes")
            .expect("the output is read");
        assert!(n_bytes > 0, "the output ended without `{text}`: {seen}");
        if seen[start..].contains(text) {
            return seen;
        }
    }
}

async fn code(child: &mut Child) -> Option<i32> {
    let ended = tokio::time::timeout(PATIENCE, child.wait()).await;
    ended
        .expect("it ends")
        .expect("it can be waited for")
        .code()
}

fn interrupt(child: &Child) {
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .expect("a process that runs");
    kill(Pid::from_raw(pid), Signal::SIGINT).expect("the signal is sent");
}

/// A process's number that a step wrote to a file.
fn pid_in(path: &Path) -> Pid {
    let text = fs::read_to_string(path).expect("the step wrote it");
    Pid::from_raw(text.trim().parse().expect("a number"))
}

#[tokio::test]
async fn the_output_of_the_steps_is_data_and_all_else_is_talk() {
    let folder = Folder::new(
        "steps:\n  - name: Greet\n    run: echo hello; echo problem >&2\n  - run: exit 3\n  - run: echo never\n",
    );
    let ended = folder.run(&[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended
            .stdout
            .contains("hello\nproblem\nError: exit code 3\n"),
        "{ended:?}"
    );
    assert!(!ended.stdout.contains("Greet"), "{ended:?}");
    for part in ["Greet", "exit code 3", "skipped", "the run failed"] {
        assert!(ended.stderr.contains(part), "{part}: {ended:?}");
    }
    let quiet = folder.run(&["--quiet"]).await;
    assert_eq!((quiet.stdout, quiet.stderr.as_str()), (ended.stdout, ""));
}

#[tokio::test]
async fn with_output_json_one_document_tells_how_it_ended() {
    let folder = Folder::new(
        "steps:\n  - id: build\n    name: Build\n    run: echo version=1.2 >> $FLOWCD_OUTPUT; echo '# Built' >> $FLOWCD_SUMMARY; echo noise\n  - continue-on-error: true\n    retry: 1\n    run: exit 2\n  - if: ${{ failure() }}\n    run: echo never\n",
    );
    let ended = folder.run(&["--output", "json"]).await;
    let mut document = ended.json();
    for step in document["steps"].as_array_mut().expect("steps") {
        let process_time = step["process_time"].take();
        assert!(process_time.is_number(), "{process_time}");
    }
    let step = |count: &str, name: &str, status: &str| json!({"stepCount": count, "name": name, "status": status, "process_time": null, "outputs": {}, "error": null});
    let mut build = step("1", "Build", "success");
    build["id"] = "build".into();
    build["outputs"] = json!({"version": "1.2"});
    let mut flaky = step("2", "Run exit 2", "error-with-continue");
    flaky["error"] = "exit code 2".into();
    flaky["attempts"] = 2.into();
    assert_eq!(
        document,
        json!({
            "status": "success",
            "completed": true,
            "summary": "# Built\n",
            "steps": [step("0", "Set up task", "success"), build, flaky, step("3", "Run echo never", "skipped")],
        })
    );
    assert!(ended.stderr.contains("noise\n"), "{ended:?}");
    let quiet = folder.run(&["--output", "yaml", "--quiet"]).await;
    assert!(quiet.stdout.starts_with("status: success\n"), "{quiet:?}");
    assert_eq!(quiet.stderr, "");
}

#[tokio::test]
async fn inputs_secrets_variables_and_contexts_come_from_flags_and_files() {
    let folder = Folder::new(
        "env:\n  OWN: pipeline\nsteps:\n  - run: echo \"${{ inputs.a }} ${{ b }} ${{ inputs.c + 1 }} $OWN $FROM ${{ git.branch }} ${{ trigger.type }} ${{ app.id }} ${{ cloudSecrets.AccessKeyID }}\"\n  - env:\n      ONE: ${{ secrets.ONE }}\n      TWO: ${{ secrets.TWO }}\n      THREE: ${{ secrets.THREE }}\n    run: printf '%s' \"$ONE$TWO$THREE\" > joined; echo \"$ONE\"\n",
    );
    folder.write("inputs.yaml", "a: from the file\nb: replaced\n");
    folder.write(
        "secrets.env",
        "# Not for others.\nONE=\"canary one\"\nexport TWO='canary two'\n",
    );
    folder.write(
        "secrets.json",
        r#"{"ONE": "canary of json", "TWO": 12345678, "THREE": true}"#,
    );
    folder.write("three", "canary three\n");
    folder.write("context.json", r#"{"git": {"branch": "release"}, "app": {"id": "app1"}, "cloudSecrets": {"AccessKeyID": "canary-key-id"}}"#);
    let args = [
        "--inputs-file",
        "inputs.yaml",
        "--input",
        "b=given",
        "-f",
        "c=2",
        "--env",
        "OWN=beneath",
        "--env",
        "FROM=flag=x",
        "--context",
        "context.json",
    ];
    let files = ["--secrets-file", "secrets.env", "--secret", "THREE=@three"];
    let mut command = folder.command(&[&args[..], &files[..], &["--secret", "TWO"]].concat());
    let ended = end(command.env("TWO", "canary of the environment")).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended
            .stdout
            .contains("\nfrom the file given 3 pipeline flag=x release local app1 ***\n"),
        "{ended:?}"
    );
    assert_eq!(
        folder.read("joined"),
        "canary onecanary of the environmentcanary three"
    );
    assert!(!format!("{ended:?}").contains("canary"), "{ended:?}");
    let ended = folder
        .run(&[&args[..], &["--secrets-file", "secrets.json"]].concat())
        .await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(folder.read("joined"), "canary of json12345678true");
    // What would become another value than the one written is refused.
    folder.write("secrets.yaml", "ONE: 0123\n");
    let ended = folder
        .run(&[&args[..], &["--secrets-file", "secrets.yaml"]].concat())
        .await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("`ONE` is no text"), "{ended:?}");
    assert!(!ended.stderr.contains("123"), "{ended:?}");
}

#[tokio::test]
async fn a_secret_is_in_no_argument_and_no_file_of_a_run() {
    let folder = Folder::new(
        "steps:\n  - env:\n      KEY: ${{ secrets.KEY }}\n    run: |\n      printf '%s' \"$KEY\" > wanted\n      cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' > arguments\n      grep -c -F -f wanted arguments || true\n      grep -r -l -F -f wanted \"$TMPDIR/../..\" || echo nowhere\n",
    );
    let mut command = folder.command(&["--secret", "KEY"]);
    let ended = end(command.env("KEY", "canary-in-no-argument")).await;
    assert!(ended.stdout.contains("\n0\nnowhere\n"), "{ended:?}");
    assert!(!format!("{ended:?}").contains("canary"), "{ended:?}");
    // Nor does a message repeat what was given in the wrong place.
    folder.write("broken.env", "KEY\u{3d}fine\ncanary-without-a-name\n");
    folder.write("broken.json", "{\"KEY\": [\"canary\"]}");
    folder.write("odd.json", "\"canary\"");
    for args in [
        ["--secret", "KEY=canary"],
        ["--secrets-file", "broken.env"],
        ["--secrets-file", "broken.json"],
        ["--secrets-file", "odd.json"],
        ["--secret", "ABSENT"],
    ] {
        let ended = folder.run(&args).await;
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(
            !format!("{ended:?}").contains("canary"),
            "{args:?}: {ended:?}"
        );
    }
}

#[tokio::test]
async fn one_step_alone_a_dry_run_and_a_debug_run() {
    let folder = Folder::new(
        "steps:\n  - id: one\n    run: touch one\n  - id: two\n    run: touch two; echo ${{ 20 + 1 }}\n  - run: touch three\n",
    );
    let ended = folder.run(&["--step", "two"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let is_there = |name: &str| folder.path().join(name).exists();
    assert_eq!(["one", "two", "three"].map(is_there), [false, true, false]);
    fs::remove_file(folder.path().join("two")).expect("removed");
    let ended = folder.run(&["--step", "nobody"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("nobody"), "{ended:?}");

    let ended = folder.run(&["--dry-run"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("touch two; echo 21"), "{ended:?}");
    assert_eq!(["one", "two", "three"].map(is_there), [false; 3]);

    let ended = folder.run(&["--debug"]).await;
    assert!(ended.stdout.contains("\ndebug: "), "{ended:?}");
    assert!(!folder.run(&[]).await.stdout.contains("debug: "));
}

#[tokio::test]
async fn the_logs_go_to_files_in_place_of_those_of_an_earlier_run() {
    let folder = Folder::new(
        "steps:\n  - run: echo one; printf '\\377\\000'\n  - if: ${{ failure() }}\n    run: echo never\n",
    );
    folder.write("logs/step_9.log", "of an earlier run");
    folder.write("logs/step_1.log", "of an earlier run");
    folder.write("logs/notes.log", "not ours");
    let ended = folder.run(&["--log-dir", "logs", "--quiet"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let logs = folder.path().join("logs");
    let mut names: Vec<_> = fs::read_dir(&logs)
        .expect("logs")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "notes.log",
            "step_0.log",
            "step_1.log",
            "step_2.log",
            "step_completed.log"
        ]
    );
    assert_eq!(
        fs::read(logs.join("step_1.log")).expect("a log"),
        b"one\n\xff\0"
    );
    assert_eq!(folder.read("logs/step_2.log"), "");
    assert_eq!(folder.read("logs/step_completed.log"), "Cleaning up task\n");
    folder.write("file", "");
    let ended = folder.run(&["--log-dir", "file"]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("`file`"), "{ended:?}");
}

#[tokio::test]
async fn the_pipeline_is_found_or_it_is_said_what_was_looked_for() {
    let folder = Folder::new("steps:\n  - run: echo first\n");
    folder.write("ci/deploy.yml", "steps:\n  - run: echo inner; pwd\n");
    folder.write("../outside.yaml", "steps:\n  - run: echo never\n");
    let inner = folder.run(&["ci/deploy.yml"]).await;
    let path = folder.path().canonicalize().expect("the folder");
    assert!(
        inner
            .stdout
            .contains(&format!("inner\n{}\n", path.display())),
        "{inner:?}"
    );
    let absolute = path.join("ci/deploy.yml");
    let absolute = folder.run(&[absolute.to_str().expect("UTF-8")]).await;
    assert_eq!(absolute.code, Some(0), "{absolute:?}");
    assert_eq!(
        folder.run(&["ci/deploy.yaml"]).await.code,
        Some(0),
        "the other extension"
    );
    for (file, part) in [
        ("absent.yaml", "`absent.yaml` is not in"),
        ("../outside.yaml", "outside of the current folder"),
        ("ci", "not a file"),
    ] {
        let ended = folder.run(&[file]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{file}");
        assert!(
            ended.stderr.contains(part) && ended.stderr.contains("hint"),
            "{ended:?}"
        );
    }
    fs::remove_file(folder.path().join("serverless-pipeline.yaml")).expect("removed");
    let ended = folder.run(&[]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("neither `serverless-pipeline.yaml` nor `serverless-pipeline.yml`"),
        "{ended:?}"
    );
    folder.write("serverless-pipeline.yml", "steps: [\n");
    let ended = folder.run(&[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stdout.contains("serverless-pipeline.yml:"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn the_repository_of_the_folder_is_told_and_its_credentials_are_not() -> Outcome {
    let folder = Folder::new(
        "steps:\n  - run: echo \"${{ git.clone_url }} ${{ git.repo_owner }} ${{ git.repo_name }} ${{ git.provider }} ${{ git.branch }} ${{ git.commit }} ${{ git.pusher.name }}\"\n",
    );
    let git = async |args: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(folder.path()).args(args);
        let output = command.output().await.expect("git starts");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let ended = folder.run(&["--quiet"]).await;
    assert!(
        ended.stdout.contains("\n      \n"),
        "no repository: {ended:?}"
    );
    git(&["init", "--quiet", "--initial-branch=feature/x"]).await;
    git(&[
        "remote",
        "add",
        "origin",
        "https://ada:canary-token@github.com/octocat/hello.git",
    ])
    .await;
    git(&["add", "."]).await;
    git(&[
        "-c",
        "user.name=Ada",
        "-c",
        "user.email=ada@example.com",
        "commit",
        "--quiet",
        "-m",
        "First",
    ])
    .await;
    let commit = git(&["rev-parse", "HEAD"]).await;
    let ended = folder.run(&["--quiet"]).await;
    let expected = format!(
        "\nhttps://github.com/octocat/hello.git octocat hello github feature/x {commit} Ada\n"
    );
    assert!(ended.stdout.contains(&expected), "{ended:?}");
    assert!(!format!("{ended:?}").contains("canary"), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn an_interrupt_cancels_the_run_and_what_is_to_run_always_does() {
    let folder = Folder::new(
        "steps:\n  - run: echo started; sleep 600\n  - run: echo never\n  - if: ${{ always() }}\n    run: echo cleaned; touch cleaned\n  - if: ${{ cancelled() }}\n    run: echo told\n",
    );
    let mut child = folder.start(&["--output", "json"]);
    let mut stderr = BufReader::new(child.stderr.take().expect("its stderr"));
    until(&mut stderr, "started").await;
    interrupt(&child);
    let talk = until(&mut stderr, "the run was cancelled").await;
    assert!(
        talk.contains("cancelling") && talk.contains("cleaned\n") && talk.contains("told\n"),
        "{talk}"
    );
    assert!(!talk.contains("never\n"), "{talk}");
    let mut stdout = String::new();
    let mut pipe = child.stdout.take().expect("its stdout");
    pipe.read_to_string(&mut stdout).await.expect("it is read");
    assert_eq!(code(&mut child).await, Some(130));
    let document: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(
        (&document["status"], &document["completed"]),
        (&json!("cancelled"), &json!(true))
    );
    let statuses: Vec<_> = document["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .map(|step| step["status"].clone())
        .collect();
    assert_eq!(
        statuses,
        ["success", "cancelled", "cancelled", "success", "success"]
    );
    assert!(folder.path().join("cleaned").exists());
    folder.assert_tidy();
}

#[tokio::test]
async fn a_second_interrupt_kills_what_does_not_end() {
    let folder = Folder::new(
        "steps:\n  - run: |\n      trap '' TERM INT\n      echo $$ > pid\n      mkdir -p \"$TMPDIR/a\" && chmod 500 \"$TMPDIR/a\"\n      echo started\n      while :; do sleep 600; done\n  - if: ${{ always() }}\n    run: touch cleaned\n",
    );
    let mut child = folder.start(&["--output", "json"]);
    let mut stderr = BufReader::new(child.stderr.take().expect("its stderr"));
    until(&mut stderr, "started").await;
    let pid = pid_in(&folder.path().join("pid"));
    interrupt(&child);
    until(&mut stderr, "cancelling").await;
    interrupt(&child);
    let mut stdout = String::new();
    let mut pipe = child.stdout.take().expect("its stdout");
    pipe.read_to_string(&mut stdout).await.expect("it is read");
    assert_eq!(code(&mut child).await, Some(130));
    let document: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(
        (&document["status"], &document["completed"]),
        (&json!("cancelled"), &json!(false))
    );
    assert_eq!(
        kill(pid, None),
        Err(Errno::ESRCH),
        "the step's process is gone"
    );
    assert!(!folder.path().join("cleaned").exists());
    folder.assert_tidy();
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_the_run() {
    let folder = Folder::new(
        "steps:\n  - run: echo $$ > pid; while :; do echo printed; done\n  - if: ${{ always() }}\n    run: touch cleaned\n",
    );
    let mut child = folder.start(&["--quiet"]);
    let mut stdout = BufReader::new(child.stdout.take().expect("its stdout"));
    until(&mut stdout, "printed").await;
    let pid = pid_in(&folder.path().join("pid"));
    drop(stdout);
    assert_eq!(code(&mut child).await, Some(0));
    assert_eq!(
        kill(pid, None),
        Err(Errno::ESRCH),
        "the step's process is gone"
    );
    assert!(folder.path().join("cleaned").exists());
    folder.assert_tidy();
}

#[tokio::test]
async fn two_runs_at_once_in_one_folder_do_not_meet() {
    let folder = Folder::new(
        "steps:\n  - run: echo own > \"$TMPDIR/file-${{ inputs.n }}\"; echo ready; cat gate-${{ inputs.n }}; ls \"$TMPDIR\"; echo x=$(basename \"$FLOWCD_TASK_ID\")\n",
    );
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    let gates = ["1", "2"].map(|n| folder.path().join(format!("gate-{n}")));
    let mut runs = Vec::new();
    for (n, gate) in ["1", "2"].iter().zip(&gates) {
        mkfifo(gate, mode).expect("a named pipe");
        let mut child = folder.start(&["--quiet", "--input", &format!("n={n}")]);
        let mut stdout = BufReader::new(child.stdout.take().expect("its stdout"));
        until(&mut stdout, "ready").await;
        runs.push((child, stdout, n));
    }
    for gate in gates {
        let open =
            tokio::task::spawn_blocking(move || fs::OpenOptions::new().write(true).open(gate));
        let open = tokio::time::timeout(PATIENCE, open).await;
        open.expect("the step reads")
            .expect("no panic")
            .expect("the gate opens");
    }
    let mut ids = Vec::new();
    for (mut child, mut stdout, n) in runs {
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).await.expect("it is read");
        assert_eq!(code(&mut child).await, Some(0), "{rest}");
        assert!(rest.starts_with(&format!("file-{n}\nx=")), "{rest}");
        ids.push(rest);
    }
    assert_ne!(ids[0], ids[1]);
    folder.assert_tidy();
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_is_a_warning_where_it_is_used() {
    let folder = Folder::new("steps:\n  - run: echo plain\n");
    folder.write("file", "");
    folder.write(
        "cached.yaml",
        "steps:\n  - id: cache\n    plugin: '@serverless-cd/cache'\n    inputs: {key: k, path: deps}\n  - run: mkdir -p deps; touch deps/one; echo \"hit=${{ steps.cache.outputs['cache-hit'] }}\"\n",
    );
    // Nobody can make a folder below a file, whoever he is.
    let run = async |args: &[&str], cache: &Path| {
        end(folder.command(args).env("XDG_CACHE_HOME", cache)).await
    };
    let no_cache = folder.path().join("file");
    let ended = run(&[], &no_cache).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.stdout.contains("arning"), "{ended:?}");
    let ended = run(&["cached.yaml"], &no_cache).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.stdout.contains("Warning") && ended.stdout.contains("hit=false"),
        "{ended:?}"
    );
    // Where it can be written, the second run finds what the first one left.
    let cache = folder.0.path().join("cache");
    assert!(
        run(&["cached.yaml"], &cache)
            .await
            .stdout
            .contains("hit=false")
    );
    fs::remove_dir_all(folder.path().join("deps")).expect("removed");
    let ended = run(&["cached.yaml"], &cache).await;
    assert!(ended.stdout.contains("hit=true"), "{ended:?}");
    assert!(folder.path().join("deps/one").exists());
}

#[tokio::test]
async fn no_profile_is_read_and_no_server_is_called() {
    let folder = Folder::new("steps:\n  - run: env | sort\n");
    let profiles = folder.0.path().join("home/config/flowcd");
    fs::create_dir_all(&profiles).expect("a folder");
    fs::write(profiles.join("profiles.toml"), "not a file of profiles").expect("a file");
    let mut command = folder.command(&[]);
    command
        .env("FLOWCD_URL", "http://127.0.0.1:1")
        .env("FLOWCD_TOKEN", "canary-token")
        .env("MINE", "canary");
    let ended = end(&mut command).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        !ended.stdout.contains("canary"),
        "the steps see nothing of the caller's environment: {ended:?}"
    );
}

#[tokio::test]
async fn a_step_can_call_flowcd_itself() {
    let flowcd = assert_cmd::cargo::cargo_bin!("flowcd");
    let folder = Folder::new(&format!(
        "steps:\n  - run: \"'{0}' lint && '{0}' version\"\n",
        flowcd.display()
    ));
    let ended = folder.run(&[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.stdout.contains("nothing to complain about"),
        "{ended:?}"
    );
}
