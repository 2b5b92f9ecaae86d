//! The store's tests: one module per noun, and every test on both databases.

mod application;
mod claim;
mod concurrency;
mod corrupt;
mod delivery;
mod harness;
mod idempotency;
mod log;
mod migration;
mod poll;
mod report;
mod schedule;
mod schema;
mod seal;
mod session;
mod settle;
mod task;
mod token;
mod user;
