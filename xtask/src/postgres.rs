//! A private PostgreSQL for the tests: its own folder, its own port, an unprivileged user, gone at the end.

use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::unistd::{User, geteuid};
use tempfile::TempDir;

use crate::{
    package,
    process::{Guard, run},
};

/// A server that runs until it goes out of scope.
pub(crate) struct Postgres {
    /// The URL of its superuser; there is no password, and it listens on loopback alone.
    pub(crate) url: String,
    // In this order: the server ends before its folder goes.
    _server: Guard,
    _folder: TempDir,
}

impl Postgres {
    /// Starts a server, after installing PostgreSQL from the system's packages where it is missing.
    pub(crate) fn start() -> Result<Self> {
        let bin = match find_binaries() {
            Some(bin) => bin,
            None => install()?,
        };
        let folder = tempfile::Builder::new()
            .prefix("flowcd-postgres-")
            .tempdir()?;
        let owner = owner()?;
        if let Some(owner) = &owner {
            std::os::unix::fs::chown(
                folder.path(),
                Some(owner.uid.as_raw()),
                Some(owner.gid.as_raw()),
            )?;
        }
        let data = folder.path().join("data");
        let log = folder.path().join("log");
        run(command(&bin, "initdb", owner.as_ref(), folder.path())
            .args([
                "--auth=trust",
                "--username=flowcd",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "-D",
            ])
            .arg(&data)
            .stdout(Stdio::null()))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = command(&bin, "postgres", owner.as_ref(), folder.path())
            .arg("-D")
            .arg(&data)
            .args([
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "unix_socket_directories=",
                "-c",
                "max_connections=400",
            ])
            // The data lives for minutes; it need not survive a power cut.
            .args(["-c", "fsync=off", "-c", "full_page_writes=off"])
            .args(["-c", &format!("port={port}")])
            .stdout(File::create(&log)?)
            .stderr(File::options().append(true).open(&log)?)
            .spawn()
            .context("cannot start postgres")?;
        let server = Guard::new("postgres", child);
        wait_until_ready(&bin, port, &log)?;
        Ok(Self {
            url: format!("postgres://flowcd@127.0.0.1:{port}/postgres"),
            _server: server,
            _folder: folder,
        })
    }
}

fn find_binaries() -> Option<PathBuf> {
    let has_all = |folder: &PathBuf| {
        ["initdb", "postgres", "pg_isready"]
            .iter()
            .all(|name| folder.join(name).exists())
    };
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    versions.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).collect::<Vec<_>>();
    versions
        .into_iter()
        .rev()
        .map(|(_, bin)| bin)
        .chain(on_path)
        .find(has_all)
}

fn install() -> Result<PathBuf> {
    // The package would start a cluster of its own; ours is private.
    let switch = Path::new("/etc/postgresql-common/createcluster.conf");
    if geteuid().is_root() && !switch.exists() {
        fs::create_dir_all("/etc/postgresql-common")?;
        fs::write(switch, "create_main_cluster = false\n")?;
    }
    package::install("PostgreSQL", &["postgresql"])?;
    find_binaries()
        .context("PostgreSQL was installed, but its programs are not under /usr/lib/postgresql")
}

/// Whom the server runs as: PostgreSQL refuses to run as root.
fn owner() -> Result<Option<User>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name)? {
            return Ok(Some(user));
        }
    }
    bail!("PostgreSQL refuses to run as root, and there is neither a user `postgres` nor `nobody`")
}

fn command(bin: &Path, program: &str, owner: Option<&User>, folder: &Path) -> Command {
    let mut command = Command::new(bin.join(program));
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    if let Some(owner) = owner {
        command.uid(owner.uid.as_raw()).gid(owner.gid.as_raw());
    }
    command
}

fn wait_until_ready(bin: &Path, port: u16, log: &Path) -> Result<()> {
    let give_up = Instant::now() + Duration::from_secs(30);
    loop {
        let is_ready = Command::new(bin.join("pg_isready"))
            .args(["--quiet", "--host=127.0.0.1", &format!("--port={port}")])
            .status()?
            .success();
        if is_ready {
            return Ok(());
        }
        if Instant::now() > give_up {
            bail!(
                "postgres did not become ready: {}",
                fs::read_to_string(log).unwrap_or_default()
            );
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
