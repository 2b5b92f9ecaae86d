//! What becomes of steps and tasks.

use flowcd_engine::Event;
use flowcd_model::step::StepStatus;

use crate::runner::Runner;

const OK: &str = "{run: 'true'}";
const FAIL: &str = "{run: 'exit 3'}";
const CONTINUE: &str = "{run: 'exit 3', continue-on-error: true}";
/// Asks the test to cancel, and waits for it.
const WAIT: &str = "{run: 'echo cancel-me; sleep 60'}";

fn pipeline(steps: &[&str]) -> String {
    let steps: Vec<String> = steps.iter().map(|step| format!("- {step}\n")).collect();
    format!("steps:\n{}", steps.concat())
}

fn when(condition: &str, run: &str) -> String {
    format!("{{run: '{run}', if: \"{condition}\"}}")
}

async fn check(steps: &[&str], expected: &str) {
    let ran = Runner::of_pipeline(&pipeline(steps))
        .run_and_cancel_at("cancel-me")
        .await;
    assert_eq!(ran.statuses(), expected, "{steps:?}\n{}", ran.everything());
}

#[tokio::test]
async fn without_conditions_the_first_failure_decides() {
    check(&[OK, OK], "success success -> success").await;
    check(&[FAIL, OK], "failure skipped -> failure").await;
    check(&[OK, FAIL, OK], "success failure skipped -> failure").await;
    check(&[CONTINUE, OK], "error-with-continue success -> success").await;
    check(&[CONTINUE], "error-with-continue -> success").await;
    check(&[CONTINUE, FAIL], "error-with-continue failure -> failure").await;
}

#[tokio::test]
async fn a_cancel_ends_the_running_step_and_those_that_wait() {
    check(
        &[WAIT, OK, FAIL],
        "cancelled cancelled cancelled -> cancelled",
    )
    .await;
    check(&[OK, WAIT, OK], "success cancelled cancelled -> cancelled").await;
    // A step that ends well when it is asked to end was ended all the same.
    let polite = "{run: 'trap \"exit 0\" TERM; echo cancel-me; while :; do sleep 0.01; done'}";
    check(&[polite, OK], "cancelled cancelled -> cancelled").await;
    // Also one that asked to run in any case.
    let always = when("${{ always() }}", "echo cancel-me; sleep 60");
    check(
        &[FAIL, &always, OK],
        "failure cancelled cancelled -> cancelled",
    )
    .await;
}

#[tokio::test]
async fn steps_after_a_cancel_can_fail_for_real() {
    let always = when("${{ always() }}", "exit 4");
    let ran = Runner::of_pipeline(&pipeline(&[WAIT, &always, OK]))
        .run_and_cancel_at("cancel-me")
        .await;
    assert_eq!(ran.statuses(), "cancelled failure cancelled -> cancelled");
    assert_eq!(ran.error(2), "exit code 4");
}

#[tokio::test]
async fn a_step_after_a_cancel_cannot_last_for_ever() {
    let always = when("${{ always() }}", "echo began; sleep 60");
    let mut runner = Runner::of_pipeline(&pipeline(&[WAIT, &always]));
    runner.job.limits.after_cancel = std::time::Duration::from_millis(200);
    let ran = runner.run_and_cancel_at("cancel-me").await;
    assert_eq!(ran.statuses(), "cancelled failure -> cancelled");
    assert!(
        ran.error(2).starts_with("took more than"),
        "{}",
        ran.error(2)
    );
}

#[tokio::test]
async fn the_steps_after_a_cancel_share_their_time() {
    let always = when("${{ always() }}", "sleep 60");
    let mut runner = Runner::of_pipeline(&pipeline(&[WAIT, &always, &always, &always]));
    runner.job.limits.after_cancel = std::time::Duration::from_secs(1);
    let ran = runner.run_and_cancel_at("cancel-me").await;
    assert_eq!(
        ran.statuses(),
        "cancelled failure failure failure -> cancelled"
    );
    for number in 2..=4 {
        assert_eq!(
            ran.error(number),
            "took more than 1 second after the end of the task"
        );
    }
    // The first of them had all of the time: the others came too late to begin.
    for number in [3, 4] {
        assert!(!ran.log(number).contains("began"), "{}", ran.log(number));
    }
}

#[tokio::test]
async fn a_cancelled_step_keeps_its_time() {
    let step = "{run: 'sleep 0.1; echo cancel-me; sleep 60'}";
    let ran = Runner::of_pipeline(&pipeline(&[step, OK]))
        .run_and_cancel_at("cancel-me")
        .await;
    let times: Vec<_> = ran.outcome.steps[1..]
        .iter()
        .map(|step| step.process_time)
        .collect();
    assert!(times[0].is_some_and(|time| time >= 0.1), "{times:?}");
    assert_eq!(times[1], Some(0.0));
}

#[tokio::test]
async fn nothing_later_rescues_a_failed_task() {
    let rescue = when("${{ failure() }}", "true");
    let always = when("${{ always() }}", "true");
    check(
        &[FAIL, &rescue, &always, OK],
        "failure success success skipped -> failure",
    )
    .await;
    let failing_always = when("${{ always() }}", "exit 9");
    check(&[OK, &failing_always], "success failure -> failure").await;
}

#[tokio::test]
async fn a_condition_without_a_value_fails_its_step_and_the_task() {
    let ran = Runner::of_pipeline(&pipeline(&[&when("${{ nonsense( }}", "true"), OK]))
        .run()
        .await;
    assert_eq!(ran.statuses(), "failure skipped -> failure");
    assert!(
        ran.error(1).starts_with("cannot evaluate `if`: "),
        "{}",
        ran.error(1)
    );
    assert_eq!(ran.log(1), format!("Error: {}\n", ran.error(1)));
}

#[tokio::test]
async fn status_functions_are_functions_and_not_text() {
    for (condition, status) in [
        ("${{ success( ) }}", "success"),
        ("${{ success() && success() }}", "success"),
        ("${{ failure() || success() }}", "success"),
        ("${{ 'failure()' === 'failure' + '()' }}", "success"),
        ("${{ !always() }}", "skipped"),
        ("success()", "success"),
    ] {
        check(&[&when(condition, "true")], &format!("{status} -> success")).await;
    }
    // Outside of conditions, too.
    let ran = Runner::of_pipeline("steps:\n- run: echo ${{ success() }} ${{ failure() }}\n")
        .run()
        .await;
    assert_eq!(ran.log(1), "true false\n");
}

#[tokio::test]
async fn only_the_text_true_lets_a_step_run_and_blanks_around_it_do_not_matter() {
    for (condition, status) in [
        ("${{ true }} ", "success"),
        (" ${{ 1 === 1 }}\\n", "success"),
        ("${{ 'true' }}", "success"),
        ("${{ 1 }}", "skipped"),
        ("${{ 'yes' }}", "skipped"),
        ("${{ null }}", "skipped"),
        ("${{ true }}${{ true }}", "skipped"),
    ] {
        check(&[&when(condition, "true")], &format!("{status} -> success")).await;
    }
}

#[tokio::test]
async fn an_unknown_step_or_key_is_null_and_no_error() {
    let ran = Runner::of_pipeline(
        "steps:\n\
         - run: echo '[${{ steps.none.outputs.x }}] [${{ git.none.none }}] [${{ steps }}]'\n\
         - {run: 'true', if: \"${{ steps.none.status === 'success' }}\"}\n",
    )
    .run()
    .await;
    assert_eq!(ran.log(1), "[] [] [{}]\n");
    assert_eq!(ran.statuses(), "success skipped -> success");
}

#[tokio::test]
async fn steps_that_do_not_run_have_no_log_and_take_no_time() {
    let ran = Runner::of_pipeline(&pipeline(&[FAIL, OK, &when("${{ false }}", "true")]))
        .run()
        .await;
    assert_eq!(ran.statuses(), "failure skipped skipped -> failure");
    for number in [2, 3] {
        assert_eq!(ran.log(number), "");
        assert_eq!(ran.outcome.steps[number as usize].process_time, Some(0.0));
    }
}

#[tokio::test]
async fn the_names_of_steps_are_as_written_also_when_they_are_cancelled() {
    let ran = Runner::of_pipeline("steps:\n- run: 'echo cancel-me ${{ task_id }}; sleep 60'\n")
        .run_and_cancel_at("cancel-me")
        .await;
    assert_eq!(ran.statuses(), "cancelled -> cancelled");
    assert_eq!(
        ran.outcome.steps[1].run,
        "Run echo cancel-me ${{ task_id }}; sleep 60"
    );
}

#[tokio::test]
async fn numbers_of_steps_begin_anew_in_every_task() {
    for _ in 0..2 {
        let ran = Runner::of_pipeline(&pipeline(&[OK, OK])).run().await;
        let numbers: Vec<String> = ran
            .outcome
            .steps
            .iter()
            .map(|step| step.step_count.to_string())
            .collect();
        assert_eq!(numbers, ["0", "1", "2"]);
    }
}

#[tokio::test]
async fn a_task_whose_steps_are_all_skipped_succeeds() {
    check(
        &["{run: 'exit 1', if: false}", "{run: 'exit 1', if: false}"],
        "skipped skipped -> success",
    )
    .await;
}

#[tokio::test]
async fn a_task_without_steps_fails_and_says_why() {
    for text in ["steps: []\n", "name: nothing\n"] {
        let ran = Runner::of_pipeline(text).run().await;
        assert_eq!(ran.statuses(), " -> failure");
        assert!(ran.error(0).contains("no steps"), "{}", ran.error(0));
        assert!(ran.log(0).contains("no steps"), "{}", ran.log(0));
    }
}

#[tokio::test]
async fn later_steps_see_how_earlier_ones_ended() {
    let ran = Runner::of_pipeline(
        "steps:\n\
         - {id: first, run: 'exit 3', continue-on-error: true}\n\
         - {id: second, run: 'true', if: \"${{ steps.first.status === 'error-with-continue' }}\"}\n\
         - {run: 'echo got ${{ steps.second.status }}'}\n",
    )
    .run()
    .await;
    assert_eq!(
        ran.statuses(),
        "error-with-continue success success -> success"
    );
    assert_eq!(ran.log(3), "got success\n");
}

#[tokio::test]
async fn a_run_tells_its_life_in_order() {
    let ran = Runner::of_pipeline(&pipeline(&["{name: Greet, run: echo hi}", FAIL, OK]))
        .run()
        .await;
    let told: Vec<String> = ran
        .events
        .iter()
        .map(|event| match event {
            Event::CheckedOut { .. } => "checked out".to_owned(),
            Event::Steps(steps) => format!("{} steps", steps.len()),
            Event::Step(step) => format!("{} {}", step.step_count, step.status),
            Event::Summary(_) => "summary".to_owned(),
            Event::Output { step_count, .. } => format!("{step_count} log"),
        })
        .collect();
    let mut told = told;
    told.dedup();
    assert_eq!(
        told,
        [
            "1 steps",
            "0 running",
            "0 log",
            "0 success",
            "4 steps",
            "1 running",
            "1 log",
            "1 success",
            "2 running",
            "2 log",
            "2 failure",
            "3 skipped",
            "completed log",
        ]
    );
    let names: Vec<&str> = ran
        .outcome
        .steps
        .iter()
        .map(|step| step.run.as_str())
        .collect();
    assert_eq!(names, ["Set up task", "Greet", "Run exit 3", "Run true"]);
    assert!(ran.outcome.steps.iter().all(|step| step.status.is_final()));
    assert!(ran.outcome.steps[1].started_time.is_some());
    assert!(ran.outcome.steps[3].started_time.is_none());
    assert_eq!(ran.outcome.steps[3].status, StepStatus::Skipped);
    assert_eq!(ran.log(2), "Error: exit code 3\n");
}
