//! Takes out of the published descriptions of Git hosts' APIs what the server asks, for its tests to compare with.
//!
//! GitHub publishes its own as an npm package. Gitea's is in every server; the one here is Forgejo's, which a crate
//! carries along. Gitee's only stands on its site; somebody generated a Python client from it, whose functions are as
//! good. GitLab and Codeup publish none as a package.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::process::{cargo, output, root, run as run_to_end};

const GITHUB: &str = "23.0.2";
const FORGEJO: &str = "0.12.0";
const GITEE: &str = "1.1.2";

const SCRIPT: &str = include_str!("host_apis/extract.mjs");

/// Writes all records. What has changed in them shows in `git diff`, and what we make of it in the tests.
pub(crate) fn run() -> Result<()> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let folder = folder.path();
    fs::write(folder.join("extract.mjs"), SCRIPT)?;
    for (name, source, licence, input) in [
        (
            "github",
            format!("@octokit/openapi {GITHUB} of npm"),
            "MIT",
            github(folder)?,
        ),
        (
            "gitea",
            format!("swagger.v1.json in forgejo-api {FORGEJO} of crates.io"),
            "MIT",
            forgejo(folder)?,
        ),
        (
            "gitee",
            format!(
                "gitee-client {GITEE} of PyPI, generated from https://gitee.com/api/v5/swagger"
            ),
            "MIT",
            gitee(folder)?,
        ),
    ] {
        let text = output(
            in_folder(folder, "node")
                .args(["extract.mjs", name, &source, licence])
                .arg(input),
        )?;
        let record = format!("crates/server/tests/data/openapi/{name}.json");
        fs::write(root().join(&record), text).with_context(|| format!("cannot write {record}"))?;
        println!("wrote {record} from {source}");
    }
    Ok(())
}

fn github(folder: &Path) -> Result<PathBuf> {
    fs::write(folder.join("package.json"), "{\"private\": true}\n")?;
    run_to_end(
        in_folder(folder, "npm")
            .args(["install", "--ignore-scripts", "--no-audit", "--no-fund"])
            .args(["--silent", &format!("@octokit/openapi@{GITHUB}")]),
    )
    .context("Node and npm are needed")?;
    Ok(folder.join("node_modules/@octokit/openapi/generated/api.github.com.json"))
}

/// Asks cargo where it keeps the crate, which makes it fetch it.
fn forgejo(folder: &Path) -> Result<PathBuf> {
    let manifest = folder.join("Cargo.toml");
    let text = format!(
        "[package]\nname = \"host-apis\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n\
         [dependencies]\nforgejo-api = {{ version = \"={FORGEJO}\", default-features = false }}\n"
    );
    fs::write(&manifest, text)?;
    fs::write(folder.join("lib.rs"), "")?;
    let metadata = output(
        cargo()
            .args(["metadata", "--format-version=1", "--manifest-path"])
            .arg(&manifest),
    )?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let mut packages = metadata["packages"].as_array().into_iter().flatten();
    let package = packages.find(|package| package["name"] == "forgejo-api");
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let manifest = manifest.context("cargo does not say where forgejo-api is")?;
    Ok(Path::new(manifest).with_file_name("swagger.v1.json"))
}

/// A wheel, since to unpack it runs nothing of it.
fn gitee(folder: &Path) -> Result<PathBuf> {
    let wheel = format!("gitee_client-{GITEE}-py3-none-any.whl");
    run_to_end(
        in_folder(folder, "python3")
            .args(["-m", "pip", "download", "--quiet", "--no-deps"])
            .args(["--disable-pip-version-check", "--only-binary=:all:"])
            .arg(format!("gitee-client=={GITEE}")),
    )
    .context("Python and pip are needed")?;
    run_to_end(in_folder(folder, "python3").args(["-m", "zipfile", "-e", &wheel, "gitee"]))?;
    Ok(folder.join("gitee/gitee_client/api"))
}

fn in_folder(folder: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    command
}
