//! The client against a stand-in for the server on the loopback, where the server's faults can be chosen.

mod calls;
mod delivery;
mod follow;
mod provider;
mod retries;
mod stand_in;
