//! The engine through its front door: real repositories, real processes, whole runs.

#![expect(
    clippy::disallowed_methods,
    reason = "tests make repositories and processes"
)]

mod checkout;
mod local;
mod mirror_file;
mod output;
mod plugin;
mod plugin_local;
mod process;
mod repository;
mod resolve;
mod runner;
mod secret;
mod set_up;
mod status;

#[path = "../support/git_http.rs"]
mod git_http;

#[path = "../support/http_server.rs"]
mod http_server;

#[path = "../support/npm_registry.rs"]
mod npm_registry;
