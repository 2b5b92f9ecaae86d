//! The status machine, as a table: what happened before a step, what its `if` says, and what becomes of it and the
//! task.

use std::time::Duration;

use crate::runner::Runner;

/// What happens before the step in question: pipeline steps, one a line.
fn before(situation: &str) -> &'static [&'static str] {
    match situation {
        "nothing" => &[],
        "success" => &["{run: 'true'}"],
        "failure" => &["{run: 'exit 3'}"],
        "failure, then success" => &["{run: 'exit 3'}", "{run: 'true', if: '${{ always() }}'}"],
        "continued" => &["{run: 'exit 3', continue-on-error: true}"],
        "continued, then success" => &["{run: 'exit 3', continue-on-error: true}", "{run: 'true'}"],
        "skip" => &["{run: 'exit 3', if: false}"],
        "broken if" => &["{run: 'true', if: '${{ nonsense( }}'}"],
        "step timeout" => &["{run: 'sleep 60', timeout-minutes: 0.002}"],
        "task timeout" => &["{run: 'echo time; sleep 60'}"],
        "cancel" => &["{run: 'echo cancel-me; sleep 60'}"],
        "failure, then cancel" => &[
            "{run: 'exit 3'}",
            "{run: 'echo cancel-me; sleep 60', if: '${{ always() }}'}",
        ],
        _ => panic!("no situation {situation}"),
    }
}

fn condition(column: &str) -> String {
    match column {
        "(none)" => String::new(),
        "false" => ", if: false".to_owned(),
        expression => format!(", if: \"${{{{ {expression} }}}}\""),
    }
}

/// Runs the step after the situation: `status of the step -> status of the task`.
async fn outcome(situation: &str, step: &str) -> String {
    let steps = before(situation).iter().copied().chain([step]);
    let steps: Vec<String> = steps.map(|step| format!("- {step}\n")).collect();
    let timeout = match situation {
        "task timeout" => "timeout-minutes: 0.002\n",
        _ => "",
    };
    let mut runner = Runner::of_pipeline(&format!("{timeout}steps:\n{}", steps.concat()));
    runner.job.limits.grace_period = Duration::from_secs(5);
    let ran = runner.run_and_cancel_at("cancel-me").await;
    let last = ran.outcome.steps.last().expect("there is the set-up");
    format!("{} -> {}", last.status, ran.outcome.status)
}

/// A table: the head names conditions, each row a situation, the step's status for each condition, and the task's.
async fn check(script: &str, table: &str) {
    let rows: Vec<Vec<&str>> = table
        .trim()
        .lines()
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let (head, rows) = rows.split_first().expect("the table has a head");
    let mut wrong = Vec::new();
    for row in rows {
        for (column, expected) in head.iter().zip(row).skip(1) {
            let step = format!("{{{script}{}}}", condition(column));
            let actual = outcome(row[0], &step).await;
            if actual != expected.replace('>', "->") {
                wrong.push(format!("{} | {column}: {actual}, not {expected}", row[0]));
            }
        }
    }
    assert!(wrong.is_empty(), "{script}:\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_step_that_would_succeed_by_situation_and_condition() {
    check(
        "run: 'true'",
        "
        before                  | (none)                | success()           | failure()           | cancelled()         | always()            | 1 === 1             | false
        nothing                 | success > success     | success > success   | skipped > success   | skipped > success   | success > success   | success > success   | skipped > success
        success                 | success > success     | success > success   | skipped > success   | skipped > success   | success > success   | success > success   | skipped > success
        failure                 | skipped > failure     | skipped > failure   | success > failure   | skipped > failure   | success > failure   | success > failure   | skipped > failure
        failure, then success   | skipped > failure     | skipped > failure   | success > failure   | skipped > failure   | success > failure   | success > failure   | skipped > failure
        continued               | success > success     | success > success   | skipped > success   | skipped > success   | success > success   | success > success   | skipped > success
        continued, then success | success > success     | success > success   | skipped > success   | skipped > success   | success > success   | success > success   | skipped > success
        skip                    | success > success     | success > success   | skipped > success   | skipped > success   | success > success   | success > success   | skipped > success
        broken if               | skipped > failure     | skipped > failure   | success > failure   | skipped > failure   | success > failure   | success > failure   | skipped > failure
        step timeout            | skipped > failure     | skipped > failure   | success > failure   | skipped > failure   | success > failure   | success > failure   | skipped > failure
        task timeout            | skipped > failure     | skipped > failure   | success > failure   | skipped > failure   | success > failure   | success > failure   | skipped > failure
        cancel                  | cancelled > cancelled | skipped > cancelled | skipped > cancelled | success > cancelled | success > cancelled | success > cancelled | skipped > cancelled
        failure, then cancel    | cancelled > cancelled | skipped > cancelled | skipped > cancelled | success > cancelled | success > cancelled | success > cancelled | skipped > cancelled
        ",
    )
    .await;
}

#[tokio::test]
async fn a_step_that_would_fail_by_situation_and_condition() {
    check(
        "run: 'exit 4'",
        "
        before                  | (none)                | success()           | failure()           | cancelled()         | always()            | false
        nothing                 | failure > failure     | failure > failure   | skipped > success   | skipped > success   | failure > failure   | skipped > success
        success                 | failure > failure     | failure > failure   | skipped > success   | skipped > success   | failure > failure   | skipped > success
        failure                 | skipped > failure     | skipped > failure   | failure > failure   | skipped > failure   | failure > failure   | skipped > failure
        continued               | failure > failure     | failure > failure   | skipped > success   | skipped > success   | failure > failure   | skipped > success
        skip                    | failure > failure     | failure > failure   | skipped > success   | skipped > success   | failure > failure   | skipped > success
        task timeout            | skipped > failure     | skipped > failure   | failure > failure   | skipped > failure   | failure > failure   | skipped > failure
        cancel                  | cancelled > cancelled | skipped > cancelled | skipped > cancelled | failure > cancelled | failure > cancelled | skipped > cancelled
        ",
    )
    .await;
}

#[tokio::test]
async fn a_step_that_would_fail_and_continue_by_situation_and_condition() {
    check(
        "run: 'exit 4', continue-on-error: true",
        "
        before  | (none)                        | success()                     | failure()                     | cancelled()                     | always()
        nothing | error-with-continue > success | error-with-continue > success | skipped > success             | skipped > success               | error-with-continue > success
        success | error-with-continue > success | error-with-continue > success | skipped > success             | skipped > success               | error-with-continue > success
        failure | skipped > failure             | skipped > failure             | error-with-continue > failure | skipped > failure               | error-with-continue > failure
        cancel  | cancelled > cancelled         | skipped > cancelled           | skipped > cancelled           | error-with-continue > cancelled | error-with-continue > cancelled
        ",
    )
    .await;
}

#[tokio::test]
async fn a_step_that_is_cancelled_itself_by_situation_and_condition() {
    check(
        "run: 'echo cancel-me; sleep 60'",
        "
        before    | (none)                | success()             | failure()             | cancelled()       | always()              | false
        nothing   | cancelled > cancelled | cancelled > cancelled | skipped > success     | skipped > success | cancelled > cancelled | skipped > success
        success   | cancelled > cancelled | cancelled > cancelled | skipped > success     | skipped > success | cancelled > cancelled | skipped > success
        failure   | skipped > failure     | skipped > failure     | cancelled > cancelled | skipped > failure | cancelled > cancelled | skipped > failure
        continued | cancelled > cancelled | cancelled > cancelled | skipped > success     | skipped > success | cancelled > cancelled | skipped > success
        ",
    )
    .await;
}
