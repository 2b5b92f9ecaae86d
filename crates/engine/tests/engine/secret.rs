//! Secrets do not come out, wherever they get in.

use crate::{repository::Repository, runner::Runner};

const SECRET: &str = "correct-horse-battery-staple";

#[tokio::test]
async fn secrets_are_masked_in_logs_names_and_errors() {
    let ran = Runner::of_pipeline(&format!(
        "env: {{KEY: '${{{{ secrets.KEY }}}}'}}\n\
         steps:\n\
         - run: echo $KEY; echo {SECRET} | cut -c1-10; printf %s \"$KEY\" | sed 's/./&\\n/g' | tr -d '\\n'\n\
         - name: use {SECRET}\n  run: echo \"$KEY\" >&2\n\
         - {{run: 'true', working-directory: '{SECRET}', continue-on-error: true}}\n\
         - {{run: 'echo ${{{{ secrets.KEY }}}}'}}\n"
    ))
    .secret("KEY", SECRET)
    .run()
    .await;
    assert_eq!(
        ran.outcome.status.as_str(),
        "success",
        "{}",
        ran.everything()
    );
    assert!(!ran.everything().contains(SECRET), "{}", ran.everything());
    assert_eq!(ran.log(2), "***\n");
    assert_eq!(ran.log(4), "***\n");
    assert_eq!(ran.outcome.steps[2].run, "use ***");
    assert!(ran.error(3).contains("***"), "{}", ran.error(3));
}

#[tokio::test]
async fn secrets_are_masked_in_the_messages_of_commits() {
    let repository = Repository::new();
    let commit = repository.commit(
        "serverless-pipeline.yaml",
        "steps: [{run: 'echo \"$FLOWCD_MESSAGE\"'}]\n",
        &format!("Rotate {SECRET}\n\nIt was {SECRET}."),
    );
    let ran = Runner::of_commit(repository.url(), &commit)
        .secret("KEY", SECRET)
        .run()
        .await;
    assert_eq!(
        ran.outcome.status.as_str(),
        "success",
        "{}",
        ran.everything()
    );
    assert!(!ran.everything().contains(SECRET), "{}", ran.everything());
    assert_eq!(ran.log(1), "Rotate ***\n\nIt was ***.\n");
}

#[tokio::test]
async fn a_secret_in_a_broken_pipeline_is_masked() {
    let ran = Runner::of_pipeline(&format!("steps: [{{run: 'true', nonsense: *{SECRET}}}]\n"))
        .secret("KEY", SECRET)
        .run()
        .await;
    assert_eq!(ran.outcome.status.as_str(), "failure");
    assert!(!ran.everything().contains(SECRET), "{}", ran.everything());
}

#[tokio::test]
async fn a_credential_does_not_keep_other_secrets_from_being_masked() {
    let repository = Repository::new();
    let commit = repository.commit(
        "serverless-pipeline.yaml",
        &format!("steps: [{{run: 'echo {SECRET} git-t0ken-123 123456 \"****\"'}}]\n"),
        "Add it",
    );
    let ran = Runner::of_commit(repository.url(), &commit)
        .credential("ada", "git-t0ken-123")
        .secret("KEY", SECRET)
        .secret("NUMBER", "123456")
        .secret("STARS", "****")
        .run()
        .await;
    assert_eq!(ran.log(1), "*** *** *** ***\n", "{}", ran.everything());
}

#[tokio::test]
async fn a_secret_in_outputs_summaries_and_inputs_is_masked_where_it_is_told() {
    let ran = Runner::of_pipeline(
        "steps:\n\
         - {id: a, run: 'echo \"k=$KEY\" >> $FLOWCD_OUTPUT; echo \"$KEY\" >> $FLOWCD_SUMMARY', env: {KEY: '${{ secrets.KEY }}'}}\n\
         - {run: 'test \"${{ steps.a.outputs.k }}\" = \"$KEY\"', env: {KEY: '${{ secrets.KEY }}'}}\n",
    )
    .secret("KEY", SECRET)
    .run()
    .await;
    // Later steps see what was written; whoever looks at the task does not.
    assert_eq!(ran.statuses(), "success success -> success");
    assert!(!ran.everything().contains(SECRET), "{}", ran.everything());
    assert_eq!(ran.outcome.steps[1].outputs["k"], "***");
}

#[tokio::test]
async fn a_secret_that_is_too_short_to_be_masked_is_named() {
    let runner = Runner::of_pipeline("steps:\n  - run: 'true'\n").secret("PIN", "123");
    let ran = runner.run().await;
    assert!(
        ran.log(0)
            .contains("Warning: the secret `PIN` is shorter than 4 bytes and is not masked"),
        "{}",
        ran.log(0)
    );
}
