//! Help, version, completions, colours, and readers that go away.

use std::{io::Read, path::Path, process::Stdio};

use crate::{
    Outcome, flowcd, flowcd_at, run,
    stand_in::{StandIn, answer},
};

#[test]
fn help_shows_the_commands_and_the_exit_codes() -> Outcome {
    let ended = run(flowcd(Path::new("/nonexistent")).arg("-h"))?;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(ended.stdout, @r"
    Deploy applications with a flowcd server, and see what they do

    Usage: flowcd [OPTIONS] <COMMAND>

    Commands:
      login       Store a server's address and a token for it in a profile
      logout      Forget a profile, and delete the token that `login` made for it
      app         List, show, create, change and delete applications
      run         Run a pipeline on the files of the current folder, without a server
      lint        Say what is wrong with pipeline files, without running them
      deploy      Deploy an application; prints the new task's id
      redeploy    Deploy the commit, ref and inputs of a task again, with the secrets of today
      cancel      Cancel a deployment
      task        List, show and remove tasks (a task is one deployment)
      delivery    List, show and replay deliveries: what hosts sent, and what was made of it
      trigger     Say what a trigger would make of an event, and why
      logs        Print the output of a task's steps, byte for byte
      watch       Watch a deployment until it ends; fails when the deployment fails
      token       List, create, change and delete tokens
      secret      List and set your own secrets, which all your pipelines see
      provider    List and set your tokens for Git hosts, and list what they can see there
      api         Call any operation of the API
      completion  Print the completions for a shell
      version     Print the version of this program, and of the server
      help        Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help (see more with '--help')
      -V, --version  Print version

    Global options:
      -o, --output <OUTPUT>  The form of the data on stdout [env: FLOWCD_FORMAT] [default: table]
                             [possible values: table, json, yaml]
          --profile <NAME>   The profile to use, instead of the one of the last login [env:
                             FLOWCD_PROFILE]
          --url <URL>        The server's address, instead of the profile's [env: FLOWCD_URL]
          --token <TOKEN>    The token, instead of the profile's. Prefer FLOWCD_TOKEN: other users of
                             this machine can see the arguments [env: FLOWCD_TOKEN]
      -q, --quiet            Say nothing on stderr but errors and warnings

    Exit codes:
        0  it worked; a deployment that was followed, or a run, succeeded
        1  the deployment that was followed, or the run, failed; `lint` found errors;
           `trigger explain`: it would not deploy
        2  the command line is wrong, or a file or profile that it names
        3  not authenticated: no token, or the server does not take it
        4  the server refused, or failed
        5  not found
        6  the deployment that was followed, or the run, was cancelled
        7  the server cannot be reached
      130  interrupted by Ctrl-C; a deployment that was followed goes on, a run is cancelled
    ");
    let ended = run(flowcd(Path::new("/nonexistent")).arg("--help"))?;
    assert!(ended.stdout.contains("Exit codes:"), "{ended:?}");
    Ok(())
}

#[test]
fn every_command_has_help() -> Outcome {
    for command in [
        "lint",
        "login",
        "logout",
        "app",
        "run",
        "deploy",
        "redeploy",
        "cancel",
        "task",
        "delivery",
        "trigger",
        "logs",
        "watch",
        "token",
        "secret",
        "provider",
        "api",
        "completion",
        "version",
    ] {
        let ended = run(flowcd(Path::new("/nonexistent")).args([command, "--help"]))?;
        assert_eq!(ended.code, Some(0), "{command}: {ended:?}");
    }
    Ok(())
}

#[test]
fn what_a_trigger_is_asked_has_help_with_examples() -> Outcome {
    let ended = run(flowcd(Path::new("/nonexistent")).args(["trigger", "explain", "-h"]))?;
    insta::assert_snapshot!(ended.stdout, @r#"
    Say what would be deployed, and what each rule says to it. Nothing is deployed or kept

    Usage: flowcd trigger explain [OPTIONS] <--app <APP>|--trigger-spec <FILE>|--delivery <ID>> <--ref <REF>|--payload <FILE>|--delivery <ID>>

    Options:
          --app <APP>             The application whose rules to ask: its id, or owner/repo
          --trigger-spec <FILE>   A JSON or YAML file with rules to ask in the place of the
                                  application's
          --provider <PROVIDER>   The provider whose payload it is, where neither the application nor
                                  the rules tell it
          --delivery <ID>         A delivery that has come in: what the rules of today, or those of
                                  --trigger-spec, make of it
          --ref <REF>             A push of this branch, `main` for instance, or of a ref by its full
                                  name, `refs/tags/v1.0`
          --payload <FILE>        A payload: the JSON that a host sends, or `{"headers": {..}, "body":
                                  {..}}` as `delivery show -o json` has it; `-` is stdin
          --event <NAME>          The event, where the file does not tell it: push, pull_request,
                                  release, or the host's own name of it. [default: push]
          --header <NAME: VALUE>  A header of the delivery. With the host's id of it
                                  (`X-GitHub-Delivery`), the payload counts as that delivery
      -h, --help                  Print help (see more with '--help')
      -V, --version               Print version

    Global options:
      -o, --output <OUTPUT>  The form of the data on stdout [env: FLOWCD_FORMAT] [default: table]
                             [possible values: table, json, yaml]
          --profile <NAME>   The profile to use, instead of the one of the last login [env:
                             FLOWCD_PROFILE]
          --url <URL>        The server's address, instead of the profile's [env: FLOWCD_URL]
          --token <TOKEN>    The token, instead of the profile's. Prefer FLOWCD_TOKEN: other users of
                             this machine can see the arguments [env: FLOWCD_TOKEN]
      -q, --quiet            Say nothing on stderr but errors and warnings

    Exit codes:
      0  it would deploy
      1  it would not deploy
      2  the command line is wrong, or a file that it names
      4  the trigger or the payload cannot be read

    Examples:
      flowcd trigger explain --app octocat/hello --ref dev
      flowcd trigger explain --app octocat/hello --event pull_request --payload payload.json
      flowcd trigger explain --delivery lam3k2o9beefcafe --trigger-spec new-trigger.yaml
      flowcd trigger explain --trigger-spec trigger.yaml --provider github --ref refs/tags/v1.0
    "#);
    let ended = run(flowcd(Path::new("/nonexistent")).args(["delivery", "replay", "-h"]))?;
    insta::assert_snapshot!(ended.stdout, @r#"
    Take a delivery again, or a payload from a file as if the host had sent it

    Usage: flowcd delivery replay [OPTIONS] <DELIVERY|--file <FILE>>

    Arguments:
      [DELIVERY]  The delivery to take again. It is judged by the rules of today, and makes new tasks

    Options:
          --app <APP>             The application that the payload is for: its id, or owner/repo
          --file <FILE>           A payload: the JSON that a host sends, or `{"headers": {..}, "body":
                                  {..}}` as `delivery show -o json` has it; `-` is stdin
          --event <NAME>          The event, where the file does not tell it: push, pull_request,
                                  release, or the host's own name of it. [default: push]
          --header <NAME: VALUE>  A header of the delivery. With the host's id of it
                                  (`X-GitHub-Delivery`), the payload counts as that delivery
          --follow                Print the output of the first task until the deployment ends, and fail
                                  when it fails
      -h, --help                  Print help (see more with '--help')
      -V, --version               Print version

    Global options:
      -o, --output <OUTPUT>  The form of the data on stdout [env: FLOWCD_FORMAT] [default: table]
                             [possible values: table, json, yaml]
          --profile <NAME>   The profile to use, instead of the one of the last login [env:
                             FLOWCD_PROFILE]
          --url <URL>        The server's address, instead of the profile's [env: FLOWCD_URL]
          --token <TOKEN>    The token, instead of the profile's. Prefer FLOWCD_TOKEN: other users of
                             this machine can see the arguments [env: FLOWCD_TOKEN]
      -q, --quiet            Say nothing on stderr but errors and warnings

    Exit codes:
      0  it was taken, whatever was made of it; with --follow, the deployment succeeded
      1  with --follow: the deployment failed, or nothing is deployed

    Examples:
      flowcd delivery replay lam3k2o9beefcafe --follow
      flowcd delivery replay --app octocat/hello --file payload.json --event pull_request
      flowcd delivery replay --app octocat/hello --file - < delivery.json
    "#);
    Ok(())
}

#[test]
fn completions_are_printed_for_each_shell() -> Outcome {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = run(flowcd(Path::new("/nonexistent")).args(["completion", shell]))?;
        assert_eq!(ended.code, Some(0), "{shell}");
        assert!(ended.stdout.contains("redeploy"), "{shell}");
    }
    Ok(())
}

#[test]
fn the_version_needs_no_server() -> Outcome {
    let home = tempfile::tempdir()?;
    let ended = run(flowcd(home.path()).arg("version"))?;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        ended.stdout,
        format!("flowcd {}\n", env!("CARGO_PKG_VERSION"))
    );
    let ended = run(flowcd_at("http://127.0.0.1:1").arg("version"))?;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("warning: cannot reach"), "{ended:?}");
    Ok(())
}

#[test]
fn colours_are_for_terminals_and_can_be_forced_and_forbidden() -> Outcome {
    let stderr = |name: &str| {
        run(flowcd_at("http://127.0.0.1:1")
            .env(name, "1")
            .args(["app", "list"]))
        .map(|ended| ended.stderr)
    };
    assert!(!stderr("NOTHING")?.contains('\x1b'));
    assert!(!stderr("NO_COLOR")?.contains('\x1b'));
    assert!(stderr("CLICOLOR_FORCE")?.contains('\x1b'));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_reader_that_goes_away_is_no_failure() -> Outcome {
    let body = vec![b'x'; 4 * 1024 * 1024];
    let stand_in = StandIn::start(move |_, _| {
        answer(
            200,
            "content-type: text/plain\r\nx-log-from: 0\r\nx-log-next: 4194304\r\n",
            &body,
        )
    })
    .await?;
    #[expect(
        clippy::disallowed_methods,
        reason = "assert_cmd reads to the end, and this is about not doing so"
    )]
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("flowcd"))
        .args(["logs", "task0000", "--step", "1"])
        .env("FLOWCD_URL", &stand_in.url)
        .env("FLOWCD_TOKEN", "t")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdout = child.stdout.take().ok_or("a pipe")?;
    stdout.read_exact(&mut [0; 1])?;
    drop(stdout);
    let output = child.wait_with_output()?;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    Ok(())
}
