//! How fast a pipeline file that is too much is refused.

use std::{fs, path::Path, process::Command, time::Instant};

use anyhow::{Context, Result, ensure};

use super::stats::{Sample, report};
use crate::process::Binaries;

/// What a file of each kind must be refused with, so that nobody measures the refusal of something else.
struct Refused {
    name: &'static str,
    text: String,
    message: &'static str,
}

/// Lints each of them with the command line; the floor is a file of one step, which costs the start of the process.
pub(super) fn limits(binaries: &Binaries, rounds: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("pipeline.yaml");
    fs::write(&path, "steps:\n  - run: echo hello\n")?;
    let floor = measure(binaries, &path, rounds, None)?;
    report("lint of one step, ms", &floor, "the floor");
    for refused in refused() {
        fs::write(&path, &refused.text)?;
        let sample = measure(binaries, &path, rounds, Some(&refused))?;
        report(refused.name, &sample, "< 50 ms");
    }
    Ok(())
}

fn refused() -> [Refused; 4] {
    let condition = |expression: &str| format!("steps:\n  - run: 'true'\n    if: {expression}\n");
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    bomb.push_str("steps: [{run: 'true'}]\n");
    [
        Refused {
            name: "a sum of 200,000 terms, ms",
            text: condition(&vec!["1"; 200_000].join("+")),
            message: "bytes",
        },
        Refused {
            name: "10,000 nested parentheses, ms",
            text: condition(&format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000))),
            message: "nested",
        },
        Refused {
            name: "an alias bomb, ms",
            text: bomb,
            message: "error",
        },
        Refused {
            name: "a file of 10 MB, ms",
            text: format!("steps:\n{}", "  - run: echo hello\n".repeat(500_000)),
            message: "bytes",
        },
    ]
}

fn measure(
    binaries: &Binaries,
    path: &Path,
    rounds: usize,
    refused: Option<&Refused>,
) -> Result<Sample> {
    let mut values = Vec::new();
    for _ in 0..rounds.max(1) {
        let begin = Instant::now();
        let output = Command::new(&binaries.cli)
            .arg("lint")
            .arg(path)
            .output()
            .context("cannot start flowcd")?;
        values.push(begin.elapsed().as_secs_f64() * 1000.0);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        match refused {
            Some(refused) => ensure!(
                !output.status.success() && said.contains(refused.message),
                "{}: not refused as it should be: {said:.2000}",
                refused.name
            ),
            None => ensure!(output.status.success(), "a good file was refused: {said}"),
        }
    }
    Ok(Sample::new(values))
}
