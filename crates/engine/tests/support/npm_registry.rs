//! A small npm registry on loopback: packages packed from texts, and a record of what was published.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use crate::http_server::{HttpServer, Request};

/// Packages to serve.
#[derive(Debug, Default)]
pub(crate) struct Packages(BTreeMap<String, Vec<Package>>);

#[derive(Debug)]
struct Package {
    manifest: Value,
    tarball: Vec<u8>,
}

impl Packages {
    /// Adds a package: its `package.json` and its other files by name.
    pub(crate) fn with(mut self, manifest: Value, files: &[(&str, &str)]) -> Self {
        let name = manifest["name"].as_str().expect("it has a name").to_owned();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let package = folder.path().join("package");
        let write = |name: &str, text: &str| {
            let path = package.join(name);
            fs::create_dir_all(path.parent().expect("it has a parent")).expect("folders are made");
            fs::write(path, text).expect("it is written");
        };
        write("package.json", &manifest.to_string());
        for (name, text) in files {
            write(name, text);
        }
        let tarball = pack(folder.path());
        self.0
            .entry(name)
            .or_default()
            .push(Package { manifest, tarball });
        self
    }

    pub(crate) async fn serve(self) -> HttpServer {
        HttpServer::start(move |request| self.answer(request)).await
    }

    fn answer(&self, request: &Request) -> (u16, Vec<u8>) {
        let not_found = || (404, br#"{"error":"Not found"}"#.to_vec());
        if request.method == "PUT" {
            return (201, br#"{"ok":true}"#.to_vec());
        }
        let path = request.target.trim_start_matches('/');
        let path = path.replace("%2f", "/").replace("%2F", "/");
        if let Some((name, version)) = path.split_once("/-/") {
            let version = version.trim_end_matches(".tgz");
            let packages = self.0.get(name).map(Vec::as_slice).unwrap_or_default();
            return packages
                .iter()
                .find(|package| package.manifest["version"] == version)
                .map_or_else(not_found, |package| (200, package.tarball.clone()));
        }
        match self.0.get(&path) {
            None => not_found(),
            Some(packages) => {
                let host = request.header("host");
                (
                    200,
                    document(&path, packages, host).to_string().into_bytes(),
                )
            }
        }
    }
}

/// What a registry says of a package.
fn document(name: &str, packages: &[Package], host: &str) -> Value {
    let mut versions = json!({});
    let mut latest = "";
    for package in packages {
        let mut manifest = package.manifest.clone();
        latest = package.manifest["version"].as_str().unwrap_or_default();
        let hash: String = Sha1::digest(&package.tarball)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        manifest["dist"] = json!({
            "tarball": format!("http://{host}/{name}/-/{latest}.tgz"),
            "shasum": hash,
            "integrity": format!("sha1-{}", STANDARD.encode(Sha1::digest(&package.tarball))),
        });
        versions[latest] = manifest;
    }
    json!({"name": name, "dist-tags": {"latest": latest}, "versions": versions})
}

fn pack(folder: &Path) -> Vec<u8> {
    let output = Command::new("tar")
        .args(["-czf", "-", "package"])
        .current_dir(folder)
        .output()
        .expect("tar runs");
    assert!(output.status.success(), "tar packs");
    output.stdout
}
