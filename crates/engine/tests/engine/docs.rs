//! The examples of docs/pipeline.md: each is read, and each that says what comes of it is run.

use std::{fmt::Write as _, fs};

use flowcd_engine::lint::{Severity, lint, pipeline_schema};
use flowcd_model::step::StepCount;
use serde_json::{Map, Value, json};

use crate::runner::{Ran, Runner};

const DOCUMENT: &str = include_str!("../../../../docs/pipeline.md");

/// A pipeline of the document.
#[derive(Debug, Default)]
struct Example {
    line: usize,
    pipeline: String,
    /// What it is started with: `inputs`, and `files` of the workspace.
    given: Value,
    /// What comes of it; nothing when it is only shown.
    expected: Option<String>,
}

/// The examples: a block of YAML, with a comment before it that says what is given, and a block of text behind it that
/// says what comes of it.
fn examples() -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut given = Value::Null;
    let mut block: Option<(usize, &str, String)> = None;
    for (index, line) in DOCUMENT.lines().enumerate() {
        match (&mut block, line.strip_prefix("```")) {
            (Some((_, _, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, Some(language)) => block = Some((index + 2, language, String::new())),
            (Some(_), Some(_)) => match block.take() {
                Some((line, "yaml", pipeline)) => examples.push(Example {
                    line,
                    pipeline,
                    given: given.take(),
                    expected: None,
                }),
                Some((_, "text", text)) => {
                    if let Some(example) = examples.last_mut() {
                        assert_eq!(example.expected, None, "line {}", index + 1);
                        example.expected = Some(text);
                    }
                }
                _ => {}
            },
            (None, None) => {
                let comment = line
                    .strip_prefix("<!-- given: ")
                    .and_then(|rest| rest.strip_suffix(" -->"));
                if let Some(comment) = comment {
                    given = serde_json::from_str(comment).expect("what is given is JSON");
                }
            }
        }
    }
    examples
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

async fn run(example: &Example) -> Ran {
    let mut runner = Runner::of_pipeline(&example.pipeline).secret("TOKEN", "s3cr3t-t0ken");
    let contexts = &mut runner.job.contexts;
    contexts.git = object(json!({
        "ref": "refs/heads/main",
        "branch": "main",
        "commit": "1f0e5fcd8f2b5c7a7d1d4cfe1f35dbbd6dffb0a5",
        "message": "fix: the login",
        "pusher": {"name": "Ann"},
    }));
    contexts.inputs = object(example.given["inputs"].clone());
    for (name, text) in object(example.given["files"].clone()) {
        let text = text.as_str().unwrap_or_default();
        fs::write(runner.folder().join(name), text).expect("the file is written");
    }
    runner.run().await
}

/// What came of a run, as the document has it: each step and what it printed, then the task.
fn told(ran: &Ran) -> String {
    let mut told = String::new();
    for step in &ran.outcome.steps {
        let log = ran.log_of(step.step_count);
        let is_set_up = step.step_count == StepCount::SET_UP;
        // Of the set-up there is only to tell what is not as usual.
        let lines: Vec<&str> = log
            .lines()
            .filter(|line| !is_set_up || line.starts_with("Warning") || line.starts_with("Error"))
            .collect();
        if is_set_up && lines.is_empty() {
            continue;
        }
        let name = step.run.lines().next().unwrap_or_default();
        let _ = writeln!(told, "{name}: {}", step.status);
        for line in lines {
            let _ = writeln!(told, "{}", format!("    {line}").trim_end());
        }
    }
    let _ = writeln!(told, "task: {}", ran.outcome.status);
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_do_what_the_document_says() {
    let mut wrong = String::new();
    let mut n_run = 0;
    for example in examples() {
        let Some(expected) = &example.expected else {
            continue;
        };
        n_run += 1;
        let actual = told(&run(&example).await);
        if actual != *expected {
            let _ = writeln!(
                wrong,
                "docs/pipeline.md:{}: expected\n{expected}and it is\n{actual}",
                example.line
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(n_run >= 20, "only {n_run} examples are run");
}

#[test]
fn the_examples_are_pipelines_without_errors() {
    // Some show what becomes of an error; those are run.
    for example in examples()
        .iter()
        .filter(|example| example.expected.is_none())
    {
        let errors: Vec<_> = lint(example.pipeline.as_bytes())
            .into_iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .collect();
        assert!(errors.is_empty(), "line {}: {errors:?}", example.line);
    }
}

#[test]
fn every_key_is_in_the_document() {
    let schema = pipeline_schema();
    let retry = &schema["$defs"]["step"]["properties"]["retry"]["anyOf"][1];
    let tables = [
        &schema,
        &schema["$defs"]["step"],
        &schema["$defs"]["input"],
        retry,
    ];
    for table in tables {
        let keys = table["properties"].as_object().expect("a table of keys");
        assert!(!keys.is_empty());
        for key in keys.keys() {
            assert!(
                DOCUMENT.contains(&format!("`{key}`")),
                "docs/pipeline.md lacks `{key}`"
            );
        }
    }
}
