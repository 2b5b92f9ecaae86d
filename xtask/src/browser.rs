//! The tests of the web console in a real browser, and what they need: Chromium, and two packages of npm.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{interpreter, package, process};

/// Where the tests are.
const TESTS: &str = "crates/server/tests/browser";
/// Where the tests look for a browser.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// What the tests of the console are run with.
pub(crate) struct Browser {
    server: PathBuf,
    modules: PathBuf,
    node: PathBuf,
}

impl Browser {
    /// Builds the server, and installs what is missing.
    pub(crate) fn set_up() -> Result<Self> {
        interpreter::ensure_installed()?;
        ensure_chromium()?;
        process::run(process::cargo().args(["build", "--package=flowcd-server", "--bins"]))?;
        let target = process::target_dir()?;
        Ok(Self {
            server: target.join("debug/flowcd-server"),
            modules: install_packages(&target)?,
            node: interpreter::find("node").context("there is no node")?,
        })
    }

    /// Node.js in the folder of the tests, with what they read from the environment.
    pub(crate) fn node(&self) -> Command {
        let mut command = Command::new(&self.node);
        command
            .current_dir(process::root().join(TESTS))
            .env("FLOWCD_SERVER", &self.server)
            .env("FLOWCD_BROWSER_MODULES", &self.modules);
        command
    }
}

/// Runs the tests of the console; `filters` are parts of the names of files.
pub(crate) fn test(filters: &[String]) -> Result<()> {
    let browser = Browser::set_up()?;
    let mut files = Vec::new();
    for entry in fs::read_dir(process::root().join(TESTS))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_wanted = filters.is_empty() || filters.iter().any(|filter| name.contains(filter));
        if name.ends_with(".test.mjs") && is_wanted {
            files.push(name);
        }
    }
    files.sort();
    ensure!(
        !files.is_empty(),
        "no file of tests in {TESTS} has {} in its name",
        filters.join(" or ")
    );
    let mut node = browser.node();
    node.args(["--test", "--test-reporter=spec"]).args(&files);
    let status = node.status().context("cannot start node")?;
    if !status.success() {
        bail!(
            "the tests in the browser failed; `cargo xtask test browser` runs them alone, \
             `cargo xtask test browser NAME` a file of them"
        );
    }
    Ok(())
}

/// Where the pictures go.
#[derive(clap::Args)]
pub(crate) struct ScreenshotArgs {
    /// The folder; `screenshots` in cargo's target folder unless it is given.
    folder: Option<PathBuf>,
}

/// Takes pictures of every page of the console.
pub(crate) fn screenshots(args: &ScreenshotArgs) -> Result<()> {
    let browser = Browser::set_up()?;
    let folder = match &args.folder {
        Some(folder) => std::path::absolute(folder)?,
        None => process::target_dir()?.join("screenshots"),
    };
    process::run(browser.node().arg("screenshots.mjs").arg(folder))
}

fn ensure_chromium() -> Result<()> {
    let is_there = || {
        BROWSERS
            .iter()
            .any(|name| interpreter::find(name).is_some())
    };
    if !is_there() {
        // The font is for the Chinese console; without one its texts are boxes.
        package::install("Chromium", &["chromium", "fonts-noto-cjk"])?;
        ensure!(
            is_there(),
            "Chromium was installed, but is not under /usr/bin or /usr/local/bin"
        );
    }
    Ok(())
}

/// Installs the locked packages below the target folder, unless they are there.
fn install_packages(target: &Path) -> Result<PathBuf> {
    let modules = target.join("browser");
    let lock = "package-lock.json";
    let wanted = fs::read(process::root().join(TESTS).join(lock))?;
    let installed = modules.join("node_modules").join(".installed");
    if fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(modules);
    }
    fs::create_dir_all(&modules)?;
    for name in ["package.json", lock] {
        fs::copy(process::root().join(TESTS).join(name), modules.join(name))?;
    }
    let npm = interpreter::find("npm").context("there is no npm")?;
    process::run(
        Command::new(npm)
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&modules),
    )
    .context("cannot install the packages of the tests in the browser")?;
    fs::write(installed, wanted)?;
    Ok(modules)
}
