//! Globs and names: a pattern in the first line, a name in all others.
#![no_main]

use flowcd_engine::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| fuzz::glob(text));
