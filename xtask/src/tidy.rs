//! Rules of the tree that no compiler knows: who may depend on whom, which licences and crates are taken, migrations
//! that come in pairs, documents that name what exists.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::process::{cargo, output, root};

/// What each crate must never see, however far down; development dependencies do not count.
const FORBIDDEN: [(&str, &[&str]); 6] = [
    (
        "flowcd-model",
        &["actix-web", "diesel", "tokio", "reqwest", "clap"],
    ),
    (
        "flowcd-store",
        &[
            "actix-web",
            "reqwest",
            "clap",
            "flowcd-engine",
            "flowcd-server",
            "flowcd-client",
        ],
    ),
    (
        "flowcd-engine",
        &[
            "actix-web",
            "diesel",
            "clap",
            "flowcd-store",
            "flowcd-server",
            "flowcd-client",
        ],
    ),
    (
        "flowcd-client",
        &[
            "actix-web",
            "diesel",
            "clap",
            "flowcd-store",
            "flowcd-engine",
            "flowcd-server",
        ],
    ),
    (
        "flowcd-cli",
        &["actix-web", "diesel", "flowcd-store", "flowcd-server"],
    ),
    ("flowcd-server", &["flowcd-client", "flowcd-cli"]),
];

/// What a crate may only reach through another one of ours.
const FORBIDDEN_DIRECT: [(&str, &[&str]); 1] =
    [("flowcd-server", &["diesel", "diesel_migrations", "r2d2"])];

#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

/// Checks the arrows between the crates, and what comes from outside against `deny.toml`.
pub(crate) fn dependencies() -> Result<()> {
    let metadata = output(
        cargo()
            .args(["metadata", "--format-version=1", "--locked"])
            .args(["--filter-platform", host()?.as_str()]),
    )?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo names no packages")?;
    let names: BTreeMap<&str, &str> = packages
        .iter()
        .filter_map(|package| Some((package["id"].as_str()?, package["name"].as_str()?)))
        .collect();
    let nodes = metadata["resolve"]["nodes"]
        .as_array()
        .context("cargo resolved nothing")?;
    let arrows: BTreeMap<&str, Vec<&str>> = nodes
        .iter()
        .filter_map(|node| Some((node["id"].as_str()?, arrows_of(node))))
        .collect();
    let mut wrong = Vec::new();
    for (name, forbidden) in FORBIDDEN {
        let seen = reachable(&names, &arrows, name)?;
        wrong.extend(
            forbidden
                .iter()
                .filter(|other| seen.contains(**other))
                .map(|other| format!("{name} sees {other}")),
        );
    }
    for (name, forbidden) in FORBIDDEN_DIRECT {
        let (id, _) = names
            .iter()
            .find(|(_, known)| **known == name)
            .with_context(|| format!("no crate {name}"))?;
        let direct: BTreeSet<&str> = arrows[id].iter().map(|id| names[id]).collect();
        wrong.extend(
            forbidden
                .iter()
                .filter(|other| direct.contains(**other))
                .map(|other| format!("{name} uses {other}")),
        );
    }
    wrong.extend(outside(packages)?);
    ensure!(wrong.is_empty(), "{}", wrong.join("; "));
    advisories()
}

/// The platform of this machine: other platforms' crates would have to be downloaded to be looked at.
fn host() -> Result<String> {
    let version = output(std::process::Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc names no host")?.to_owned())
}

fn arrows_of(node: &Value) -> Vec<&str> {
    let is_ordinary = |dependency: &Value| {
        dependency["dep_kinds"]
            .as_array()
            .is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
    };
    let dependencies = node["deps"].as_array();
    dependencies
        .into_iter()
        .flatten()
        .filter(|one| is_ordinary(one))
        .filter_map(|one| one["pkg"].as_str())
        .collect()
}

fn reachable<'a>(
    names: &BTreeMap<&'a str, &'a str>,
    arrows: &BTreeMap<&'a str, Vec<&'a str>>,
    name: &str,
) -> Result<BTreeSet<&'a str>> {
    let (start, _) = names
        .iter()
        .find(|(_, known)| **known == name)
        .with_context(|| format!("no crate {name}"))?;
    let mut seen = BTreeSet::new();
    let mut open = vec![*start];
    while let Some(id) = open.pop() {
        for next in arrows.get(id).into_iter().flatten() {
            if seen.insert(*next) {
                open.push(next);
            }
        }
    }
    Ok(seen.into_iter().map(|id| names[id]).collect())
}

/// Licences, bans and sources of `deny.toml`, for whoever has no `cargo deny`.
fn outside(packages: &[Value]) -> Result<Vec<String>> {
    let deny: Deny = toml::from_str(&fs::read_to_string(root().join("deny.toml"))?)
        .context("cannot read deny.toml")?;
    let mut wrong = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let version = package["version"].as_str().unwrap_or_default();
        if let Some(ban) = deny
            .bans
            .deny
            .iter()
            .find(|ban| ban.name == name || ban.name == format!("{name}@{version}"))
        {
            wrong.push(format!("{name} {version} is banned: {}", ban.reason));
        }
        let Some(source) = package["source"].as_str() else {
            continue;
        };
        if !deny
            .sources
            .allow_registry
            .iter()
            .any(|allowed| source.ends_with(allowed.as_str()))
        {
            wrong.push(format!("{name} {version} comes from {source}"));
        }
        let license = package["license"].as_str().unwrap_or("none");
        if !is_allowed(license, &deny.licenses.allow) {
            wrong.push(format!("{name} {version} has the licence {license}"));
        }
    }
    Ok(wrong)
}

/// Whether an SPDX expression can be met with the licences allowed: one side of each OR, both sides of each AND.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], " ");
    expression
        .split(" AND ")
        .all(|all| all.split(" OR ").any(|one| allowed.contains(one.trim())))
}

/// Known vulnerabilities, where `cargo deny` and its database can be had; it says so where they cannot.
fn advisories() -> Result<()> {
    let has_deny = cargo()
        .args(["deny", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !has_deny {
        println!(
            "note: advisories were not checked, `cargo deny` is not installed (cargo install cargo-deny)"
        );
        return Ok(());
    }
    crate::process::run(cargo().args(["deny", "check", "advisories"]))
}

/// Checks that both databases have the same migrations, each with a way up and a way down.
pub(crate) fn migrations() -> Result<()> {
    let sqlite = migration_names(&root().join("migrations/sqlite"))?;
    let postgres = migration_names(&root().join("migrations/postgres"))?;
    ensure!(!sqlite.is_empty(), "there are no migrations");
    let odd: Vec<_> = sqlite.symmetric_difference(&postgres).cloned().collect();
    ensure!(
        odd.is_empty(),
        "only one database has the migrations {}",
        odd.join(", ")
    );
    Ok(())
}

fn migration_names(folder: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        for file in ["up.sql", "down.sql"] {
            let text = fs::read_to_string(path.join(file))
                .with_context(|| format!("{} lacks {file}", path.display()))?;
            ensure!(
                !text.trim().is_empty(),
                "{}/{file} is empty",
                path.display()
            );
        }
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .context("a migration's name is no text")?;
        names.insert(name.to_owned());
    }
    Ok(names)
}

/// Checks that the documents name paths and chores that exist, and that no module hides behind a name for everything.
pub(crate) fn tree() -> Result<()> {
    let files = output(
        std::process::Command::new("git")
            .arg("ls-files")
            .current_dir(root()),
    )?;
    let files: BTreeSet<&str> = files.lines().collect();
    let mut wrong = Vec::new();
    for file in &files {
        let name = file.rsplit('/').next().unwrap_or(file);
        if [
            "mod.rs",
            "util.rs",
            "utils.rs",
            "common.rs",
            "helpers.rs",
            "prelude.rs",
        ]
        .contains(&name)
        {
            wrong.push(format!("{file}: name it by what it is about"));
        }
    }
    for document in ["README.md", "README.zh-CN.md"] {
        let text = fs::read_to_string(root().join(document))
            .with_context(|| format!("cannot read {document}"))?;
        for quoted in text.split('`').skip(1).step_by(2) {
            let is_path = quoted.contains('/')
                && [
                    "crates/",
                    "migrations/",
                    "openapi/",
                    "xtask/",
                    "docs/",
                    ".ci/",
                ]
                .iter()
                .any(|start| quoted.starts_with(start));
            if is_path && !root().join(quoted).exists() {
                wrong.push(format!("{document} names `{quoted}`, which is not there"));
            }
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("; "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn a_licence_is_allowed_when_one_choice_of_each_part_is() {
        let allowed = ["MIT", "Apache-2.0", "Unicode-3.0"]
            .map(str::to_owned)
            .into();
        for good in [
            "MIT",
            "MIT OR GPL-3.0",
            "MIT/Apache-2.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
        ] {
            assert!(is_allowed(good, &allowed), "{good}");
        }
        for bad in ["GPL-3.0-or-later", "MIT AND GPL-3.0", "none", ""] {
            assert!(!is_allowed(bad, &allowed), "{bad}");
        }
    }
}
