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
