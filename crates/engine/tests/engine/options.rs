//! Runs that are not as usual: for debugging, dry, or of one step alone.

use serde_json::json;

use crate::{
    repository::Repository,
    runner::{Ran, Runner},
};

#[tokio::test]
async fn a_debug_run_tells_values_and_times_and_no_secret() {
    let repository = Repository::new();
    let commit = repository.commit(
        "serverless-pipeline.yaml",
        "env: {KEY: '${{ secrets.KEY }}', MULTI: \"a\\nb\"}\n\
         steps:\n- {id: a, run: 'echo ${{ 1 + 1 }} ${{ secrets.KEY }}', if: '${{ always() }}', outputs: {x: '${{ env.MULTI }}'}}\n",
        "Add it",
    );
    let mut runner = Runner::of_commit(repository.url(), &commit).secret("KEY", "s3cret-value");
    runner.job.options.is_debug = true;
    let task_id = runner.job.task_id.to_string();
    let ran = runner.run().await;
    assert_eq!(ran.statuses(), "success -> success");
    let set_up = ran.log(0);
    let has_call = |part: &str| {
        let mut lines = set_up
            .lines()
            .filter(|line| line.starts_with("debug: git "));
        lines.any(|line| line.contains(part) && line.contains(" (ok, "))
    };
    assert!(has_call(" fetch "), "{set_up}");
    assert!(has_call("/workspace "), "{set_up}");
    assert!(set_up.contains("debug: the checkout took "), "{set_up}");
    let log = ran.log(1);
    for line in [
        "debug: `if` holds: ${{ always() }}",
        "debug: expression: 1 + 1 = 2",
        "debug: expression: secrets.KEY = ***",
        "debug: environment: KEY=***",
        "debug: environment: MULTI=\"a\\nb\"",
        &format!("debug: environment: FLOWCD_TASK_ID={task_id}"),
        "debug: output: x = \"a\\nb\"",
        "2 ***",
    ] {
        assert!(log.lines().any(|found| found == line), "{line}: {log}");
    }
    assert!(log.contains("debug: the step took "), "{log}");
    assert!(!ran.everything().contains("s3cret-value"));
}

#[tokio::test]
async fn other_runs_tell_nothing_of_that() {
    let ran = Runner::of_pipeline("steps: [{run: 'echo ${{ 1 + 1 }}'}]\n")
        .run()
        .await;
    assert!(!ran.everything().contains("debug:"), "{}", ran.everything());
}

async fn dry(pipeline: &str) -> Ran {
    let mut runner = Runner::of_pipeline(pipeline).secret("KEY", "s3cret-value");
    runner.job.options.is_dry_run = true;
    let folder = runner.folder();
    let (_home, ran) = runner.run_and_watch(|_| false).await;
    let left: Vec<_> = std::fs::read_dir(folder)
        .expect("it is there")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(left, ["serverless-pipeline.yaml"]);
    ran
}

#[tokio::test]
async fn a_dry_run_tells_what_would_run_and_runs_nothing() {
    let ran = dry(
        "env: {A: '${{ 1 + 1 }}'}\n\
         steps:\n\
         - run: |\n\
         \x20   touch made\n\
         \x20   echo ${{ secrets.KEY }} $A\n\
         \x20 shell: bash\n\
         \x20 working-directory: missing\n\
         \x20 timeout-minutes: 1\n\
         - {plugin: '@no/such-plugin', inputs: {key: '${{ env.A }}', deep: {list: ['${{ secrets.KEY }}']}}}\n\
         - {run: echo, if: '${{ failure() }}'}\n\
         - {run: echo, if: '${{ success() }}'}\n\
         - {run: 'exit 1', id: x}\n\
         - {run: 'echo ${{ steps.x.outputs.y }}${{ steps.x.status }}'}\n",
    )
    .await;
    assert_eq!(
        ran.statuses(),
        "success success skipped success success success -> success"
    );
    assert_eq!(
        ran.log(1),
        "Would run with `bash --noprofile --norc -eo pipefail -c` in `missing`:\n    touch made\n    echo *** $A\n\
         With the environment:\n    A=2\n"
    );
    assert_eq!(
        ran.log(2),
        "Would call the plugin `@no/such-plugin`\n    key: 2\n    deep: {\"list\":[\"***\"]}\n\
         With the environment:\n    A=2\n"
    );
    assert_eq!(
        ran.log(6),
        "Would run with `/bin/sh -c` in `.`:\n    echo success\nWith the environment:\n    A=2\n"
    );
}

#[tokio::test]
async fn a_dry_run_fails_on_what_cannot_be_evaluated() {
    let ran = dry("steps: [{run: '${{ nonsense( }}'}, {run: echo}]\n").await;
    assert_eq!(ran.statuses(), "failure skipped -> failure");
}

async fn only(step: &str, pipeline: &str) -> Ran {
    let mut runner = Runner::of_pipeline(pipeline);
    runner.job.options.only_step = Some(step.to_owned());
    runner.run().await
}

#[tokio::test]
async fn one_step_alone_runs_whatever_its_condition() {
    let pipeline = "steps:\n\
         - {run: exit 1}\n\
         - {id: build, run: echo built, if: '${{ failure() }}'}\n\
         - {run: echo never, if: '${{ always() }}'}\n\
         - {plugin: '@no/such-plugin'}\n";
    let ran = only("build", pipeline).await;
    assert_eq!(ran.statuses(), "skipped success skipped skipped -> success");
    assert_eq!(ran.log(2), "built\n");
    let ran = only("biuld", pipeline).await;
    assert_eq!(ran.statuses(), " -> failure");
    assert_eq!(
        ran.error(0),
        "no step of the pipeline has the id `biuld` (did you mean `build`?)"
    );
}

#[tokio::test]
async fn what_is_laid_over_the_contexts_is_seen_and_its_secrets_are_masked() {
    let mut runner = Runner::of_pipeline(
        "steps:\n- run: echo '${{ git.branch }} ${{ env.A }} ${{ workerRunConfig.region }}'; echo $FLOWCD_BRANCH $A; echo '${{ cloudSecrets.AccessKeySecret }} ${{ cloudSecrets.AccountID }} ${{ secrets.MORE }}'\n",
    );
    let overlay = json!({
        "git": {"branch": "feature"},
        "env": {"A": "over"},
        "workerRunConfig": {"region": "here"},
        "cloudSecrets": {"AccessKeySecret": "cl0ud-secret", "AccountID": 1_234_567_890},
        "secrets": {"MORE": "m0re-secret"},
    });
    runner.job.contexts.overlay = overlay.as_object().cloned().expect("it is an object");
    runner
        .job
        .contexts
        .git
        .insert("branch".to_owned(), "main".into());
    let ran = runner.run().await;
    assert_eq!(ran.log(1), "feature over here\nfeature over\n*** *** ***\n");
    for secret in ["cl0ud-secret", "1234567890", "m0re-secret"] {
        assert!(!ran.everything().contains(secret), "{secret}");
    }
}
