//! Finding processes by their mark, wherever they have gone.
//!
//! A process that makes itself a session of its own (`setsid`) leaves its group and its parent, but it keeps the
//! environment that it was started with, and with it the mark. It is a net, not a wall: a program that starts another
//! one with a clean environment slips through.

use std::{
    fs,
    io::{self, Read},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{ATTEMPT_VARIABLE, MARKER_VARIABLE};

/// A process that forks faster than we look is not given up on before this.
const MAX_ROUNDS: usize = 1000;

/// What marks a process, in its environment.
#[derive(Clone, Debug)]
pub(super) struct Mark(Vec<String>);

impl Mark {
    /// That of every process of a run.
    pub(super) fn of_run(marker: &str) -> Self {
        Self(vec![format!("{MARKER_VARIABLE}={marker}")])
    }

    /// That of the processes of one attempt of a step, where `env` tells which one it is; else that of the run.
    pub(super) fn of_attempt(marker: &str, env: &[(String, String)]) -> Self {
        let mut mark = Self::of_run(marker);
        let attempt = env.iter().rfind(|(name, _)| name == ATTEMPT_VARIABLE);
        mark.0
            .extend(attempt.map(|(name, attempt)| format!("{name}={attempt}")));
        mark
    }

    fn is_in(&self, environment: &[u8]) -> bool {
        let has = |wanted: &String| {
            environment
                .split(|byte| *byte == 0)
                .any(|variable| variable == wanted.as_bytes())
        };
        self.0.iter().all(has)
    }

    /// Kills every process with the mark.
    pub(super) fn kill(&self) -> usize {
        kill_all(self)
    }

    /// Whether any process with the mark is alive. It blocks.
    pub(super) fn is_on_any(&self) -> bool {
        !find_marked(self).is_empty()
    }
}

/// Kills (SIGKILL) every process whose environment has `FLOWCD_RUN=<marker>`, again and again until there is none.
/// Answers how many were killed. It blocks for as long as it takes to read `/proc`, so call it off the async threads.
pub fn kill_marked(marker: &str) -> usize {
    Mark::of_run(marker).kill()
}

fn kill_all(mark: &Mark) -> usize {
    let mut n_killed = 0;
    let mut is_seen = Vec::new();
    for round in 0..MAX_ROUNDS {
        let marked = find_marked(mark);
        if marked.is_empty() {
            break;
        }
        for pid in marked {
            // It fails when the process is gone by now.
            let _ = kill(pid, Signal::SIGKILL);
            if !is_seen.contains(&pid) {
                is_seen.push(pid);
                n_killed += 1;
            }
        }
        // A killed process keeps its environment until the system gets round to it.
        if round > 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
    n_killed
}

fn find_marked(mark: &Mark) -> Vec<Pid> {
    let mut environment = Vec::new();
    let Ok(entries) = fs::read_dir("/proc") else {
        // Not Linux, or no /proc: groups have to do.
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .map(Pid::from_raw)
        .filter(|pid| *pid != Pid::this())
        .filter(|pid| {
            // Processes of other users and those that have ended cannot be read: they are not ours to kill.
            read_environment(*pid, &mut environment).is_ok() && mark.is_in(&environment)
        })
        .collect()
}

fn read_environment(pid: Pid, into: &mut Vec<u8>) -> io::Result<()> {
    into.clear();
    fs::File::open(format!("/proc/{pid}/environ"))?.read_to_end(into)?;
    Ok(())
}
