//! What runs a step's script.

use crate::runner::Runner;

async fn log_of(pipeline: &str) -> String {
    let ran = Runner::of_pipeline(pipeline).run().await;
    assert_eq!(
        ran.outcome.status.as_str(),
        "success",
        "{}",
        ran.everything()
    );
    ran.log(1)
}

#[tokio::test]
async fn sh_is_the_default_and_goes_on_after_a_failure() {
    assert_eq!(
        log_of("steps: [{run: 'false; echo $0'}]\n").await,
        "/bin/sh\n"
    );
    assert_eq!(
        log_of("steps: [{run: 'false; echo $0', shell: sh}]\n").await,
        "/bin/sh\n"
    );
}

#[tokio::test]
async fn bash_stops_at_the_first_failure_also_in_a_pipe() {
    let ran = Runner::of_pipeline(
        "shell: bash\nsteps:\n- {run: 'x=(1 2); echo ${x[1]}'}\n- {run: 'false | true; echo never'}\n",
    )
    .run()
    .await;
    assert_eq!(ran.log(1), "2\n");
    assert_eq!(ran.log(2), "Error: exit code 1\n");
}

#[tokio::test]
async fn a_steps_shell_wins_over_the_pipelines() {
    assert_eq!(
        log_of("shell: bash\nsteps: [{run: 'print(1 + 1)', shell: python}]\n").await,
        "2\n"
    );
}

#[tokio::test]
async fn python_finds_the_modules_of_the_folder() {
    let runner =
        Runner::of_pipeline("steps: [{run: 'import tool; print(tool.answer)', shell: python}]\n");
    std::fs::write(runner.folder().join("tool.py"), "answer = 42\n").expect("it is written");
    assert_eq!(runner.run().await.log(1), "42\n");
}

#[tokio::test]
async fn a_command_line_gets_the_scripts_file() {
    for (shell, script, expected) in [
        ("cat", "as it is ${HOME}", "as it is ${HOME}"),
        (
            "/bin/sh -e {0} one",
            "echo $1; false; echo never",
            "one\nError: exit code 1\n",
        ),
        ("'/bin/sh' -c 'cat {0}; echo .'", "x", "x.\n"),
        ("./run.sh", "mine", "got mine"),
    ] {
        let runner = Runner::of_pipeline(&format!(
            "steps: [{{run: '{script}', shell: \"{shell}\"}}]\n"
        ));
        let program = runner.folder().join("run.sh");
        std::fs::write(&program, "#!/bin/sh\nprintf 'got '; cat \"$1\"\n").expect("it is written");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).expect("it is made a program");
        assert_eq!(runner.run().await.log(1), expected, "{shell}");
    }
}

#[tokio::test]
async fn a_shell_that_is_not_installed_fails_its_step_by_name() {
    let mut runner = Runner::of_pipeline(
        "steps:\n\
         - {run: 'true', shell: bash, continue-on-error: true}\n\
         - {run: 'true', shell: pwsh, continue-on-error: true}\n\
         - {run: 'true', shell: python, continue-on-error: true}\n\
         - {run: 'true', shell: no-such-shell -x, continue-on-error: true}\n\
         - {run: 'echo fine'}\n",
    );
    runner.job.limits.path = "/nowhere".to_owned();
    let ran = runner.run().await;
    for (number, name) in [
        (1, "bash"),
        (2, "pwsh"),
        (3, "python3"),
        (4, "no-such-shell"),
    ] {
        assert_eq!(
            ran.error(number),
            format!("the shell `{name}` is not installed (not found in PATH)")
        );
    }
    assert_eq!(ran.log(5), "fine\n");
}

#[tokio::test]
async fn a_shell_that_makes_no_sense_fails_the_set_up() {
    let ran = Runner::of_pipeline("steps: [{run: 'true', shell: \"perl 'x\"}]\n")
        .run()
        .await;
    assert_eq!(
        ran.error(0),
        "step 1: no ' ends what it begins in the shell `perl 'x`"
    );
}

#[tokio::test]
async fn a_shell_is_found_in_a_folder_that_an_earlier_step_put_into_the_path() {
    let ran = Runner::of_pipeline(
        "steps:\n\
         - run: mkdir tools; printf '#!/bin/sh\\ncat \"$1\"' > tools/mine; chmod +x tools/mine; echo tools >> $FLOWCD_PATH\n\
         - {run: hello, shell: mine}\n",
    )
    .run()
    .await;
    assert_eq!(ran.log(2), "hello");
}
