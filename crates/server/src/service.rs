//! The rules: who may do what, and what is taken.
//!
//! Services take a `Caller` and model types and know neither HTTP nor SQL. Whatever belongs to
//! somebody else looks as if it did not exist.

pub(crate) mod application;
pub(crate) mod credential;
pub(crate) mod delivery;
pub(crate) mod dispatch;
pub(crate) mod events;
pub(crate) mod idempotency;
pub(crate) mod pipeline;
pub(crate) mod poll;
pub(crate) mod provider;
pub(crate) mod report;
pub(crate) mod repository;
pub(crate) mod schedule;
pub(crate) mod secret;
pub(crate) mod task;
pub mod token;
pub(crate) mod trigger;
pub mod user;
pub(crate) mod webhook;
