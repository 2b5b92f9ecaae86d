//! How a step's processes are started and ended.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use flowcd_engine::process::kill_marked;
use flowcd_model::step::StepCount;

use crate::runner::{Ran, Runner};

/// A pipeline of one step with this script.
fn script(text: &str) -> Runner {
    let lines: Vec<String> = text.lines().map(|line| format!("    {line}\n")).collect();
    Runner::of_pipeline(&format!("steps:\n- run: |\n{}", lines.concat()))
}

async fn run(text: &str) -> Ran {
    script(text).run().await
}

fn is_alive(pid: &str) -> bool {
    // What was killed and not yet waited for is dead.
    fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or("")
            .trim()
            .starts_with('Z')
    })
}

#[tokio::test]
async fn exit_codes_and_signals_are_told_apart() {
    for (text, status, error) in [
        ("exit 0", "success", ""),
        ("exit 2", "failure", "exit code 2"),
        ("false; true", "success", ""),
        ("kill -9 $$", "failure", "killed by signal 9 (SIGKILL)"),
        ("kill -TERM $$", "failure", "killed by signal 15 (SIGTERM)"),
        ("no-such-program", "failure", "exit code 127"),
    ] {
        let ran = run(text).await;
        assert_eq!(ran.outcome.steps[1].status.as_str(), status, "{text}");
        assert_eq!(ran.error(1), error, "{text}");
        if !error.is_empty() {
            assert!(
                ran.log(1).ends_with(&format!("Error: {error}\n")),
                "{text}: {}",
                ran.log(1)
            );
        }
    }
}

#[tokio::test]
async fn both_streams_arrive_in_the_order_they_were_written() {
    let ran = run("for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done").await;
    let expected: String = (1..10).map(|i| format!("out {i}\nerr {i}\n")).collect();
    assert_eq!(ran.log(1), expected);
}

#[tokio::test]
async fn the_script_is_taken_as_it_is() {
    let ran = run("printf '%s|' 'two  blanks' \"a\\\\ b\" 'x\ny'").await;
    assert_eq!(ran.log(1), "two  blanks|a\\ b|x\ny|");
}

#[tokio::test]
async fn braces_without_a_dollar_sign_are_the_scripts_own() {
    let ran = run("printf '%s|' '{{.Names}}' '{{ task_id }}' \"{{\" '{{ 1 +'").await;
    assert_eq!(ran.log(1), "{{.Names}}|{{ task_id }}|{{|{{ 1 +|");
}

#[tokio::test]
async fn lines_stay_lines_and_values_are_not_escaped() {
    let ran = run("if true; then\n  echo \"${{ '<&>' }}\" # a comment\nfi\necho '${{ toJSON(steps) }}' '${{ null }}'").await;
    assert_eq!(ran.log(1), "<&>\n{} \n");
}

#[tokio::test]
async fn standard_input_is_empty() {
    assert_eq!(run("cat; echo end").await.log(1), "end\n");
}

#[tokio::test]
async fn a_step_gets_a_small_environment_and_nothing_of_ours() {
    let runner = Runner::of_pipeline(
        "env: {A: pipeline, B: pipeline}\n\
         steps:\n- run: env\n  env: {B: step, N: 1, T: true, FLOWCD_RUN: forged, E: '${{ 1 + 1 }}'}\n",
    );
    let (marker, task_id) = (runner.job.marker.clone(), runner.job.task_id.to_string());
    let ran = runner.run().await;
    let log = ran.log(1);
    let has = |line: &str| log.lines().any(|found| found == line);
    for line in [
        "A=pipeline",
        "B=step",
        "N=1",
        "T=true",
        "E=2",
        "CI=true",
        "SERVERLESS_CD=serverless_cd",
    ] {
        assert!(has(line), "{line}: {log}");
    }
    assert!(has(&format!("FLOWCD_RUN={marker}")), "{log}");
    assert!(has(&format!("FLOWCD_TASK_ID={task_id}")), "{log}");
    // Cargo sets these for the test itself.
    assert!(!log.contains("CARGO"), "{log}");
    let names: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    for name in &names {
        let is_known = [
            "PATH", "HOME", "TMPDIR", "LANG", "CI", "PWD", "SHLVL", "_", "OLDPWD",
        ]
        .contains(name)
            || ["A", "B", "N", "T", "E"].contains(name)
            || ["SERVERLESS_CD", "SERVERLESS_CD_OUTPUT", "SERVERLESS_CD_ENV"].contains(name)
            || name.starts_with("FLOWCD");
        assert!(is_known, "{name}");
    }
}

#[tokio::test]
async fn home_and_the_temporary_folder_belong_to_the_run() {
    let ran = run("stat -c '%a %F' \"$HOME\" \"$TMPDIR\"; echo \"$HOME\"; echo \"$TMPDIR\"").await;
    let log = ran.log(1);
    assert!(log.starts_with("700 directory\n700 directory\n"), "{log}");
    assert!(
        log.contains("/task/home\n") && log.contains("/task/tmp\n"),
        "{log}"
    );
}

#[tokio::test]
async fn the_working_directory_is_inside_the_workspace_or_the_step_fails() {
    let runner = Runner::of_pipeline(
        "steps:\n\
         - run: mkdir -p inner; ln -s / out; touch file\n\
         - {run: 'basename \"$PWD\"', working-directory: inner}\n\
         - {run: pwd, working-directory: missing, continue-on-error: true}\n\
         - {run: pwd, working-directory: .., continue-on-error: true}\n\
         - {run: pwd, working-directory: /, continue-on-error: true}\n\
         - {run: pwd, working-directory: out, continue-on-error: true}\n\
         - {run: pwd, working-directory: file, continue-on-error: true}\n\
         - {run: pwd, working-directory: inner/.., continue-on-error: true}\n",
    );
    let folder = runner.folder().canonicalize().expect("it is there");
    let ran = runner.run().await;
    assert_eq!(ran.log(2), "inner\n");
    for (number, part) in [
        (3, "cannot open"),
        (4, "outside"),
        (5, "outside"),
        (6, "outside"),
        (7, "not a folder"),
    ] {
        assert!(
            ran.error(number).contains(part),
            "{number}: {}",
            ran.error(number)
        );
    }
    assert_eq!(ran.log(8), format!("{}\n", folder.display()));
    assert_eq!(ran.outcome.status.as_str(), "success");
}

#[tokio::test]
async fn a_command_that_cannot_be_started_is_a_failure_of_its_step() {
    let long = "x".repeat(200_000);
    let ran = Runner::of_pipeline(&format!(
        "steps:\n- {{run: 'true', env: {{LONG: {long}}}, continue-on-error: true}}\n\
         - {{run: 'true', env: {{NUL: \"a\\0b\"}}, continue-on-error: true}}\n\
         - {{run: 'echo still here'}}\n"
    ))
    .run()
    .await;
    assert!(
        ran.error(1).contains("longer than 128 KiB"),
        "{}",
        ran.error(1)
    );
    assert!(
        ran.error(2).contains("contains a NUL byte"),
        "{}",
        ran.error(2)
    );
    assert_eq!(ran.log(3), "still here\n");
}

#[tokio::test]
async fn a_script_can_be_longer_than_an_argument() {
    let long = "x".repeat(200_000);
    for shell in ["sh", "bash", "python"] {
        let script = match shell {
            "python" => format!("print(len('{long}'))"),
            _ => format!("long={long}; echo ${{#long}}"),
        };
        let ran = Runner::of_pipeline(&format!("steps: [{{run: \"{script}\", shell: {shell}}}]\n"))
            .run()
            .await;
        assert_eq!(ran.log(1), "200000\n", "{shell}");
    }
}

#[tokio::test]
async fn an_environment_of_the_application_that_cannot_be_is_a_failure() {
    let mut runner = Runner::of_pipeline("steps: [{run: 'true'}]\n");
    runner.job.envs.insert("A=B".to_owned(), "c".into());
    let ran = runner.run().await;
    assert_eq!(ran.error(1), "`A=B` cannot be the name of a variable");
}

#[tokio::test]
async fn a_background_child_that_keeps_the_pipe_cannot_hang_the_step() {
    let began = Instant::now();
    let ran = run("sleep 60 & echo $!").await;
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(ran.statuses(), "success -> success");
    assert!(!is_alive(&ran.log(1)), "the child is alive");
}

#[tokio::test]
async fn a_background_child_that_writes_for_ever_cannot_hang_the_step() {
    let began = Instant::now();
    let ran = run("yes & exit 7").await;
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(ran.error(1), "exit code 7");
}

#[tokio::test]
async fn what_a_background_child_writes_soon_after_is_kept() {
    let mut runner = script("(sleep 0.2; echo late) & echo early");
    runner.job.limits.drain = Duration::from_secs(30);
    assert_eq!(runner.run().await.log(1), "early\nlate\n");
}

#[tokio::test]
async fn a_quiet_background_child_is_ended_with_its_step() {
    let ran = run("sleep 60 >/dev/null 2>&1 & echo $!").await;
    assert_eq!(ran.statuses(), "success -> success");
    assert!(!is_alive(&ran.log(1)), "the child is alive");
}

#[tokio::test]
async fn a_child_that_leaves_the_group_is_ended_with_the_task() {
    let ran = run(
        "setsid sh -c 'echo $$ > escaped; exec sleep 60' >/dev/null 2>&1 &\n\
                   while ! [ -s escaped ]; do sleep 0.01; done; cat escaped",
    )
    .await;
    assert_eq!(ran.statuses(), "success -> success");
    assert!(!is_alive(&ran.log(1)), "the child is alive");
    assert!(
        ran.log_of(StepCount::Completed).contains("left behind"),
        "{}",
        ran.everything()
    );
}

#[tokio::test]
async fn a_cancel_ends_a_step_that_ignores_sigterm() {
    let ran = script("trap '' TERM; echo $$; echo cancel-me; while :; do sleep 0.05; done")
        .run_and_cancel_at("cancel-me")
        .await;
    assert_eq!(ran.statuses(), "cancelled -> cancelled");
    let log = ran.log(1);
    assert!(
        !is_alive(log.lines().next().expect("a line")),
        "the shell is alive"
    );
    assert!(log.ends_with("Cancelled\n"), "{log}");
}

#[tokio::test]
async fn a_cancel_ends_a_child_that_left_the_group_and_ignores_sigterm() {
    let ran = script(
        "setsid sh -c \"trap '' TERM; echo \\$\\$ > escaped; while :; do sleep 0.05; done\" &\n\
         while ! [ -s escaped ]; do sleep 0.01; done; cat escaped; echo cancel-me; wait",
    )
    .run_and_cancel_at("cancel-me")
    .await;
    assert_eq!(ran.statuses(), "cancelled -> cancelled");
    assert!(
        !is_alive(ran.log(1).lines().next().expect("a line")),
        "the child is alive"
    );
}

#[tokio::test]
async fn a_cancel_lets_the_whole_group_clean_up() {
    // The shell ends at once; its child, which has let go of the pipe, takes its time.
    let mut runner = script(
        "sh -c \"trap 'sleep 0.2; echo cleaned > done; exit' TERM; echo > ready; while :; do sleep 0.01; done\" >/dev/null 2>&1 &\n\
         while ! [ -e ready ]; do sleep 0.01; done; echo cancel-me; sleep 60",
    );
    runner.job.limits.grace_period = Duration::from_secs(30);
    let folder = runner.folder();
    let (_home, ran) = runner
        .run_and_watch(|log| crate::runner::contains(log, "cancel-me"))
        .await;
    assert_eq!(ran.statuses(), "cancelled -> cancelled");
    assert_eq!(
        fs::read_to_string(folder.join("done")).expect("it cleaned up"),
        "cleaned\n"
    );
}

#[tokio::test]
async fn a_cancel_reaches_a_step_whose_output_nobody_takes() {
    let Runner {
        home: _home,
        job,
        cancel,
    } = script("yes");
    let (events_tx, mut events_rx) = tokio::sync::mpsc::channel(1);
    let running = tokio::spawn(flowcd_engine::run(job, events_tx, cancel.clone()));
    // Until the step has begun to write. From then on nothing is taken.
    while let Some(event) = events_rx.recv().await {
        let is_step = matches!(
            event,
            flowcd_engine::Event::Output {
                step_count: StepCount::Number(1),
                ..
            }
        );
        if is_step {
            break;
        }
    }
    cancel.cancel();
    drop(events_rx);
    let outcome = tokio::time::timeout(Duration::from_secs(30), running).await;
    let outcome = outcome.expect("it ends").expect("it does not panic");
    assert_eq!(outcome.status.as_str(), "cancelled");
}

#[tokio::test]
async fn a_run_that_is_dropped_leaves_no_process() {
    let Runner { home, job, cancel } = script("echo $$; exec sleep 60");
    let (events_tx, mut events_rx) = tokio::sync::mpsc::channel(8);
    let running = tokio::spawn(flowcd_engine::run(job, events_tx, cancel));
    let mut pid = String::new();
    while let Some(event) = events_rx.recv().await {
        if let flowcd_engine::Event::Output {
            step_count: StepCount::Number(1),
            bytes,
        } = event
        {
            pid = String::from_utf8_lossy(&bytes).into_owned();
            break;
        }
    }
    running.abort();
    assert!(running.await.is_err_and(|error| error.is_cancelled()));
    let deadline = Instant::now() + Duration::from_secs(20);
    while is_alive(&pid) {
        assert!(Instant::now() < deadline, "the step is alive");
        tokio::task::yield_now().await;
    }
    drop(home);
}

#[test]
fn marked_processes_are_killed_and_others_are_not() {
    let marker = format!("marked-{}", std::process::id());
    let start = |value: &str| {
        Command::new("sleep")
            .arg("60")
            .env("FLOWCD_RUN", value)
            .spawn()
            .expect("it starts")
    };
    let mut marked = start(&marker);
    let mut longer = start(&format!("{marker}0"));
    assert_eq!(kill_marked(&marker), 1);
    assert!(!marked.wait().expect("it ends").success());
    assert!(
        longer.try_wait().expect("it can be asked").is_none(),
        "another process was killed"
    );
    longer.kill().expect("it is killed");
    longer.wait().expect("it ends");
    assert_eq!(kill_marked(&marker), 0);
    assert!(Path::new("/proc/self/environ").exists());
}
