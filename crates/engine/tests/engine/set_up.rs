//! What can be wrong before the first step.

use std::{fs, os::unix::fs::symlink, process::Command};

use crate::{
    repository::{Repository, parse_url},
    runner::Runner,
};

async fn check(runner: Runner, error: &str) {
    let ran = runner.run().await;
    assert_eq!(ran.statuses(), " -> failure");
    assert!(ran.error(0).contains(error), "{error}: {}", ran.error(0));
    assert!(
        ran.log(0).contains(&format!("Error: {}", ran.error(0))),
        "{}",
        ran.log(0)
    );
}

#[tokio::test]
async fn the_set_up_says_what_it_does() {
    let repository = Repository::new();
    let commit = repository.commit(
        "serverless-pipeline.yaml",
        "steps: [{run: 'true'}, {run: 'true'}]\n",
        "Add the pipeline\n\nWith a body.",
    );
    let ran = Runner::of_commit(repository.url(), &commit)
        .git_ref("refs/heads/main")
        .run()
        .await;
    let url = repository.url();
    let (version, arch) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    let short = &commit[..7];
    assert_eq!(
        ran.log(0),
        format!(
            "flowcd {version}, linux-{arch}\n\
             Checking out {url} at {commit} (refs/heads/main)\n\
             Checked out {short}: Add the pipeline\n\
             Read pipeline `serverless-pipeline.yaml`: 2 steps\n"
        )
    );
    assert_eq!(
        ran.log_of(flowcd_model::step::StepCount::Completed),
        "Cleaning up task\n"
    );
}

#[tokio::test]
async fn yaml_and_yml_stand_in_for_each_other() {
    let runner = Runner::of_pipeline("steps: [{run: 'true'}]\n");
    let folder = runner.folder();
    fs::rename(
        folder.join("serverless-pipeline.yaml"),
        folder.join("serverless-pipeline.yml"),
    )
    .expect("it is renamed");
    let ran = runner.run().await;
    assert_eq!(ran.statuses(), "success -> success");
    assert!(
        ran.log(0).contains("`serverless-pipeline.yml`"),
        "{}",
        ran.log(0)
    );
}

#[tokio::test]
async fn a_pipeline_that_is_not_there_fails_the_task() {
    let mut runner = Runner::of_pipeline("");
    runner.job.pipeline_file = "deploy/other.yaml".to_owned();
    check(runner, "`deploy/other.yaml` was not found").await;
}

#[tokio::test]
async fn a_pipeline_that_cannot_be_read_fails_the_task_with_its_place() {
    let runner = Runner::of_pipeline("steps:\n- run: true\n   name: [\n");
    check(runner, "serverless-pipeline.yaml:").await;
}

#[tokio::test]
async fn a_plugin_that_is_not_there_fails_the_set_up_and_names_its_step() {
    let runner = Runner::of_pipeline("steps:\n- run: 'true'\n- plugin: ./no/such/plugin\n");
    check(runner, "step 2: ").await;
}

#[tokio::test]
async fn a_pipeline_outside_of_the_repository_is_not_read() {
    for file in ["../secret.yaml", "link.yaml", "folder/secret.yaml"] {
        let mut runner = Runner::of_pipeline("");
        let folder = runner.folder();
        fs::write(folder.join("../secret.yaml"), "password: [hunter2").expect("it is written");
        symlink("../secret.yaml", folder.join("link.yaml")).expect("it is linked");
        symlink("..", folder.join("folder")).expect("it is linked");
        runner.job.pipeline_file = file.to_owned();
        check(runner, "outside of the repository").await;
    }
    let mut runner = Runner::of_pipeline("");
    runner.job.pipeline_file = "/etc/passwd".to_owned();
    check(runner, "outside of the repository").await;
}

#[tokio::test]
async fn a_pipeline_linked_out_of_a_repository_is_not_read() {
    let repository = Repository::new();
    symlink(
        "/etc/passwd",
        repository.path().join("serverless-pipeline.yaml"),
    )
    .expect("it is linked");
    let commit = repository.commit_all("Link out");
    check(
        Runner::of_commit(repository.url(), &commit),
        "outside of the repository",
    )
    .await;
}

#[tokio::test]
async fn a_pipeline_may_be_a_link_inside_the_repository() {
    let repository = Repository::new();
    fs::create_dir(repository.path().join("ci")).expect("the folder is made");
    fs::write(
        repository.path().join("ci/a.yaml"),
        "steps: [{run: 'true'}]\n",
    )
    .expect("it is written");
    symlink(
        "ci/a.yaml",
        repository.path().join("serverless-pipeline.yaml"),
    )
    .expect("it is linked");
    let commit = repository.commit_all("Link in");
    let ran = Runner::of_commit(repository.url(), &commit).run().await;
    assert_eq!(ran.statuses(), "success -> success");
}

#[tokio::test]
async fn a_pipeline_that_is_a_pipe_or_a_folder_or_too_long_is_not_read() {
    for make in [
        "mkdir serverless-pipeline.yaml",
        "mkfifo serverless-pipeline.yaml",
        "head -c 2000000 /dev/zero > serverless-pipeline.yaml",
    ] {
        let runner = Runner::of_pipeline("");
        let folder = runner.folder();
        fs::remove_file(folder.join("serverless-pipeline.yaml")).expect("it is removed");
        let made = Command::new("/bin/sh")
            .args(["-c", make])
            .current_dir(folder)
            .status();
        assert!(made.expect("it runs").success());
        check(runner, "the pipeline `serverless-pipeline.yaml` is").await;
    }
}

#[tokio::test]
async fn a_folder_left_by_an_earlier_run_is_cleared() {
    let runner = Runner::of_pipeline("steps: [{run: 'ls -A \"$HOME\" \"$HOME/..\"'}]\n");
    fs::create_dir_all(runner.job.dir.join("home/evil")).expect("the folder is made");
    let ran = runner.run().await;
    assert_eq!(ran.statuses(), "success -> success");
    assert!(!ran.log(1).contains("evil"), "{}", ran.log(1));
}

#[tokio::test]
async fn a_repository_that_is_not_there_fails_the_task() {
    let commit = "a".repeat(40);
    let runner = Runner::of_commit(parse_url("file:///no/such/repository"), &commit);
    check(runner, "does not exist or is hidden").await;
    let runner = Runner::of_commit(parse_url("http://127.0.0.1:1/app"), &commit);
    check(runner, "cannot reach").await;
}

#[tokio::test]
async fn a_cancel_during_the_checkout_ends_it() {
    // A server that takes connections and never answers.
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a port");
    let address = listener.local_addr().expect("it has an address");
    let runner = Runner::of_commit(parse_url(&format!("http://{address}/app")), &"a".repeat(40));
    let cancel = runner.cancel.clone();
    let accepting = tokio::spawn(async move {
        let connection = listener.accept().await;
        cancel.cancel();
        // Kept open.
        (connection, listener)
    });
    let ran = runner.run().await;
    assert_eq!(ran.statuses(), " -> cancelled");
    assert_eq!(ran.outcome.steps[0].status.as_str(), "cancelled");
    drop(accepting.await);
}

#[tokio::test]
async fn a_cancel_before_the_beginning_runs_nothing() {
    let runner = Runner::of_pipeline("steps: [{run: 'echo never'}]\n");
    runner.cancel.cancel();
    let ran = runner.run().await;
    assert_eq!(ran.statuses(), " -> cancelled");
    assert!(!ran.everything().contains("never"));
}
