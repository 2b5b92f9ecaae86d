//! Inputs that a pipeline declares, and text that it must not run.

use serde_json::json;

use crate::runner::{Ran, Runner};

const DECLARED: &str = "inputs:\n\
    \x20 count: {type: number, default: 3}\n\
    \x20 loud: {type: boolean}\n\
    \x20 target: {type: choice, options: [test, live], required: true}\n\
    \x20 note: {type: string}\n";

async fn run(steps: &str, inputs: serde_json::Value) -> Ran {
    let mut runner = Runner::of_pipeline(&format!("{DECLARED}{steps}"));
    runner.job.contexts.inputs = inputs.as_object().cloned().expect("it is an object");
    runner.run().await
}

#[tokio::test]
async fn inputs_have_their_types_and_defaults_before_the_first_step() {
    let ran = run(
        "steps:\n- run: echo '${{ inputs.count + 1 }} ${{ loud === true }} ${{ target }} ${{ env.X }}'\n",
        json!({"loud": "true", "target": "live", "env": {"X": "env"}}),
    )
    .await;
    assert_eq!(ran.log(1), "4 true live env\n");
}

#[tokio::test]
async fn an_input_that_is_wrong_fails_the_set_up_by_name() {
    for (inputs, name) in [
        (json!({}), "target"),
        (json!({"target": "other"}), "target"),
        (json!({"target": "test", "count": "many"}), "count"),
        (json!({"target": "test", "loud": "perhaps"}), "loud"),
        (json!({"target": "test", "cuont": 1}), "cuont"),
    ] {
        let ran = run("steps:\n- run: echo never\n", inputs.clone()).await;
        assert_eq!(ran.statuses(), " -> failure", "{inputs}");
        assert!(ran.error(0).contains(name), "{inputs}: {}", ran.error(0));
    }
}

/// A strict pipeline with a commit message that wants to be a command.
async fn strict(step: &str) -> Ran {
    let mut runner = Runner::of_pipeline(&format!(
        "strict-expressions: true\nenv: {{SUBJECT: '${{{{ git.message }}}}', SAFE: '${{{{ task_id }}}}'}}\nsteps:\n- {step}\n"
    ));
    let message = "\"; echo pwned; \" $(echo pwned) `echo pwned`";
    runner
        .job
        .contexts
        .git
        .insert("message".to_owned(), message.into());
    runner.run().await
}

#[tokio::test]
async fn a_strict_pipeline_passes_untrusted_text_by_the_environment() {
    let expected = "\"; echo pwned; \" $(echo pwned) `echo pwned`\n";
    for step in [
        "run: 'echo \"${{ git.message }}\"'",
        "{shell: bash, run: 'echo \"${{ git.message }}\"'}",
        "run: 'echo \"${{ env.SUBJECT }}\"'",
        "{env: {COPY: '${{ env.SUBJECT }}'}, run: 'echo \"${{ env.COPY }}\"'}",
        "{env: {COPY: '{{ git.message }}'}, run: 'echo \"${{ env.COPY }}\"'}",
    ] {
        assert_eq!(strict(step).await.log(1), expected, "{step}");
    }
    let ran = strict("{env: {SAFE: '${{ task_id }}'}, run: 'echo ${{ env.SAFE }}${{ 1 + 1 }} ${{ git.message ? 1 : 2 }}; env | grep -c FLOWCD_EXPR'}").await;
    assert_eq!(ran.log(1), "2 1\n0\nError: exit code 1\n");
}

#[tokio::test]
async fn a_strict_pipeline_refuses_shells_that_it_cannot_pass_text_to() {
    let ran = strict("{shell: python, run: 'print(\"${{ git.message }}\")'}").await;
    assert!(
        ran.error(0).contains("`git.message`")
            && ran.error(0).contains("os.environ[\"FLOWCD_MESSAGE\"]"),
        "{}",
        ran.error(0)
    );
    let ran = strict("{shell: python, run: 'print(${{ 1 + 1 }})'}").await;
    assert_eq!(ran.log(1), "2\n");
}

#[tokio::test]
async fn the_events_variables_are_in_every_environment() {
    let mut runner = Runner::of_pipeline(
        "steps:\n- run: echo \"$CI|$FLOWCD|$SERVERLESS_CD|$FLOWCD_TASK_URL|$FLOWCD_REF|$FLOWCD_BRANCH|$FLOWCD_TAG|$FLOWCD_COMMIT|$FLOWCD_MESSAGE|$FLOWCD_PUSHER|$FLOWCD_APP_ID|$FLOWCD_REPO\"; [ \"$FLOWCD_WORKSPACE\" = \"$PWD\" ]\n",
    );
    let git = json!({
        "ref": "refs/heads/main", "branch": "main", "tag": "v1", "commit": "abc", "message": "Do it",
        "clone_url": "https://host/acme/app.git", "pusher": {"name": "ada"},
    });
    runner.job.contexts.git = git.as_object().cloned().expect("it is an object");
    runner
        .job
        .contexts
        .app
        .insert("id".to_owned(), "app1".into());
    runner
        .job
        .contexts
        .task
        .insert("url".to_owned(), "http://x/1".into());
    let ran = runner.run().await;
    assert_eq!(
        ran.log(1),
        "true|true|serverless_cd|http://x/1|refs/heads/main|main|v1|abc|Do it|ada|app1|https://host/acme/app.git\n"
    );
}

#[tokio::test]
async fn the_contexts_are_there_after_a_checkout() {
    let repository = crate::repository::Repository::new();
    let commit = repository.commit(
        "serverless-pipeline.yaml",
        "steps:\n- run: echo '${{ git.message }}|${{ git.commit }}|${{ git.branch }}|${{ git.ref }}|${{ status }}|${{ typeof git.none }}'\n",
        "Say \u{1b}[31mred\u{7}",
    );
    let ran = Runner::of_commit(repository.url(), &commit)
        .git_ref("refs/heads/main")
        .run()
        .await;
    assert!(
        ran.log(1).ends_with(&format!(
            "|{commit}|main|refs/heads/main|running|undefined\n"
        )),
        "{}",
        ran.log(1)
    );
    // The log of the set-up is ours: nothing in it acts on a terminal.
    let set_up = ran.log(0);
    assert!(!set_up.contains(['\u{1b}', '\u{7}']), "{set_up:?}");
    assert!(set_up.contains(": Say  [31mred \n"), "{set_up:?}");
}

#[tokio::test]
async fn text_from_outside_in_a_script_is_warned_of_in_the_set_up() {
    let ran = Runner::of_pipeline(
        "steps:\n- run: echo '${{ git.message }}'\n- run: echo '${{ git.commit }}'\n",
    )
    .run()
    .await;
    let set_up = ran.log(0);
    let warnings: Vec<&str> = set_up
        .lines()
        .filter(|line| line.starts_with("Warning: "))
        .collect();
    assert_eq!(warnings.len(), 1, "{set_up}");
    assert!(
        warnings[0].contains("`git.message`") && warnings[0].contains("\"$FLOWCD_MESSAGE\""),
        "{set_up}"
    );
}
