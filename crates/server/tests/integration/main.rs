//! The server through its front door: the real client, real repositories, real processes, both databases.

#![expect(
    clippy::disallowed_methods,
    reason = "the tests start servers, and make repositories with git"
)]

#[path = "../../../engine/tests/support/git_http.rs"]
mod git_http;
mod support;

mod access;
mod accounts;
mod cancel;
mod console;
mod crash;
mod delivery;
mod deploy;
mod dispatch;
mod logs;
mod open_api;
mod pipeline;
mod poll;
mod races;
mod remote_git;
mod reports;
mod retention;
mod schedule;
mod security;
mod system;
mod tokens;
mod trigger;
mod users;
mod webhook;
