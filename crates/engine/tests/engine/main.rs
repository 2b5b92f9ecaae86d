//! The engine through its front door: real repositories, real processes, whole runs.

#![expect(
    clippy::disallowed_methods,
    reason = "tests make repositories and processes"
)]

mod checkout;
mod command_file;
mod docs;
mod env_file;
mod input;
mod local;
mod machine;
mod mirror_file;
mod options;
mod output;
mod plugin;
mod plugin_local;
mod plugin_native;
mod post;
mod process;
mod repository;
mod resolve;
mod retry;
mod runner;
mod secret;
mod set_up;
mod shell;
mod status;
mod strict;
mod time_limit;

#[path = "../support/git_http.rs"]
mod git_http;

#[path = "../support/http_server.rs"]
mod http_server;

#[path = "../support/npm_registry.rs"]
mod npm_registry;

#[path = "../support/smtp_server.rs"]
mod smtp_server;
