//! What steps print, however much and whatever it is.

use std::fs;

use flowcd_engine::Event;
use flowcd_model::step::StepCount;
use tokio::sync::mpsc;

use crate::runner::Runner;

/// What a step's output looked like on its way.
#[derive(Debug, Default)]
struct Seen {
    n_bytes: u64,
    n_newlines: u64,
    longest: usize,
    status: String,
}

/// Runs one step and counts, keeping nothing.
async fn measure(script: &str) -> Seen {
    let Runner {
        home: _home,
        job,
        cancel,
    } = Runner::of_pipeline(&format!("steps:\n- run: |\n    {script}\n")).secret("KEY", "abcdefgh");
    let (events_tx, mut events_rx) = mpsc::channel(4);
    let running = tokio::spawn(flowcd_engine::run(job, events_tx, cancel));
    let mut seen = Seen::default();
    while let Some(event) = events_rx.recv().await {
        if let Event::Output {
            step_count: StepCount::Number(1),
            bytes,
        } = event
        {
            seen.n_bytes += bytes.len() as u64;
            seen.n_newlines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            seen.longest = seen.longest.max(bytes.len());
        }
    }
    seen.status = running
        .await
        .expect("a run does not panic")
        .status
        .to_string();
    seen
}

#[tokio::test]
async fn a_hundred_megabytes_in_lines_come_through_in_pieces() {
    let line = "x".repeat(99);
    let seen = measure(&format!("yes {line} | head -n 1000000")).await;
    assert_eq!(
        (seen.n_bytes, seen.n_newlines),
        (100_000_000, 1_000_000),
        "{seen:?}"
    );
    assert_eq!(seen.status, "success");
    assert!(seen.longest <= 512 * 1024, "{seen:?}");
}

#[tokio::test]
async fn a_hundred_megabytes_without_a_newline_come_through_in_pieces() {
    let seen = measure("head -c 100000000 /dev/zero").await;
    assert_eq!(
        (seen.n_bytes, seen.n_newlines),
        (100_000_000, 0),
        "{seen:?}"
    );
    assert!(seen.longest <= 512 * 1024, "{seen:?}");
}

#[tokio::test]
async fn bytes_that_are_no_text_come_through_as_they_are() {
    let ran =
        Runner::of_pipeline("steps:\n- run: printf '\\377\\376\\000\\303(\\r\\033[31mred\\200'\n")
            .run()
            .await;
    let log = &ran.logs[&StepCount::Number(1)];
    assert_eq!(log.as_slice(), b"\xff\xfe\x00\xc3(\r\x1b[31mred\x80");
}

#[tokio::test]
async fn our_own_lines_begin_on_a_line_of_their_own() {
    let ran = Runner::of_pipeline("steps:\n- run: printf half; exit 1\n")
        .run()
        .await;
    assert_eq!(ran.log(1), "half\nError: exit code 1\n");
}

#[tokio::test]
async fn output_is_told_while_the_step_runs() {
    // The step ends only after the test has seen its output and made the file.
    let runner = Runner::of_pipeline(
        "steps:\n- run: printf first; while ! [ -e go ]; do sleep 0.01; done; echo second\n",
    );
    let go = runner.folder().join("go");
    let (_home, ran) = runner
        .run_and_watch(|log| {
            if log == b"first" {
                fs::write(&go, "").expect("it is written");
            }
            false
        })
        .await;
    assert_eq!(ran.log(1), "firstsecond\n");
}
