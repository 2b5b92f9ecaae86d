#!/bin/sh
# The compiler of `cargo xtask fuzz`: tells libFuzzer which branches are taken and what is compared, in the crates that
# read text and in no other. The flags are those that `cargo fuzz --sanitizer none` uses.
crate=
previous=
for argument in "$@"; do
    [ "$previous" = "--crate-name" ] && crate=$argument
    previous=$argument
done
case "$crate" in
flowcd_engine | flowcd_model | serde_saphyr | granit_parser | serde_json | yaml | expression | jexl | template | glob | hook)
    exec "$@" -Cpasses=sancov-module \
        -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
        -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares
    ;;
*) exec "$@" ;;
esac
