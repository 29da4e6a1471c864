//! The meter: what a GPU's power was, and how many joules a window of it held.
//!
//! # Terminology
//!
//! | word | meaning |
//! |---|---|
//! | *reading* | one value that the driver answered |
//! | *sample* | all readings of one device at one deadline, with the monotonic time of the power read |
//! | *update period* | the time between two changes of what the sensor (or the energy counter) publishes |
//! | *tick* | the moment of such a change |
//! | *window* | an interval `[start_ns, end_ns]` of `CLOCK_MONOTONIC` whose energy is asked for |
//! | *edge* | one end of a window |
//! | *integral* | joules by the trapezoid rule over power readings |
//! | *counter* | joules by the difference of the driver's energy counter |
//!
//! # Where a joule comes from
//!
//! [`source`] asks the driver, [`sampler`] does so on time and hands the samples to the recorder, which feeds
//! each open [`window`]; [`energy`] turns readings into joules, [`downsample`] into 1 Hz rows, and [`parquet`]
//! writes them; [`verify`] goes the way back, from the file to the joules. [`rapl`] reads the CPU's counters at the
//! edges of a window. [`calibrate`] finds out what is specific to one board and its driver. Nothing here knows
//! JavaScript, tokens or configuration files.

pub mod asking;
pub mod calibrate;
pub mod clock;
mod contain;
pub mod crash;
pub mod downsample;
pub mod energy;
pub mod error;
#[cfg(test)]
mod fuzz_tests;
pub mod parquet;
pub mod rapl;
pub mod read_error;
#[cfg(any(test, feature = "replay"))]
pub mod replay;
pub mod sample;
pub mod sampler;
pub mod segment;
pub mod sensor;
pub mod source;
pub mod tenancy;
pub mod verify;
pub mod window;

pub use error::MeterError;
pub use sampler::{Sampler, SamplerOptions};
