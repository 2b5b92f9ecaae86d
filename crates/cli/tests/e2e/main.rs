//! The real commands against the real server: what a user types, from the log-in to the log of a deployment.

#![expect(
    clippy::disallowed_methods,
    reason = "the tests make repositories with git"
)]

mod app;
mod corpus;
mod delivery;
mod deploy;
mod document;
mod hook;
mod hook_script;
mod idempotency;
mod interrupt;
mod log;
mod login;
mod raw;
#[path = "../../../server/tests/integration/support/repo.rs"]
mod repo;
mod run;
mod support;
mod task;
mod token;
mod trigger;
