//! The client against a stand-in for the server on the loopback, where the server's faults can be chosen.

mod calls;
mod follow;
mod retries;
mod stand_in;
