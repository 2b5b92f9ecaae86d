//! Pipeline files: reading, linting, and the inputs they declare.
#![no_main]

use flowcd_engine::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| fuzz::pipeline_file(text));
