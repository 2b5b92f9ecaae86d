//! Figures of deployments.

use std::{
    fs::{self, File},
    io::{Read, Write},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result};
use flowcd_model::{log::TaskEvent, secret::Secrets, step::StepCount, task::Task};
use futures_util::{StreamExt, future::try_join_all};

use super::{
    server::Server,
    stats::{Sample, report},
};
use crate::process::{Binaries, run};

/// From an accepted dispatch to the runner, and to the first byte of the first step's log.
pub(super) async fn dispatch(binaries: &Binaries, rounds: usize) -> Result<()> {
    let server = Server::start(binaries, &[])?;
    let app = server
        .application(
            "dispatch",
            "steps:\n  - run: echo first\n",
            Secrets::default(),
        )
        .await?;
    let warm = server.dispatch(&app).await?;
    server.finish(&warm).await?;
    let (mut claimed, mut first_byte) = (Vec::new(), Vec::new());
    for _ in 0..rounds * 40 {
        let task = server.dispatch(&app).await?;
        let accepted = Instant::now();
        let mut events = server.client.follow_task(&task);
        while let Some(event) = events.next().await {
            if matches!(event?, TaskEvent::Log(event) if event.step_count == StepCount::Number(1)) {
                first_byte.push(accepted.elapsed().as_secs_f64() * 1000.0);
                break;
            }
        }
        let task = server.finish(&task).await?;
        let started = task.started_time.context("it never started")?;
        claimed.push(started.since_ms(task.created_time) as f64);
    }
    server.stop()?;
    let (claimed, first_byte) = (Sample::new(claimed), Sample::new(first_byte));
    report(
        "accepted to claimed, p50 (ms, whole ones)",
        &claimed,
        "under 5",
    );
    report(
        "accepted to first log byte at the client, p50 (ms)",
        &first_byte,
        "under 50",
    );
    report(
        "accepted to first log byte at the client, p99 (ms)",
        format!("{:.3}", first_byte.quantile(0.99)),
        "under 150",
    );
    Ok(())
}

/// The cost of one more step that does nothing, over spawning a shell with a pipe and writing a file.
pub(super) async fn steps(binaries: &Binaries, rounds: usize) -> Result<()> {
    const N_STEPS: usize = 200;
    let server = Server::start(binaries, &[])?;
    let pipeline = |n_steps: usize| format!("steps:\n{}", "  - run: 'true'\n".repeat(n_steps));
    let few = server
        .application("few", &pipeline(1), Secrets::default())
        .await?;
    let many = server
        .application("many", &pipeline(1 + N_STEPS), Secrets::default())
        .await?;
    let folder = tempfile::tempdir()?;
    let (mut ours, mut floors, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..=rounds {
        let mut seconds = [0.0, 0.0];
        for (place, app) in [&few, &many].into_iter().enumerate() {
            let task = server.dispatch(app).await?;
            seconds[place] = run_seconds(&server.finish(&task).await?)?;
        }
        let started = Instant::now();
        for number in 0..N_STEPS {
            spawn_floor(&folder.path().join(number.to_string()))?;
        }
        let floor = started.elapsed().as_secs_f64() / N_STEPS as f64 * 1000.0;
        let step = (seconds[1] - seconds[0]) / N_STEPS as f64 * 1000.0;
        ours.push(step);
        floors.push(floor);
        ratios.push(step / floor);
    }
    server.stop()?;
    report("one more no-op step (ms)", Sample::new(ours), "");
    report(
        "posix_spawn of `sh -c true`, a pipe and a file (ms)",
        Sample::new(floors),
        "the floor",
    );
    report(
        "one more no-op step / floor",
        Sample::new(ratios),
        "at most 1.5",
    );
    Ok(())
}

fn run_seconds(task: &Task) -> Result<f64> {
    let (started, finished) = (
        task.started_time.context("no start")?,
        task.finished_time.context("no end")?,
    );
    Ok(finished.since_ms(started) as f64 / 1000.0)
}

/// What a step costs at the least: the standard library spawns by `posix_spawn` here.
fn spawn_floor(file: &std::path::Path) -> Result<()> {
    let mut child = Command::new("/bin/sh")
        .args(["-c", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut printed = Vec::new();
    child
        .stdout
        .take()
        .context("no output")?
        .read_to_end(&mut printed)?;
    child.wait()?;
    File::create(file)?.write_all(&printed)?;
    Ok(())
}

/// Bytes of output masked with 20 secrets and stored per second, over `cat | cat > file`.
pub(super) async fn logs(binaries: &Binaries, rounds: usize) -> Result<()> {
    const N_LINES: usize = 3_000_000;
    let server = Server::start(binaries, &["--max-log-bytes", "1000000000"])?;
    let input = server.folder.path().join("input");
    write_lines(&input, N_LINES)?;
    let megabytes = fs::metadata(&input)?.len() as f64 / 1e6;
    let secrets = (0..20).map(|number| {
        (
            format!("SECRET_{number}"),
            format!("s3cret-value-{number:04}-{}", "abcdef".repeat(3)),
        )
    });
    let pipeline = format!("steps:\n  - run: cat {}\n", input.display());
    let app = server
        .application("logs", &pipeline, Secrets(secrets.collect()))
        .await?;
    let plain = server
        .application("plain", &pipeline, Secrets::default())
        .await?;
    let stored = server.folder.path().join("stored");
    let copy = format!("cat {} | cat > {}", input.display(), stored.display());
    let (mut ours, mut ratios, mut plain_ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..=rounds {
        let mut rates = Vec::new();
        for app in [&app, &plain] {
            let task = server.dispatch(app).await?;
            let seconds = run_seconds(&server.finish(&task).await?)?;
            rates.push(megabytes / seconds);
            server.client.remove_task(&task).await?;
        }
        let started = Instant::now();
        run(Command::new("/bin/sh").args(["-c", &copy]))?;
        let floor = megabytes / started.elapsed().as_secs_f64();
        ours.push(rates[0]);
        ratios.push(rates[0] / floor);
        plain_ratios.push(rates[1] / floor);
    }
    server.stop()?;
    report(
        "log capture, 100-byte lines, 20 secrets (MB/s)",
        Sample::new(ours),
        "at least 189",
    );
    report(
        "log capture with 20 secrets / `cat | cat > file`",
        Sample::new(ratios),
        "at least 0.3",
    );
    report(
        "log capture without secrets / `cat | cat > file`",
        Sample::new(plain_ratios),
        "",
    );
    Ok(())
}

fn write_lines(path: &std::path::Path, n_lines: usize) -> Result<()> {
    let mut file = std::io::BufWriter::new(File::create(path)?);
    for number in 0..n_lines {
        writeln!(
            file,
            "{number:09} compiling crate number {number:09} of the workspace with the usual settings, no news {:04}",
            number % 7919
        )?;
    }
    file.flush()?;
    Ok(())
}

/// Deployments that do nothing, from the first dispatch to the last end.
pub(super) async fn throughput(binaries: &Binaries, rounds: usize) -> Result<()> {
    const N_TASKS: usize = 100;
    let server = Server::start(binaries, &[])?;
    let app = server
        .application("noop", "steps:\n  - run: 'true'\n", Secrets::default())
        .await?;
    let warm = server.dispatch(&app).await?;
    server.finish(&warm).await?;
    let mut rates = Vec::new();
    for _ in 0..rounds {
        let started = Instant::now();
        let tasks = try_join_all((0..N_TASKS).map(|_| server.dispatch(&app))).await?;
        for task in &tasks {
            server.finish(task).await?;
        }
        rates.push(N_TASKS as f64 / started.elapsed().as_secs_f64());
    }
    server.stop()?;
    report(
        "no-op deployments with checkout, 2 runners (per second)",
        Sample::new(rates),
        "at least 210 without checkout",
    );
    Ok(())
}
