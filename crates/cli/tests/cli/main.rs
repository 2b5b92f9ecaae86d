//! The command line as its users meet it: arguments in; stdout, stderr and an exit code out.

mod app;
mod delivery;
mod deploy;
mod errors;
mod help;
mod lint;
mod lists;
mod login;
mod provider;
#[path = "../../../client/tests/api/stand_in.rs"]
mod stand_in;

use std::path::Path;

use assert_cmd::Command;

type Outcome = Result<(), Box<dyn std::error::Error>>;

const TOKEN: &str = "canary0123456789canary0123456789canary01";

/// How a command ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// `flowcd` with an empty environment and its profiles in `home`.
fn flowcd(home: &Path) -> Command {
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("flowcd");
    command
        .env_clear()
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("HOME", home);
    command
}

/// `flowcd` towards the server at `url`, with a token.
fn flowcd_at(url: &str) -> Command {
    let mut command = flowcd(Path::new("/nonexistent"));
    command.env("FLOWCD_URL", url).env("FLOWCD_TOKEN", TOKEN);
    command
}

fn run(command: &mut Command) -> Result<Ended, std::io::Error> {
    let output = command.output()?;
    let ended = Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    assert!(!ended.stderr.contains("canary"), "{ended:?}");
    Ok(ended)
}
