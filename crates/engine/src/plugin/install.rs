//! Packages of the registry: installed once, for every run that comes.
//!
//! A package is installed into a folder of its own beside where it belongs, looked at, and moved there at once: what
//! is there is whole. Whoever installs it holds the lock of its name, across processes; whoever comes second finds it.
//!
//! ```text
//! @scope/name@1.2.3/             a package that is whole
//!   flowcd.json                  what is known of it
//!   node_modules/@scope/name/    the package
//! .new/<hash>/                   one that is on its way
//! .locks/<hash>                  held by whoever works on it
//! ```

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Finder, PluginError,
    capture::{Capture, Captured},
    name::PackageName,
    node::{self, NodePlugin},
    registry::Registry,
    scratch::Scratch,
};
use crate::{log::StepLog, process::find_program, workdir};

/// What is known of a package that is whole.
const RECORD: &str = "flowcd.json";

/// How often to look whether whoever installs the same package has done so.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// The longest package.json or record.
const MAX_MANIFEST_BYTES: u64 = 4 * 1024 * 1024;

#[derive(Debug, Deserialize, Serialize)]
struct Record {
    /// The version that is there, whatever was asked for.
    version: String,
    has_post: bool,
}

#[derive(Deserialize)]
struct Manifest {
    version: String,
}

/// The package, after installing it where it is not there.
pub(super) async fn find(
    specifier: &str,
    package: &PackageName,
    finder: &Finder<'_>,
    log: &mut StepLog,
) -> Result<NodePlugin, PluginError> {
    node::find_node(specifier, finder)?;
    let place = Place::of(package, finder)?;
    if let Some(plugin) = place.open(specifier, log).await? {
        return Ok(plugin);
    }
    let _lock = place.lock(finder).await?;
    if let Some(plugin) = place.open(specifier, log).await? {
        return Ok(plugin);
    }
    log.line(&format!("Installing the plugin `{specifier}`"))
        .await;
    let installed = place.install(specifier, finder).await;
    // What did not become whole is of no use to anybody.
    let new = place.new.clone();
    let removed = on_a_thread(move || workdir::remove(&new)).await;
    let record = installed?;
    removed.map_err(failed("clean up after", specifier))?;
    log.line(&format!(
        "Installed the plugin `{specifier}`, version {}",
        record.version
    ))
    .await;
    Ok(place.plugin(&record))
}

/// Where a package is, or is to be.
struct Place {
    package: PackageName,
    whole: PathBuf,
    new: PathBuf,
    lock: PathBuf,
}

impl Place {
    fn of(package: &PackageName, finder: &Finder<'_>) -> Result<Self, PluginError> {
        let name = format!("{}@{}", package.name, package.version);
        let root = std::path::absolute(&finder.plugins.installed)
            .map_err(failed("find the folder of", &name))?;
        let hash: String = Sha256::digest(name.as_bytes())
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Self {
            package: package.clone(),
            whole: root.join(&name),
            new: root.join(".new").join(&hash),
            lock: root.join(".locks").join(&hash),
        })
    }

    fn plugin(&self, record: &Record) -> NodePlugin {
        NodePlugin {
            path: self.whole.join("node_modules").join(&self.package.name),
            has_post: record.has_post,
        }
    }

    /// The package if it is whole.
    async fn open(
        &self,
        specifier: &str,
        log: &mut StepLog,
    ) -> Result<Option<NodePlugin>, PluginError> {
        let cannot = |error| failed("look for", specifier)(error);
        // What is not whole is installed anew. What only cannot be read now may be in use, and stays.
        let Some(record) = read_json::<Record>(&self.whole.join(RECORD)).map_err(cannot)? else {
            return Ok(None);
        };
        let plugin = self.plugin(&record);
        if !plugin.path.try_exists().map_err(cannot)? {
            return Ok(None);
        }
        log.line(&format!(
            "The plugin `{specifier}` is installed, version {}",
            record.version
        ))
        .await;
        Ok(Some(plugin))
    }

    /// Waits for whoever installs the package. It asks again and again because a blocking wait could not be cancelled.
    async fn lock(&self, finder: &Finder<'_>) -> Result<File, PluginError> {
        let cannot = |error| failed("lock", &self.package.name)(error);
        if let Some(folder) = self.lock.parent() {
            make_folder(folder).map_err(cannot)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&self.lock)
            .map_err(cannot)?;
        let give_up = tokio::time::Instant::now() + finder.limits.git_timeout;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(cannot(error)),
            }
            if tokio::time::Instant::now() > give_up {
                return Err(cannot(io::ErrorKind::TimedOut.into()));
            }
            tokio::select! {
                () = finder.cancel.cancelled() => return Err(PluginError::Cancelled),
                () = tokio::time::sleep(LOCK_POLL) => {}
            }
        }
    }

    async fn install(&self, specifier: &str, finder: &Finder<'_>) -> Result<Record, PluginError> {
        let (whole, new) = (self.whole.clone(), self.new.clone());
        on_a_thread(move || {
            // What is in the way is a package that was not whole, or is not any more.
            workdir::remove(&whole)?;
            workdir::remove(&new)?;
            make_folder(&new)?;
            // Else npm would look for a project in the folders above.
            fs::write(new.join("package.json"), "{\"private\": true}\n")
        })
        .await
        .map_err(failed("make a folder for", specifier))?;
        let npm = self.run_npm(specifier, finder).await?;
        if !npm.end.success() {
            return Err(PluginError::Failed(explain(specifier, &npm)));
        }
        let folder = self.new.join("node_modules").join(&self.package.name);
        let manifest: Option<Manifest> =
            read_json(&folder.join("package.json")).map_err(failed("open", specifier))?;
        let manifest = manifest.ok_or_else(|| {
            PluginError::Failed(format!(
                "cannot install the plugin `{specifier}`: npm left no package behind"
            ))
        })?;
        let described = node::describe(specifier, &folder, finder).await?;
        let record = Record {
            version: manifest.version,
            has_post: described.has_post,
        };
        let (whole, new) = (self.whole.clone(), self.new.clone());
        let text = serde_json::to_vec(&record).unwrap_or_default();
        on_a_thread(move || {
            fs::write(new.join(RECORD), text)?;
            if let Some(parent) = whole.parent() {
                make_folder(parent)?;
            }
            fs::rename(&new, &whole)
        })
        .await
        .map_err(failed("keep", specifier))?;
        Ok(record)
    }

    async fn run_npm(&self, specifier: &str, finder: &Finder<'_>) -> Result<Captured, PluginError> {
        let npm = find_program("npm", finder.path, finder.workspace).ok_or_else(|| {
            PluginError::Failed(format!(
                "the plugin `{specifier}` has to be installed with npm, which is not in PATH"
            ))
        })?;
        let mut args: Vec<OsString> = [
            "install",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--no-save",
            "--no-package-lock",
            "--omit=dev",
            "--install-links=true",
            "--loglevel=error",
            // A registry that is away is told in seconds, not in minutes.
            "--fetch-retries=2",
            "--fetch-retry-mintimeout=500",
            "--fetch-retry-maxtimeout=5000",
            "--prefix",
        ]
        .map(OsString::from)
        .into();
        args.push(self.new.clone().into());
        if let Some(registry) = &finder.plugins.registry {
            let registry = Registry::parse(registry).map_err(|error| {
                PluginError::Failed(format!("cannot use the plugin registry: {error}"))
            })?;
            args.push("--registry".into());
            args.push(registry.as_str().into());
        }
        // npm's own cache would be of no use to the steps, whose home it would be in.
        let scratch = Scratch::make(&finder.dir.join("tmp")).map_err(PluginError::Failed)?;
        args.push("--cache".into());
        args.push(scratch.path("npm").into());
        args.push("--".into());
        args.push(format!("{}@{}", self.package.name, self.package.version).into());
        let mut env = finder.environment();
        env.push(("npm_config_update_notifier".to_owned(), "false".to_owned()));
        if let Some(ca_file) = &finder.plugins.ca_file {
            let ca_file = ca_file.to_string_lossy().into_owned();
            env.push(("NODE_EXTRA_CA_CERTS".to_owned(), ca_file));
        }
        Capture {
            program: &npm,
            args: &args,
            dir: &self.new,
            env: &env,
            marker: finder.marker,
            stdin: Bytes::new(),
            timeout: finder.limits.git_timeout,
            cancel: finder.cancel,
        }
        .run()
        .await
    }
}

/// What npm's failure means.
fn explain(specifier: &str, npm: &Captured) -> String {
    let code = npm
        .output
        .lines()
        .filter_map(|line| {
            line.strip_prefix("npm error code ")
                .or_else(|| line.strip_prefix("npm ERR! code "))
        })
        .map(str::trim)
        .next();
    let why = match code {
        Some("E404") => "the registry has no such package".to_owned(),
        Some("ETARGET") => {
            "the registry has no such version of it, or of a package that it needs".to_owned()
        }
        Some("E401" | "E403" | "ENEEDAUTH") => "the registry refuses access".to_owned(),
        Some(
            code @ ("ENOTFOUND" | "EAI_AGAIN" | "ECONNREFUSED" | "ECONNRESET" | "ETIMEDOUT"
            | "ERR_SOCKET_TIMEOUT" | "EHOSTUNREACH" | "ENETUNREACH"),
        ) => format!("the registry cannot be reached ({code})"),
        Some(
            code @ ("SELF_SIGNED_CERT_IN_CHAIN"
            | "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"
            | "DEPTH_ZERO_SELF_SIGNED_CERT"
            | "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
        ) => format!("the registry's certificate is not trusted ({code})"),
        _ => format!("npm ended with {}: {}", npm.end, npm.last_lines()),
    };
    format!("cannot install the plugin `{specifier}`: {why}")
}

fn failed<'a>(what: &'a str, specifier: &'a str) -> impl FnOnce(io::Error) -> PluginError + 'a {
    move |error| PluginError::Failed(format!("cannot {what} the plugin `{specifier}`: {error}"))
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A short file, read as JSON. Nothing when it is not there, or is something else.
/// What is in the file; nothing when there is no such file, or when it holds something else.
fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> io::Result<Option<T>> {
    let text = match path.metadata() {
        Ok(metadata) if metadata.len() <= MAX_MANIFEST_BYTES => fs::read(path)?,
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(serde_json::from_slice(&text).ok())
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}
