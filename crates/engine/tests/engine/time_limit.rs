//! Steps and tasks that take too long.

use std::{fs, time::Duration};

use flowcd_engine::{Event, Outcome};
use flowcd_model::step::{StepCount, StepStatus};
use tokio::sync::mpsc;

use crate::runner::Runner;

fn is_alive(pid: &str) -> bool {
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
async fn a_step_that_takes_too_long_fails_and_says_how_long() {
    let ran = Runner::of_pipeline(
        "steps:\n- {run: 'echo began; sleep 60', timeout-minutes: 0.02}\n- run: 'true'\n",
    )
    .run()
    .await;
    assert_eq!(ran.statuses(), "failure skipped -> failure");
    assert_eq!(ran.error(1), "timed out after 1.2 seconds");
    assert_eq!(ran.log(1), "began\nError: timed out after 1.2 seconds\n");
}

#[tokio::test]
async fn a_step_that_takes_too_long_can_be_continued_and_tried_again() {
    let ran = Runner::of_pipeline(
        "steps:\n- {run: 'echo began; sleep 60', timeout-minutes: 0.005, continue-on-error: true, retry: 1}\n\
         - run: 'true'\n",
    )
    .run()
    .await;
    assert_eq!(ran.statuses(), "error-with-continue success -> success");
    assert_eq!(ran.outcome.steps[1].attempts, Some(2));
    assert!(
        ran.log(1)
            .contains("Attempt 2 of 2 after timed out after 0.3 seconds"),
        "{}",
        ran.log(1)
    );
}

#[tokio::test]
async fn a_time_limit_reaches_what_left_the_group_and_what_ignores_it() {
    let mut runner = Runner::of_pipeline(
        "steps:\n- timeout-minutes: 0.03\n  run: |\n\
         \x20   trap '' TERM\n\
         \x20   setsid sh -c 'trap \"\" TERM; echo $$ > escaped; while :; do sleep 1; done' >/dev/null 2>&1 &\n\
         \x20   while :; do sleep 1; done\n",
    );
    runner.job.limits.grace_period = Duration::from_millis(200);
    let folder = runner.folder();
    let (_home, ran) = runner.run_and_watch(|_| false).await;
    assert_eq!(ran.statuses(), "failure -> failure");
    let pid = fs::read_to_string(folder.join("escaped")).expect("it got so far");
    assert!(!is_alive(&pid), "{pid}");
    // It was the time limit that ended it, and not the clean-up.
    assert_eq!(ran.log_of(StepCount::Completed), "Cleaning up task\n");
}

#[tokio::test]
async fn a_task_that_takes_too_long_fails_its_running_step_and_still_cleans_up() {
    let ran = Runner::of_pipeline(
        "timeout-minutes: 0.005\n\
         steps:\n\
         - {run: 'sleep 60', continue-on-error: true}\n\
         - run: echo never\n\
         - {run: 'echo failure', if: '${{ failure() }}'}\n\
         - {run: 'echo always', if: '${{ always() }}'}\n\
         - {run: 'echo never', if: '${{ success() }}'}\n",
    )
    .run()
    .await;
    assert_eq!(
        ran.statuses(),
        "failure skipped success success skipped -> failure"
    );
    assert_eq!(ran.error(1), "the task took more than 0.3 seconds");
    assert_eq!(ran.log(3), "failure\n");
    assert_eq!(ran.log(4), "always\n");
}

#[tokio::test]
async fn a_tasks_time_can_end_during_a_step_that_cleans_up() {
    let ran = Runner::of_pipeline(
        "timeout-minutes: 0.03\n\
         steps:\n\
         - run: exit 3\n\
         - {run: 'sleep 60', if: '${{ always() }}'}\n\
         - {run: 'echo after', if: '${{ always() }}'}\n",
    )
    .run()
    .await;
    assert_eq!(ran.statuses(), "failure failure success -> failure");
    assert_eq!(ran.error(2), "the task took more than 1.8 seconds");
}

#[tokio::test]
async fn what_cleans_up_after_the_tasks_time_has_a_limit_of_its_own() {
    let mut runner = Runner::of_pipeline(
        "timeout-minutes: 0.005\n\
         steps:\n\
         - run: sleep 60\n\
         - {run: 'sleep 60', if: '${{ always() }}'}\n\
         - {run: 'sleep 60', if: '${{ always() }}', retry: 3}\n",
    );
    runner.job.limits.after_cancel = Duration::from_millis(300);
    let ran = runner.run().await;
    assert_eq!(ran.statuses(), "failure failure failure -> failure");
    assert_eq!(
        ran.error(2),
        "took more than 0.3 seconds after the end of the task"
    );
    assert_eq!(ran.outcome.steps[3].attempts, None);
}

#[tokio::test]
async fn a_task_can_be_cancelled_after_its_time() {
    let ran = Runner::of_pipeline(
        "timeout-minutes: 0.005\n\
         steps:\n\
         - run: sleep 60\n\
         - {run: 'echo cancel-me; sleep 60', if: '${{ always() }}'}\n",
    )
    .run_and_cancel_at("cancel-me")
    .await;
    assert_eq!(ran.statuses(), "failure cancelled -> cancelled");
}

#[tokio::test]
async fn the_time_of_a_task_begins_with_its_first_step() {
    let ran = Runner::of_pipeline("timeout-minutes: 0.5\nsteps: [{run: 'true'}, {run: 'true'}]\n")
        .run()
        .await;
    assert_eq!(ran.statuses(), "success success -> success");
}

#[tokio::test]
async fn the_shorter_of_two_limits_counts() {
    let ran = Runner::of_pipeline(
        "timeout-minutes: 10\nsteps: [{run: 'sleep 60', timeout-minutes: 0.002}]\n",
    )
    .run()
    .await;
    assert_eq!(ran.error(1), "timed out after 0.12 seconds");
    let ran = Runner::of_pipeline(
        "timeout-minutes: 0.002\nsteps: [{run: 'sleep 60', timeout-minutes: 10}]\n",
    )
    .run()
    .await;
    assert_eq!(ran.error(1), "the task took more than 0.12 seconds");
}

#[tokio::test]
async fn a_time_limit_leaves_what_earlier_steps_left_running() {
    let ran = Runner::of_pipeline(
        "steps:\n\
         - run: setsid sh -c 'echo $$ > daemon; exec sleep 60' >/dev/null 2>&1 & while ! [ -s daemon ]; do sleep 0.01; done\n\
         - {run: 'sleep 60', timeout-minutes: 0.002, continue-on-error: true}\n\
         - {run: 'kill -0 $(cat daemon) && ! grep -q \"^State:.Z\" /proc/$(cat daemon)/status && echo alive'}\n",
    )
    .run()
    .await;
    assert_eq!(ran.log(3), "alive\n");
    assert_eq!(
        ran.log_of(StepCount::Completed),
        "Cleaning up task\nEnded a process that was left behind\n"
    );
}

/// A job with a file that takes far longer to hash than the tests let it.
fn with_big_file(pipeline: &str) -> Runner {
    let runner = Runner::of_pipeline(pipeline);
    let file = fs::File::create(runner.folder().join("big")).expect("it is made");
    file.set_len(1000 * 1024 * 1024).expect("it is sparse");
    runner
}

/// Keys of a step in which the big file is hashed.
const HASHING: [&str; 5] = [
    "{run: 'echo began', if: \"${{ hashFile('big') }}\"}",
    "{run: 'echo began', env: {HASH: \"${{ hashFiles('big') }}\"}}",
    "{run: \"echo began ${{ hashFile('big') }}\"}",
    "{plugin: '@serverless-cd/ding-talk', inputs: {webhook: \"${{ hashFiles('*') }}\"}}",
    "{run: 'true', outputs: {hash: \"${{ hashFile('big') }}\"}}",
];

#[tokio::test]
async fn a_tasks_time_limit_ends_what_is_evaluated() {
    for step in HASHING {
        let ran = with_big_file(&format!(
            "timeout-minutes: 0.002\n\
             steps:\n- {step}\n- {{run: echo always, if: '${{{{ always() }}}}'}}\n"
        ))
        .run()
        .await;
        assert_eq!(
            ran.statuses(),
            "failure success -> failure",
            "{step}{}",
            ran.everything()
        );
        assert_eq!(ran.error(1), "the task took more than 0.12 seconds");
        assert!(!ran.log(1).contains("began"), "{step}: {}", ran.log(1));
        assert_eq!(ran.log(2), "always\n");
    }
}

#[tokio::test]
async fn a_steps_time_limit_ends_what_is_evaluated() {
    for step in HASHING {
        let step = step.replacen('{', "{timeout-minutes: 0.002, continue-on-error: true, ", 1);
        let ran = with_big_file(&format!("steps:\n- {step}\n- run: echo goes on\n"))
            .run()
            .await;
        assert_eq!(
            ran.statuses(),
            "error-with-continue success -> success",
            "{step}{}",
            ran.everything()
        );
        assert_eq!(ran.error(1), "timed out after 0.12 seconds");
        assert_eq!(ran.log(2), "goes on\n");
    }
}

/// Runs, and cancels when this is told.
async fn run_and_cancel_when(
    runner: Runner,
    is_time: impl Fn(&Event) -> bool,
) -> (Outcome, String) {
    let Runner { home, job, cancel } = runner;
    let (events_tx, mut events_rx) = mpsc::channel(8);
    let running = tokio::spawn(flowcd_engine::run(job, events_tx, cancel.clone()));
    let mut log = Vec::new();
    while let Some(event) = events_rx.recv().await {
        match &event {
            Event::Output { step_count, bytes } if *step_count == StepCount::Number(1) => {
                log.extend_from_slice(bytes);
            }
            _ => {}
        }
        if is_time(&event) {
            cancel.cancel();
        }
    }
    let outcome = running.await.expect("a run does not panic");
    drop(home);
    (outcome, String::from_utf8_lossy(&log).into_owned())
}

#[tokio::test]
async fn a_cancel_ends_what_is_evaluated_and_starts_nothing() {
    // A step's own work is evaluated after it was said to run; its environment and its condition before.
    let runs = |event: &Event| {
        matches!(event, Event::Step(step)
            if step.step_count == StepCount::Number(1) && step.status == StepStatus::Running)
    };
    for step in [HASHING[2], HASHING[3]] {
        let (outcome, log) =
            run_and_cancel_when(with_big_file(&format!("steps: [{step}]\n")), runs).await;
        assert_eq!(outcome.status.as_str(), "cancelled", "{step}");
        assert_eq!(outcome.steps[1].status, StepStatus::Cancelled, "{step}");
        assert_eq!(log, "Cancelled\n", "{step}");
    }
    let is_planned = |event: &Event| matches!(event, Event::Steps(steps) if steps.len() > 1);
    for step in [HASHING[0], HASHING[1]] {
        let (outcome, log) =
            run_and_cancel_when(with_big_file(&format!("steps: [{step}]\n")), is_planned).await;
        assert_eq!(outcome.status.as_str(), "cancelled", "{step}");
        assert!(!log.contains("began"), "{step}: {log}");
    }
}

#[tokio::test]
async fn what_cleans_up_after_a_cancel_can_still_hash() {
    let runner = with_big_file(
        "steps:\n\
         - run: echo cancel-me; sleep 60\n\
         - {run: \"echo ${{ hashFile('small') }}\", if: '${{ always() }}'}\n",
    );
    fs::write(runner.folder().join("small"), "abc").expect("it is written");
    let ran = runner.run_and_cancel_at("cancel-me").await;
    assert_eq!(ran.statuses(), "cancelled success -> cancelled");
    assert_eq!(ran.log(2), "a9993e364706816aba3e25717850c26c9cd0d89d\n");
}

#[tokio::test]
async fn what_cleans_up_after_a_cancel_has_a_limit_also_while_it_is_evaluated() {
    let mut runner = with_big_file(
        "steps:\n\
         - run: echo cancel-me; sleep 60\n\
         - {run: \"echo ${{ hashFile('big') }}\", if: '${{ always() }}'}\n\
         - run: echo never\n",
    );
    runner.job.limits.after_cancel = Duration::from_millis(100);
    let ran = runner.run_and_cancel_at("cancel-me").await;
    // A step that is only passed over needs no time.
    assert_eq!(ran.statuses(), "cancelled failure cancelled -> cancelled");
    assert_eq!(
        ran.error(2),
        "took more than 0.1 seconds after the end of the task"
    );
}
