//! What plugins do at the end of a run, in the status machine.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::runner::{Ran, Runner};

/// A plugin that runs what its step's environment says, as `RUN` and as `POST`.
fn with_plugin(steps: &str) -> Runner {
    let runner = Runner::of_pipeline(&format!("steps:\n{steps}"));
    let folder = runner.folder().join("p");
    fs::create_dir(&folder).expect("it is made");
    for (name, variable) in [("run", "RUN"), ("post", "POST")] {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\neval \"${variable}\"\n")).expect("it is written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is a program");
    }
    runner
}

async fn run(steps: &str) -> Ran {
    with_plugin(steps).run_and_cancel_at("cancel-me").await
}

#[tokio::test]
async fn the_end_of_a_plugin_by_what_its_step_and_the_run_came_to() {
    for (before, run_script, keys, post, after, expected) in [
        // before | RUN | keys of its step | POST | after | plugin step, after, post -> task
        (
            "",
            "true",
            "",
            "true",
            "true",
            "success success success -> success",
        ),
        (
            "",
            "true",
            "",
            "exit 4",
            "true",
            "success success failure -> failure",
        ),
        (
            "",
            "exit 3",
            "",
            "true",
            "true",
            "failure skipped success -> failure",
        ),
        (
            "",
            "exit 3",
            "",
            "exit 4",
            "true",
            "failure skipped failure -> failure",
        ),
        (
            "",
            "true",
            "",
            "true",
            "exit 3",
            "success failure success -> failure",
        ),
        (
            "",
            "exit 3",
            "continue-on-error: true, ",
            "true",
            "true",
            "error-with-continue success success -> success",
        ),
        (
            "",
            "exit 3",
            "continue-on-error: true, ",
            "exit 4",
            "true",
            "error-with-continue success error-with-continue -> success",
        ),
        (
            "",
            "true",
            "if: false, ",
            "true",
            "true",
            "skipped success success -> success",
        ),
        (
            "exit 3",
            "true",
            "",
            "true",
            "true",
            "skipped skipped success -> failure",
        ),
        (
            "",
            "echo cancel-me; sleep 60",
            "",
            "true",
            "true",
            "cancelled cancelled success -> cancelled",
        ),
        (
            "",
            "true",
            "",
            "true",
            "echo cancel-me; sleep 60",
            "success cancelled success -> cancelled",
        ),
        (
            "echo cancel-me; sleep 60",
            "true",
            "",
            "exit 4",
            "true",
            "cancelled cancelled failure -> cancelled",
        ),
        (
            "",
            "sleep 60",
            "timeout-minutes: 0.005, ",
            "true",
            "true",
            "failure skipped success -> failure",
        ),
        (
            "",
            "true",
            "timeout-minutes: 0.05, ",
            "sleep 60",
            "true",
            "success success failure -> failure",
        ),
    ] {
        let mut steps = String::new();
        if !before.is_empty() {
            steps.push_str(&format!("- run: '{before}'\n"));
        }
        steps.push_str(&format!(
            "- {{plugin: ./p, {keys}env: {{RUN: '{run_script}', POST: '{post}'}}}}\n- run: '{after}'\n"
        ));
        let ran = run(&steps).await;
        let statuses = ran.statuses();
        let statuses = match before {
            "" => statuses,
            _ => statuses
                .split_once(' ')
                .expect("there are several")
                .1
                .to_owned(),
        };
        assert_eq!(statuses, expected, "{steps}{}", ran.everything());
    }
}

#[tokio::test]
async fn ends_are_steps_of_their_own_and_do_not_replace_the_outcome_of_theirs() {
    let ran = run(
        "- {id: a, name: First, plugin: ./p, env: {RUN: 'echo x=1 >> $FLOWCD_OUTPUT; exit 3', POST: 'echo y=2 >> $FLOWCD_OUTPUT; echo end of a'}, continue-on-error: true}\n\
         - {id: b, plugin: ./p, env: {RUN: 'true', POST: 'echo \"end of b: $SEEN\"', SEEN: '${{ steps.a.status }} ${{ steps.a.outputs.x }}'}}\n",
    )
    .await;
    let steps: Vec<String> = ran.outcome.steps[1..]
        .iter()
        .map(|step| format!("{} {} {}", step.step_count, step.run, step.status))
        .collect();
    assert_eq!(
        steps,
        [
            "1 First error-with-continue",
            "2 Run ./p success",
            "3 Post Run Run ./p success",
            "4 Post Run First success",
        ]
    );
    assert_eq!(ran.log(3), "end of b: error-with-continue 1\n");
    assert_eq!(ran.log(4), "end of a\n");
}

#[tokio::test]
async fn the_end_of_a_plugin_has_the_inputs_that_its_step_had() {
    let mut runner = with_plugin(
        "- run: echo one > file\n\
         - {plugin: ./p, inputs: {key: \"${{ hashFile('file') }}\"}, env: {RUN: 'cat > run.json', POST: 'cat > post.json'}}\n\
         - run: echo two > file\n",
    );
    runner.job.limits.drain = std::time::Duration::from_secs(1);
    let folder = runner.folder();
    let (_home, ran) = runner.run_and_watch(|_| false).await;
    assert_eq!(
        ran.outcome.status.as_str(),
        "success",
        "{}",
        ran.everything()
    );
    let key = |file: &str| -> serde_json::Value {
        let text = fs::read(folder.join(file)).expect("it was written");
        let request: serde_json::Value = serde_json::from_slice(&text).expect("it is JSON");
        request["inputs"]["key"].clone()
    };
    assert!(key("run.json").is_string());
    assert_eq!(key("run.json"), key("post.json"));
}

#[tokio::test]
async fn the_environment_of_a_plugin_does_not_leak_to_later_steps() {
    let ran = run("- {plugin: ./p, env: {RUN: 'export LEAK=1', LEAK: x, POST: 'true'}}\n- run: echo \"[$LEAK]\"\n").await;
    assert_eq!(ran.log(2), "[]\n");
}

#[tokio::test]
async fn only_the_named_plugin_has_its_end() {
    let mut runner = with_plugin(
        "- {id: a, plugin: ./p, env: {RUN: echo a, POST: echo end of a}}\n\
         - {id: b, plugin: ./p, env: {RUN: echo b, POST: echo end of b}}\n",
    );
    runner.job.options.only_step = Some("b".to_owned());
    let ran = runner.run().await;
    assert_eq!(ran.statuses(), "skipped success success -> success");
    assert_eq!(ran.log(3), "end of b\n");
}

#[tokio::test]
async fn no_plugin_is_called_when_another_one_is_not_found() {
    let ran =
        run("- {plugin: ./p, env: {RUN: echo never, POST: echo never}}\n- plugin: ./missing\n")
            .await;
    assert_eq!(ran.statuses(), " -> failure");
    assert!(ran.error(0).starts_with("step 2: "), "{}", ran.error(0));
}

#[tokio::test]
async fn the_end_of_a_plugin_has_the_variables_that_its_step_had() {
    let ran = run(
        "- run: echo FROM_FILE=one > vars; echo one > file; echo SET=one >> $FLOWCD_ENV\n\
         - {plugin: ./p, env-file: vars, env: {RUN: 'echo \"$FROM_FILE $HASH $SET\"', POST: 'echo \"$FROM_FILE $HASH $SET\"', HASH: \"${{ hashFile('file') }}\"}}\n\
         - run: rm vars file; echo SET=two >> $FLOWCD_ENV\n",
    )
    .await;
    assert_eq!(
        ran.statuses(),
        "success success success success -> success",
        "{}",
        ran.everything()
    );
    assert!(ran.log(2).starts_with("one "), "{}", ran.log(2));
    assert_eq!(ran.log(4), ran.log(2));
}

#[tokio::test]
async fn the_end_of_a_plugin_that_was_not_called_reads_its_variables_itself() {
    let ran = run(
        "- run: echo FROM_FILE=one > vars\n\
         - {plugin: ./p, if: false, env-file: vars, env: {RUN: 'true', POST: 'echo \"$FROM_FILE\"'}}\n",
    )
    .await;
    assert_eq!(ran.statuses(), "success skipped success -> success");
    assert_eq!(ran.log(3), "one\n");
}
