//! Process groups: a shell and everything that it starts, unless that goes out of its way.

use std::time::Duration;

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::process::Child;

/// The group of a child that was started with a group of its own. Whoever drops it kills what is left.
#[derive(Debug)]
pub(crate) struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    /// The group of `child`, which leads it.
    pub(crate) fn of(child: &Child) -> Self {
        let leader = child.id().and_then(|id| i32::try_from(id).ok());
        Self(leader.map(Pid::from_raw))
    }

    /// Asks every process of the group to end.
    pub(crate) fn terminate(&self) {
        self.send(Signal::SIGTERM);
    }

    /// Ends every process of the group.
    ///
    /// The number of a group is not given to another process while anything of the group is there. When nothing is,
    /// the number is free, and the system would have to go through all the others before it comes up again; so this
    /// is called as soon as the leader was waited for, not later.
    pub(crate) fn kill(&self) {
        self.send(Signal::SIGKILL);
    }

    /// Ends the group of `child`: asks it to, and kills what is left of it after `grace_period`.
    pub(crate) async fn end(&self, mut child: Child, grace_period: Duration) {
        self.terminate();
        // Whether it ended in time or not: what is left of the group is killed, and `kill_on_drop` reaps the child.
        let _ = tokio::time::timeout(grace_period, child.wait()).await;
        self.kill();
    }

    /// Whether there is any process in the group, also one that has ended and was not waited for.
    pub(crate) fn exists(&self) -> bool {
        self.0.is_some_and(|group| killpg(group, None).is_ok())
    }

    fn send(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // It fails when the group is gone, which is what we want.
            let _ = killpg(group, signal);
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.kill();
    }
}
