//! Plugins that are a program or a folder: the protocol of docs/plugins.md, and its examples.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use crate::runner::{Ran, Runner};

/// A step with the plugin `./plugin`, a shell script.
async fn run_script(script: &str, inputs: &str) -> Ran {
    let runner = with_script(script, inputs);
    runner.run().await
}

fn with_script(script: &str, inputs: &str) -> Runner {
    let pipeline = format!(
        "steps:\n  - plugin: ./plugin\n    id: it\n    inputs: {inputs}\n  - run: echo next\n    if: always()\n"
    );
    let runner = Runner::of_pipeline(&pipeline);
    write_program(&runner.folder().join("plugin"), script);
    runner
}

fn write_program(path: &Path, script: &str) {
    fs::create_dir_all(path.parent().expect("it has a parent")).expect("folders are made");
    fs::write(path, format!("#!/bin/sh\n{script}\n")).expect("it is written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("its mode is set");
}

fn examples() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples")
}

#[tokio::test]
async fn the_examples_of_the_documentation_work() {
    for (example, end) in [
        ("plugin-sh", "Goodbye\n"),
        ("plugin-python", "Goodbye, World: Hello, World was said\n"),
        ("plugin-node", "Goodbye, World\n"),
    ] {
        let path = examples().join(example);
        let pipeline = format!(
            "steps:\n  - plugin: {}\n    id: greet\n    inputs: {{who: '${{{{ inputs.name }}}}'}}\n  \
             - run: echo '${{{{ steps.greet.outputs.greeting }}}}!'\n",
            path.display()
        );
        let mut runner = Runner::of_pipeline(&pipeline);
        runner
            .job
            .contexts
            .inputs
            .insert("name".to_owned(), "World".into());
        let ran = runner.run().await;
        assert_eq!(
            ran.statuses(),
            "success success success -> success",
            "{}",
            ran.everything()
        );
        assert_eq!(ran.log(1), "Hello, World\n", "{example}");
        assert_eq!(ran.log(2), "Hello, World!\n", "{example}");
        assert_eq!(ran.log(3), end, "{example}");
    }
}

#[test]
fn the_documentation_shows_its_examples_as_they_are() {
    let text = fs::read_to_string(examples().join("../plugins.md")).expect("it is there");
    let mut n_examples = 0;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(path) = line.strip_prefix("`docs/examples/") else {
            continue;
        };
        let path = path.trim_end_matches('`');
        let block = lines.by_ref().skip_while(|line| !line.starts_with("```"));
        let block = block.skip(1).take_while(|line| *line != "```");
        let shown: String = block.map(|line| format!("{line}\n")).collect();
        let file = fs::read_to_string(examples().join(path)).expect("it is there");
        assert_eq!(shown, file, "{path}");
        n_examples += 1;
    }
    assert_eq!(n_examples, 5);
}

#[tokio::test]
async fn a_program_gets_its_request_and_the_files_of_every_step() {
    let script = r#"
cat > request.json
echo "$CI $FLOWCD_TASK_ID" | wc -w
echo VAR=from-plugin >> "$FLOWCD_ENV"
echo written=1 >> "$FLOWCD_OUTPUT"
echo '{"answered": [1, "two"]}' > "$FLOWCD_PLUGIN_OUTPUT"
"#;
    let pipeline = "
steps:
  - plugin: ./plugin
    id: it
    inputs: {deep: {list: ['${{ git.branch }}', 2, true]}}
  - run: echo $VAR ${{ steps.it.outputs.written }} ${{ steps.it.outputs.answered[1] }}
";
    let mut runner = Runner::of_pipeline(pipeline);
    write_program(&runner.folder().join("plugin"), script);
    runner
        .job
        .contexts
        .git
        .insert("branch".to_owned(), "main".into());
    let (home, ran) = runner.run_and_watch(|_| false).await;
    assert_eq!(
        ran.statuses(),
        "success success -> success",
        "{}",
        ran.everything()
    );
    assert_eq!(ran.log(2), "from-plugin 1 two\n");
    let request = fs::read(home.path().join("source/request.json")).expect("it is there");
    let request: serde_json::Value = serde_json::from_slice(&request).expect("it is JSON");
    assert_eq!(request["phase"], "run");
    assert_eq!(
        request["inputs"]["deep"]["list"],
        serde_json::json!(["main", 2, true])
    );
    assert_eq!(request["context"]["stepCount"], "1");
    assert_eq!(request["context"]["$variables"]["git"]["branch"], "main");
}

#[tokio::test]
async fn the_exit_code_of_a_program_counts() {
    let ran = run_script("echo oops; exit 3", "{}").await;
    assert_eq!(ran.statuses(), "failure success -> failure");
    assert_eq!(
        (ran.log(1).lines().next(), ran.error(1)),
        (Some("oops"), "exit code 3")
    );
    let ran = run_script("kill -9 $$", "{}").await;
    assert_eq!(ran.error(1), "killed by signal 9 (SIGKILL)");
}

#[tokio::test]
async fn an_answer_that_is_none_fails_the_step() {
    for (script, error) in [
        (
            "echo '{' > $FLOWCD_PLUGIN_OUTPUT",
            "its answer is no JSON: EOF while parsing",
        ),
        (
            "echo '[1]' > $FLOWCD_PLUGIN_OUTPUT",
            "its answer is no mapping",
        ),
        (
            "head -c 2000000 /dev/zero > $FLOWCD_PLUGIN_OUTPUT",
            "its answer is longer than 1048576 bytes",
        ),
        (
            "rm $FLOWCD_PLUGIN_OUTPUT; ln -s /etc/hostname $FLOWCD_PLUGIN_OUTPUT",
            "the file for its answer was replaced",
        ),
    ] {
        let ran = run_script(script, "{}").await;
        assert_eq!(ran.statuses(), "failure success -> failure", "{script}");
        assert!(
            ran.error(1).starts_with(error),
            "{script}: {}",
            ran.error(1)
        );
    }
    let ran = run_script("true", "{}").await;
    assert_eq!(ran.statuses(), "success success -> success");
}

#[tokio::test]
async fn a_program_that_does_not_read_its_request_is_not_waited_for() {
    let large = "x".repeat(400_000);
    let mut runner = with_script("exit 0", "{text: '${{ inputs.large }}'}");
    runner
        .job
        .contexts
        .inputs
        .insert("large".to_owned(), large.into());
    let ran = runner.run().await;
    assert_eq!(
        ran.statuses(),
        "success success -> success",
        "{}",
        ran.everything()
    );
}

#[tokio::test]
async fn a_cancel_ends_a_program_with_all_that_it_started() {
    let runner = with_script("setsid sleep 1000 & echo started; wait", "{}");
    let marker = runner.job.marker.clone();
    let ran = runner.run_and_cancel_at("started").await;
    assert_eq!(ran.statuses(), "cancelled success -> cancelled");
    assert_eq!(flowcd_engine::process::kill_marked(&marker), 0);
}

#[tokio::test]
async fn ends_of_plugins_come_in_reverse_order_and_always() {
    let pipeline = "
steps:
  - plugin: ./first
    name: One
    id: one
    inputs: {n: 1}
  - plugin: ./second
    if: failure()
  - run: exit 1
  - plugin: ./third
  - run: echo '${{ steps.one.outputs.said }} ${{ steps.one.status }}'
    if: always()
";
    let runner = Runner::of_pipeline(pipeline);
    for name in ["first", "second", "third"] {
        let folder = runner.folder().join(name);
        write_program(
            &folder.join("run"),
            &format!("echo run {name}; echo '{{\"said\": \"{name}\"}}' > $FLOWCD_PLUGIN_OUTPUT"),
        );
        write_program(
            &folder.join("post"),
            &format!("echo post {name}; grep -o '\"outputs\":{{[^}}]*}}}}$'"),
        );
    }
    let ran = runner.run().await;
    assert_eq!(
        ran.statuses(),
        "success skipped failure skipped success success success success -> failure",
        "{}",
        ran.everything()
    );
    let names: Vec<_> = ran.outcome.steps[6..]
        .iter()
        .map(|step| step.run.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "Post Run Run ./third",
            "Post Run Run ./second",
            "Post Run One"
        ]
    );
    assert_eq!(ran.log(5), "first success\n");
    // The ends of steps that did not run have nothing to go by.
    assert_eq!(ran.log(6), "post third\n\"outputs\":{}}\n");
    assert_eq!(
        ran.log(8),
        "post first\n\"outputs\":{\"said\":\"first\"}}\n"
    );
}

#[tokio::test]
async fn what_is_no_plugin_is_an_error_of_the_set_up() {
    for (plugin, error) in [
        (
            "./absent",
            "cannot open it: No such file or directory (os error 2)",
        ),
        (
            "./plain",
            "`plain` is not executable (`chmod +x` makes it so)",
        ),
        (
            "./empty",
            "the folder has neither `plugin.yaml` nor `package.json` nor a program `run` in it",
        ),
        (
            "tools/absent",
            "cannot open it: No such file or directory (os error 2)",
        ),
        (
            "./loop",
            "cannot open it: Too many levels of symbolic links (os error 40)",
        ),
    ] {
        let runner = Runner::of_pipeline(&format!("steps:\n  - plugin: {plugin}\n"));
        fs::write(runner.folder().join("plain"), "").expect("it is written");
        fs::create_dir(runner.folder().join("empty")).expect("it is made");
        symlink("loop", runner.folder().join("loop")).expect("a link is made");
        let ran = runner.run().await;
        let expected = format!("step 1: the plugin `{plugin}` cannot be used: {error}");
        assert_eq!(
            ran.outcome.steps[0].error.as_deref(),
            Some(expected.as_str())
        );
    }
}
