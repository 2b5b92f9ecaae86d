//! Steps that are tried again.

use std::time::Duration;

use crate::runner::{Ran, Runner};

/// A step that fails with these exit codes, one an attempt, and then succeeds.
fn failing(codes: &str, retry: &str) -> Runner {
    Runner::of_pipeline(&format!(
        "steps:\n- run: |\n\
         \x20   n=$(cat n 2>/dev/null || echo 0); n=$((n + 1)); echo $n > n\n\
         \x20   echo attempt $n\n\
         \x20   exit $(echo {codes} 0 0 0 | cut -d' ' -f$n)\n\
         \x20 {retry}\n"
    ))
}

async fn check(codes: &str, retry: &str, expected: &str) -> Ran {
    let ran = failing(codes, retry).run().await;
    let step = &ran.outcome.steps[1];
    let attempts = step.attempts.map_or("-".to_owned(), |n| n.to_string());
    let error = ran.error(1);
    assert_eq!(
        format!("{} {attempts} {error}", step.status).trim(),
        expected,
        "{codes} {retry}\n{}",
        ran.log(1)
    );
    ran
}

#[tokio::test]
async fn a_step_is_tried_again_until_it_ends_well_or_may_not_be() {
    let ran = check("7 8", "retry: 3", "success 3").await;
    assert_eq!(
        ran.log(1),
        "attempt 1\nAttempt 2 of 4 after exit code 7\nattempt 2\nAttempt 3 of 4 after exit code 8\nattempt 3\n"
    );
    assert_eq!(ran.outcome.status.as_str(), "success");
    check("0", "retry: 3", "success -").await;
    check("7 8 9", "retry: {max: 1}", "failure 2 exit code 8").await;
    check("7 8 9", "name: none", "failure - exit code 7").await;
    check(
        "7 8",
        "{retry: 1, continue-on-error: true}"
            .trim_matches(['{', '}'])
            .replace(", ", "\n  ")
            .as_str(),
        "error-with-continue 2 exit code 8",
    )
    .await;
}

#[tokio::test]
async fn only_the_listed_exit_codes_are_tried_again() {
    check(
        "7 8",
        "retry: {max: 3, on-exit-codes: [7, 9]}",
        "failure 2 exit code 8",
    )
    .await;
    check("7 9", "retry: {max: 3, on-exit-codes: [7, 9]}", "success 3").await;
}

#[tokio::test]
async fn a_signal_is_tried_again_where_no_exit_codes_are_listed() {
    for (retry, attempts) in [("1", Some(2)), ("{max: 1, on-exit-codes: [1]}", None)] {
        let ran = Runner::of_pipeline(&format!("steps: [{{run: 'kill -9 $$', retry: {retry}}}]\n"))
            .run()
            .await;
        assert_eq!(ran.outcome.steps[1].attempts, attempts, "{retry}");
    }
}

#[tokio::test]
async fn a_step_that_cannot_run_is_not_tried_again() {
    let ran = Runner::of_pipeline("steps: [{run: 'true', working-directory: none, retry: 5}]\n")
        .run()
        .await;
    assert_eq!(ran.outcome.steps[1].attempts, None);
    assert!(!ran.log(1).contains("Attempt"), "{}", ran.log(1));
}

#[tokio::test]
async fn a_cancel_ends_the_wait_for_another_attempt() {
    let ran = failing("7 7", "retry: {max: 2, delay-seconds: 3600}")
        .run_and_cancel_at("Another attempt in 60 minutes: exit code 7")
        .await;
    assert_eq!(ran.statuses(), "cancelled -> cancelled");
    assert!(!ran.log(1).contains("Attempt 2"), "{}", ran.log(1));
}

#[tokio::test]
async fn a_cancelled_step_is_not_tried_again() {
    let ran = Runner::of_pipeline("steps: [{run: 'echo cancel-me; sleep 60', retry: 5}]\n")
        .run_and_cancel_at("cancel-me")
        .await;
    assert_eq!(ran.statuses(), "cancelled -> cancelled");
    assert_eq!(ran.log(1), "cancel-me\nCancelled\n");
}

#[tokio::test]
async fn after_a_cancel_nothing_is_tried_again() {
    let ran = Runner::of_pipeline(
        "steps:\n- run: echo cancel-me; sleep 60\n- {run: 'exit 5', if: '${{ always() }}', retry: 5}\n",
    )
    .run_and_cancel_at("cancel-me")
    .await;
    assert_eq!(ran.statuses(), "cancelled failure -> cancelled");
    assert_eq!(ran.outcome.steps[2].attempts, None);
}

#[tokio::test]
async fn the_end_of_the_tasks_time_ends_the_wait_for_another_attempt() {
    let ran = Runner::of_pipeline(
        "timeout-minutes: 0.005\nsteps: [{run: 'exit 1', retry: {max: 2, delay-seconds: 3600}}]\n",
    )
    .run()
    .await;
    assert_eq!(ran.statuses(), "failure -> failure");
    assert_eq!(ran.error(1), "the task took more than 0.3 seconds");
}

#[tokio::test]
async fn the_delay_is_waited_for() {
    let began = std::time::Instant::now();
    check("7", "retry: {max: 1, delay-seconds: 1}", "success 2").await;
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn each_attempt_begins_with_new_files_and_the_last_one_counts() {
    let ran = Runner::of_pipeline(
        "steps:\n- id: a\n  retry: 1\n  run: |\n\
         \x20   n=$(cat n 2>/dev/null || echo 0); n=$((n + 1)); echo $n > n\n\
         \x20   wc -c < $FLOWCD_OUTPUT\n\
         \x20   echo \"only$n=1\" >> $FLOWCD_OUTPUT\n\
         \x20   [ $n = 2 ]\n\
         - run: echo '${{ toJSON(steps.a.outputs) }}'\n",
    )
    .run()
    .await;
    assert_eq!(ran.log(1), "0\nAttempt 2 of 2 after exit code 1\n0\n");
    assert_eq!(ran.log(2), "{\"only2\":\"1\"}\n");
}
