//! The flowcd API as data.
//!
//! Everything that goes over the wire, and nothing else: no HTTP, no database, no behaviour beyond parsing,
//! printing and questions like "is this status final".
//! The server, the client and the command line all speak these types, and the OpenAPI document is generated
//! from them.

pub mod application;
pub mod delivery;
pub mod dispatch;
pub mod envelope;
pub mod event;
pub mod id;
pub mod log;
pub mod page;
pub mod pipeline;
pub mod provider;
pub mod repository;
pub mod secret;
pub mod step;
pub mod system;
pub mod task;
pub mod time;
pub mod token;
pub mod trigger;
pub mod user;
