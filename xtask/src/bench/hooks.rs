//! Webhooks verified, stored and answered per second.

use std::{
    fs::OpenOptions,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;
use flowcd_model::{
    application::{NewApplication, Provider},
    secret::Secrets,
};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    list::read_answer,
    server::Server,
    stats::{Sample, report},
};
use crate::{
    postgres::Postgres,
    process::{Binaries, output},
};

/// Many, so that no application's limit is met.
const N_APPLICATIONS: usize = 200;
const N_CONNECTIONS: usize = 32;
const ROUND: Duration = Duration::from_secs(3);
/// What a push of a few commits has.
const BODY_BYTES: usize = 8 * 1024;
const SECRET: &str = "a-secret-of-the-benchmark";

/// What is made of the deliveries.
#[derive(Clone, Copy)]
enum Made {
    /// A task each, which waits: the runners are busy.
    Task,
    /// Nothing: no rule matches.
    Nothing,
}

/// Deliveries per second and how long each takes, on both databases, beside how often the disk can be synced.
pub(super) async fn hooks(binaries: &Binaries, rounds: usize) -> Result<()> {
    let postgres = Postgres::start()?;
    for (name, url) in [
        ("SQLite", None),
        ("PostgreSQL", Some(postgres.url.as_str())),
    ] {
        let server = Server::start_on(binaries, &["--drain-timeout", "1s"], url)?;
        let sleeper = server
            .application(
                "sleeper",
                "steps:\n  - run: sleep 3600\n",
                Secrets::default(),
            )
            .await?;
        // One for each runner.
        for _ in 0..2 {
            server.dispatch(&sleeper).await?;
        }
        for made in [Made::Task, Made::Nothing] {
            measure(&server, name, made, rounds).await?;
        }
        server.stop()?;
    }
    Ok(())
}

async fn measure(server: &Server, database: &str, made: Made, rounds: usize) -> Result<()> {
    let (what, branch) = match made {
        Made::Task => ("with a task each", "main"),
        Made::Nothing => ("that match nothing", "dev"),
    };
    let body = payload(branch);
    let signature = sign(&body)?;
    let mut paths = Vec::with_capacity(N_APPLICATIONS);
    for number in 0..N_APPLICATIONS {
        let new = application(&format!("{branch}-{number}"))?;
        let id = server.client.create_application(&new).await?.id;
        paths.push(format!("/api/hooks/{id}"));
    }
    let (mut rates, mut floors, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut times = Vec::new();
    for round in 0..rounds {
        let started = Instant::now();
        let senders = (0..N_CONNECTIONS).map(|connection| {
            let sender = Sender {
                server,
                paths: &paths,
                body: &body,
                signature: &signature,
                name: format!("{branch}-{round}-{connection}"),
                first: connection,
            };
            sender.send_until(started + ROUND)
        });
        let taken = try_join_all(senders).await?;
        let rate =
            taken.iter().map(Vec::len).sum::<usize>() as f64 / started.elapsed().as_secs_f64();
        let floor = syncs_per_second(server.folder.path())?;
        rates.push(rate);
        floors.push(floor);
        ratios.push(rate / floor);
        times.extend(taken.into_iter().flatten());
    }
    let times = Sample::new(times);
    report(
        &format!("{database}: webhooks {what} (per second)"),
        Sample::new(rates),
        "over 3,000 on SQLite",
    );
    report(
        &format!("{database}: one webhook, p50 / p99 (ms)"),
        format!("{:.1} / {:.1}", times.median(), times.quantile(0.99)),
        "p99 under 20",
    );
    report(
        "  writes of 8 KiB with fdatasync, one by one (per second)",
        Sample::new(floors),
        "one commit each",
    );
    report("  webhooks / such writes", Sample::new(ratios), "");
    Ok(())
}

/// One connection of the host.
struct Sender<'a> {
    server: &'a Server,
    paths: &'a [String],
    body: &'a str,
    signature: &'a str,
    name: String,
    first: usize,
}

impl Sender<'_> {
    /// Sends one delivery after the other; answers how long each took, in milliseconds.
    async fn send_until(self, end: Instant) -> Result<Vec<f64>> {
        let address = self.server.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut buffer = vec![0_u8; 64 * 1024];
        let mut times = Vec::new();
        for n in 0.. {
            let started = Instant::now();
            if started >= end {
                break;
            }
            let path = &self.paths[(self.first + n) % self.paths.len()];
            let request = format!(
                "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
                 User-Agent: GitHub-Hookshot/0000000\r\nX-GitHub-Event: push\r\n\
                 X-GitHub-Delivery: {}-{n}\r\nX-Hub-Signature-256: sha256={}\r\nContent-Length: {}\r\n\r\n{}",
                self.name,
                self.signature,
                self.body.len(),
                self.body
            );
            stream.write_all(request.as_bytes()).await?;
            read_answer(&mut stream, &mut buffer).await?;
            times.push(started.elapsed().as_secs_f64() * 1_000.0);
        }
        Ok(times)
    }
}

fn application(name: &str) -> Result<NewApplication> {
    let trigger = json!({"github": {
        "secret": SECRET,
        "push": {"branches": {"precise": ["main"], "prefix": ["release"], "exclude": ["dev*"]}},
        "events": [{"eventName": "push", "filter": "body.ref in [\"refs/heads/staging\"]"}],
    }});
    Ok(NewApplication {
        repo: name.to_owned(),
        owner: "bench".to_owned(),
        repo_url: format!("https://github.com/bench/{name}.git"),
        provider: Provider::Github,
        trigger_spec: serde_json::from_value(trigger)?,
        install_webhook: Some(false),
        ..NewApplication::default()
    })
}

/// A push of four commits, and what a host tells of the repository around it.
fn payload(branch: &str) -> String {
    let commit = |n: usize| {
        json!({
            "id": format!("{n:040x}"), "message": "Answer orders of the second warehouse, too",
            "timestamp": "2026-11-29T12:00:00Z", "author": {"name": "Ann", "email": "ann@example.com"},
            "added": ["src/orders/second.rs"], "modified": ["src/orders.rs", "Cargo.toml"], "removed": [],
        })
    };
    let mut body: Value = json!({
        "ref": format!("refs/heads/{branch}"), "before": format!("{:040x}", 1), "after": format!("{:040x}", 5),
        "created": false, "deleted": false, "forced": false, "head_commit": commit(5),
        "commits": (2..=5).map(commit).collect::<Vec<_>>(),
        "pusher": {"name": "ann", "email": "ann@example.com"}, "sender": {"login": "ann"},
        "repository": {"full_name": "bench/hello"},
    });
    let missing = BODY_BYTES.saturating_sub(body.to_string().len());
    body["repository"]["about"] =
        Value::from("https://api.github.com/repos/bench/ ".repeat(missing / 36));
    body.to_string()
}

fn sign(body: &str) -> Result<String> {
    let script = "printf %s \"$1\" | openssl dgst -sha256 -hmac \"$2\" | sed 's/.* //'";
    let printed =
        output(std::process::Command::new("/bin/sh").args(["-c", script, "sh", body, SECRET]))?;
    Ok(printed.trim().to_owned())
}

/// What a database that commits each delivery alone cannot exceed.
fn syncs_per_second(folder: &Path) -> Result<f64> {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("floor"))?;
    let block = vec![b'x'; BODY_BYTES];
    let started = Instant::now();
    let mut n_writes = 0_u32;
    while started.elapsed() < Duration::from_secs(1) {
        file.write_all(&block)?;
        file.sync_data()?;
        n_writes += 1;
    }
    Ok(f64::from(n_writes) / started.elapsed().as_secs_f64())
}
