//! The main job, from nothing: a repository, its pipeline on this machine, a server, a token, a deployment with its
//! log on the terminal.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::process::{self, Binaries, Guard};

const PIPELINE: &str = r#"name: hello
inputs:
  target:
    type: choice
    options: [staging, production]
    default: staging
env:
  GREETING: hello
steps:
  - name: Build
    id: build
    timeout-minutes: 5
    run: |
      echo "$GREETING from commit $(git rev-parse --short HEAD) on $FLOWCD_BRANCH"
      for part in compile link pack; do echo "  $part"; sleep 0.3; done
      echo "package=hello-1.0.tar.gz" >> "$FLOWCD_OUTPUT"
  - name: Ship
    id: ship
    if: ${{ success() && inputs.target == "staging" }}
    run: |
      echo "the key is $DEPLOY_KEY, which no log shows"
      echo "shipped ${{ steps.build.outputs.package }} to ${{ inputs.target }}"
    env:
      DEPLOY_KEY: ${{ secrets.DEPLOY_KEY }}
  - name: Tidy up
    if: ${{ always() }}
    run: echo "shipping was a ${{ steps.ship.status }}"
"#;

/// How the demo ends.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// End after the deployment instead of serving until Ctrl-C.
    #[arg(long)]
    exit: bool,
}

/// Runs the demo.
pub(crate) fn run(args: &Args) -> Result<()> {
    let binaries = process::build_binaries("dev")?;
    let folder = tempfile::Builder::new().prefix("flowcd-demo-").tempdir()?;
    let repository = make_repository(folder.path())?;
    let (server, url) = start_server(&binaries, &folder)?;
    let data_dir = folder.path().join("data");
    let token = process::output(
        Command::new(&binaries.server)
            .args([
                "token",
                "create",
                "--user=admin",
                "--description=demo",
                "--expires=1d",
                "--data-dir",
            ])
            .arg(&data_dir),
    )?;
    let token = token.trim();

    let cli = |args: &[&str]| {
        println!("\n$ flowcd {}", args.join(" "));
        let mut command = Command::new(&binaries.cli);
        command
            .args(args)
            .current_dir(&repository)
            .env("FLOWCD_URL", &url)
            .env("FLOWCD_TOKEN", token)
            .env("DEPLOY_KEY", "correct-horse-battery");
        process::run(&mut command)
    };
    let repo_url = repository
        .to_str()
        .context("the temporary folder's name is no text")?;
    println!("\nIn the repository, before anything is deployed:");
    cli(&["lint"])?;
    cli(&["run", "--secret", "DEPLOY_KEY"])?;
    println!("\nOn the server:");
    cli(&[
        "app",
        "create",
        "--provider",
        "git",
        "--owner",
        "demo",
        "--repo",
        "hello",
        "--repo-url",
        repo_url,
        "--secret",
        "DEPLOY_KEY",
    ])?;
    cli(&[
        "deploy",
        "demo/hello",
        "--ref",
        "main",
        "-f",
        "target=staging",
        "--follow",
    ])?;
    cli(&["task", "list", "demo/hello"])?;

    println!(
        "\nThe same through the Open API:\n\n  curl -H 'cd_token: {token}' {url}/api/flow/application/list\n"
    );
    println!("The API's description, to try it in a browser: {url}/docs");
    if !args.exit {
        println!("\nThe server runs until Ctrl-C.");
        wait_for_interrupt()?;
    }
    server.stop(Duration::from_secs(40))
}

fn make_repository(folder: &Path) -> Result<std::path::PathBuf> {
    let repository = folder.join("hello");
    fs::create_dir(&repository)?;
    fs::write(repository.join("serverless-pipeline.yaml"), PIPELINE)?;
    fs::write(repository.join("README.md"), "# hello\n")?;
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command
            .current_dir(&repository)
            .args(["-c", "user.name=Demo", "-c", "user.email=demo@example.com"])
            .args(args);
        process::run(&mut command)
    };
    git(&["init", "--quiet", "--initial-branch=main"])?;
    git(&["add", "."])?;
    git(&["commit", "--quiet", "--message=Say hello"])?;
    Ok(repository)
}

fn start_server(binaries: &Binaries, folder: &TempDir) -> Result<(Guard, String)> {
    println!(
        "$ flowcd-server serve --listen 127.0.0.1:0 --allow-local-repos --data-dir {}/data",
        folder.path().display()
    );
    let mut child = Command::new(&binaries.server)
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--allow-local-repos",
            "--data-dir",
        ])
        .arg(folder.path().join("data"))
        .env("FLOWCD_LOG_FILTER", "warn")
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start flowcd-server")?;
    let stdout = child
        .stdout
        .take()
        .context("the server has no standard output")?;
    let server = Guard::new("flowcd-server", child);
    let mut stdout = BufReader::new(stdout);
    let mut line = String::new();
    stdout.read_line(&mut line)?;
    let start = line
        .find("http")
        .with_context(|| format!("the server said {line:?} instead of its URL"))?;
    println!("{}", line.trim_end());
    // Whatever else it says is of no interest, but the pipe must not fill.
    std::thread::spawn(move || stdout.read_to_end(&mut Vec::new()));
    Ok((server, line[start..].trim().to_owned()))
}

fn wait_for_interrupt() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime
        .block_on(tokio::signal::ctrl_c())
        .context("cannot wait for Ctrl-C")
}
