//! JEXL, as the filters of triggers have it.
#![no_main]

use flowcd_engine::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| fuzz::jexl(text));
