//! Files that a step's environment is read from.

use std::{fs, os::unix::fs::symlink};

use crate::runner::Runner;

fn with_file(pipeline: &str, text: &str) -> Runner {
    let runner = Runner::of_pipeline(pipeline);
    fs::write(runner.folder().join("app.env"), text).expect("it is written");
    runner
}

#[tokio::test]
async fn the_variables_of_a_file_lie_beneath_the_steps_own() {
    let ran = with_file(
        "env: {A: pipeline, B: pipeline}\n\
         steps:\n- {env-file: app.env, env: {C: 'own ${{ env.A }}'}, run: 'echo \"$A|$B|$C|$D\"'}\n\
         - {run: 'echo \"$A|$B|$C|$D\"'}\n",
        "# a comment\nA=file\nexport C=file\nD=\"two words\"\n",
    )
    .run()
    .await;
    assert_eq!(ran.log(1), "file|pipeline|own file|two words\n");
    assert_eq!(ran.log(2), "pipeline|pipeline||\n");
}

#[tokio::test]
async fn values_are_no_templates() {
    let ran = with_file(
        "steps: [{env-file: app.env, run: 'echo \"$A\" \"$B\"'}]\n",
        "A=${{ secrets.KEY }}\nB={{ secrets.KEY }}\n",
    )
    .secret("KEY", "s3cret-value")
    .run()
    .await;
    assert_eq!(ran.log(1), "${{ secrets.KEY }} {{ secrets.KEY }}\n");
}

#[tokio::test]
async fn several_files_are_read_in_order_and_when_their_step_begins() {
    let ran = with_file(
        "steps:\n- run: echo A=late > made.env\n- {env-file: [app.env, made.env], run: 'echo $A $B'}\n",
        "A=early\nB=kept\n",
    )
    .run()
    .await;
    assert_eq!(ran.log(2), "late kept\n");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_fails_its_step_by_name_and_shows_nothing_of_it() {
    for (file, error) in [
        (
            "missing.env",
            "cannot read the env-file `missing.env`: No such file",
        ),
        ("../../etc/passwd", "cannot read the env-file"),
        (
            "/etc/passwd",
            "cannot read the env-file `/etc/passwd`: it is outside of the workspace",
        ),
        (
            "link.env",
            "cannot read the env-file `link.env`: it is outside of the workspace",
        ),
        (
            "folder",
            "cannot read the env-file `folder`: it is not a file",
        ),
        (
            "app.env",
            "the env-file `app.env`, line 2: it is neither `name=value` nor `name<<END`",
        ),
        (
            "long.env",
            "cannot read the env-file `long.env`: it is longer than 256 KiB",
        ),
    ] {
        let runner = with_file(
            &format!("steps: [{{env-file: {file}, run: echo never}}]\n"),
            "A=1\nhunter2\n",
        );
        let folder = runner.folder();
        symlink("/etc/passwd", folder.join("link.env")).expect("it is linked");
        fs::create_dir(folder.join("folder")).expect("it is made");
        fs::write(folder.join("long.env"), vec![b'#'; 300_000]).expect("it is written");
        let ran = runner.run().await;
        assert!(ran.error(1).starts_with(error), "{}", ran.error(1));
        assert_eq!(ran.log(1), format!("Error: {}\n", ran.error(1)));
        assert!(!ran.everything().contains("hunter2"));
    }
}
