//! Lists of 100 applications per second.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use flowcd_model::{
    application::{NewApplication, Provider},
    secret::Secrets,
};
use futures_util::future::try_join_all;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    server::Server,
    stats::{Sample, report},
};
use crate::process::{Binaries, cargo, output, root};

const N_APPLICATIONS: usize = 100;
const N_CONNECTIONS: usize = 8;
const ROUND: Duration = Duration::from_secs(3);

/// Lists per second over keep-alive connections, beside a C loop that only does the two queries.
pub(super) async fn list(binaries: &Binaries, rounds: usize) -> Result<()> {
    let server = Server::start(binaries, &[])?;
    for number in 0..N_APPLICATIONS {
        server
            .client
            .create_application(&application(number)?)
            .await?;
    }
    let floor = build_floor(server.folder.path())?;
    let database = server.folder.path().join("data/flowcd.db");
    let hash = sha256_hex(&server.token)?;
    let (mut rates, mut floors, mut ratios, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        let started = Instant::now();
        let ends = (0..N_CONNECTIONS).map(|_| request_until(&server, started + ROUND));
        let answers = try_join_all(ends).await?;
        let rate = answers
            .iter()
            .map(|(n_answers, _)| *n_answers as f64)
            .sum::<f64>()
            / started.elapsed().as_secs_f64();
        bytes = answers.first().map_or(0, |(_, n_bytes)| *n_bytes);
        let seconds = ROUND.as_secs().to_string();
        let printed = output(
            Command::new(&floor)
                .arg(&database)
                .args([hash.as_str(), seconds.as_str()]),
        )?;
        let floor_rate: f64 = printed
            .split_whitespace()
            .next()
            .context("the floor printed nothing")?
            .parse()?;
        rates.push(rate);
        floors.push(floor_rate);
        ratios.push(rate / floor_rate);
    }
    server.stop()?;
    println!("one list is {bytes} bytes");
    report(
        "lists of 100 applications (per second)",
        Sample::new(rates),
        "",
    );
    report(
        "the two queries in a C loop (per second)",
        Sample::new(floors),
        "the floor",
    );
    report("lists / floor", Sample::new(ratios), "at least 0.35");
    Ok(())
}

/// An application whose entry in the list has the size of a usual one.
fn application(number: usize) -> Result<NewApplication> {
    let trigger = json!({"github": {"events": [
        {"eventName": "push", "filter": "body.ref in [\"refs/heads/main\", \"refs/heads/release\"]", "template": "serverless-pipeline.yaml"},
        {"eventName": "release", "filter": "body.action == 'published'", "template": "serverless-pipeline-release.yaml"},
    ]}});
    Ok(NewApplication {
        repo: format!("repository-{number}"),
        owner: "an-organisation".to_owned(),
        repo_url: format!("https://github.com/an-organisation/repository-{number}.git"),
        provider_repo_id: Some(number.to_string()),
        provider: Provider::Github,
        trigger_spec: serde_json::from_value(trigger)?,
        description:
            "The service that answers orders, with its database migrations and its dashboards. "
                .repeat(2),
        secrets: Secrets(
            (0..5)
                .map(|place| (format!("SECRET_{place}"), "a value".to_owned()))
                .collect(),
        ),
        envs: None,
        ..NewApplication::default()
    })
}

/// Asks again and again over one connection. Answers how often, and the length of one answer's body.
async fn request_until(server: &Server, end: Instant) -> Result<(usize, usize)> {
    let address = server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let request = format!(
        "GET /api/flow/application/list HTTP/1.1\r\nHost: {address}\r\ncd_token: {}\r\n\r\n",
        server.token
    );
    let mut buffer = vec![0_u8; 256 * 1024];
    let (mut n_answers, mut n_bytes) = (0, 0);
    while Instant::now() < end {
        stream.write_all(request.as_bytes()).await?;
        n_bytes = read_answer(&mut stream, &mut buffer).await?;
        n_answers += 1;
    }
    Ok((n_answers, n_bytes))
}

/// Reads one answer, which must be a good one; answers the length of its body.
pub(super) async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<usize> {
    let mut n_read = 0;
    loop {
        let n_more = stream.read(&mut buffer[n_read..]).await?;
        ensure!(n_more > 0, "the server closed the connection");
        n_read += n_more;
        let Some(end) = buffer[..n_read]
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
        else {
            continue;
        };
        let head = std::str::from_utf8(&buffer[..end])?;
        ensure!(
            head.starts_with("HTTP/1.1 200"),
            "the server answered {head}"
        );
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length:")
                .map(str::to_owned)
        });
        let length: usize = length.context("no content-length")?.trim().parse()?;
        while n_read < end + 4 + length {
            let n_more = stream.read(&mut buffer[n_read..]).await?;
            ensure!(n_more > 0, "the server closed the connection");
            n_read += n_more;
        }
        return Ok(length);
    }
}

/// Compiles the C loop against the very SQLite that the server has inside.
fn build_floor(folder: &Path) -> Result<PathBuf> {
    let metadata: serde_json::Value = serde_json::from_str(&output(cargo().args([
        "metadata",
        "--format-version=1",
        "--locked",
    ]))?)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let sqlite = packages
        .iter()
        .find(|package| package["name"] == "libsqlite3-sys")
        .context("no libsqlite3-sys")?;
    let manifest = PathBuf::from(sqlite["manifest_path"].as_str().context("no manifest")?);
    let source = manifest.parent().context("no folder")?.join("sqlite3");
    let floor = folder.join("list-floor");
    crate::process::run(
        Command::new("cc")
            .args([
                "-O2",
                "-DSQLITE_THREADSAFE=0",
                "-DSQLITE_OMIT_LOAD_EXTENSION",
                "-I",
            ])
            .arg(&source)
            .arg("-o")
            .arg(&floor)
            .arg(root().join("xtask/floor/list.c"))
            .arg(source.join("sqlite3.c"))
            .arg("-lm"),
    )?;
    Ok(floor)
}

fn sha256_hex(text: &str) -> Result<String> {
    let script = "printf %s \"$1\" | sha256sum";
    let printed = output(Command::new("/bin/sh").args(["-c", script, "sh", text]))?;
    Ok(printed
        .split_whitespace()
        .next()
        .context("sha256sum printed nothing")?
        .to_owned())
}
