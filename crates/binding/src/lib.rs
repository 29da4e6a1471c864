//! The door between Node and the meter. Options and small results are converted here and nothing is decided:
//! what is sampled lives in `llem-meter`, what is measured in `src/`.
//!
//! Opening throws an error with a `code`, synchronously, because only synchronous functions of napi-rs carry
//! one. Ending a window always resolves. Live numbers are pulled as snapshots; nothing calls into JavaScript, so
//! no handle here keeps Node alive.

#![cfg_attr(test, allow(dead_code, reason = "napi exports nothing in a test build"))]
#![allow(clippy::needless_pass_by_value, reason = "napi hands arguments over by value")]

mod calibrate;
mod cpu;
mod evidence;
mod health;
mod lock;
mod machine;
mod patience;
mod recording;
mod report;
mod sampler;
mod watchdog;

/// An error whose first part is the stable code.
type CodedError = napi::Error<String>;

fn coded(error: &llem_meter::MeterError) -> CodedError {
    napi::Error::new(error.code().to_owned(), error.to_string())
}

/// Now, in nanoseconds of CLOCK_MONOTONIC: the clock of every window and sample.
#[napi_derive::napi]
pub fn monotonic_ns() -> f64 {
    llem_meter::clock::monotonic_ns() as f64
}
