//! Runs a pipeline: a job goes in, events come out, and at the end there is an outcome.
