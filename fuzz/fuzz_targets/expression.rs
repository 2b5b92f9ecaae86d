//! Pipeline expressions, as conditions.
#![no_main]

use flowcd_engine::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| fuzz::expression(text));
