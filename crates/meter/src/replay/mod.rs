//! A zoo of power sensors, energy counters and loads on a virtual clock, which judges the meter's estimator: thousands of
//! windows in a minute whose true energy is known, each from a seed. Nothing in here knows how the estimator works; what a
//! board does is written down as boards were seen to do it (arXiv 2312.02741), or as they might.
//!
//! [`load`] is the true power, [`sensor`] and [`counter`] are what a board publishes of it, [`driver`] what a call
//! answers, `poll` the sampler's cadence, [`scene`] one window with all of them. [`classes`] names the boards, [`table`]
//! counts how often the estimator is right, [`cases`] are
//! single scenes with a right answer, and [`adapter`] is the only file that calls it.

#![expect(
    clippy::large_types_passed_by_value,
    reason = "a board is copied once for a window of thousands of calls"
)]

#[cfg(test)]
mod accuracy_tests;
pub mod adapter;
pub mod any;
pub mod cases;
pub mod classes;
pub mod counter;
pub mod driver;
pub mod load;
mod poll;
pub(crate) mod random;
pub mod right;
pub mod scene;
mod scenes;
pub mod sensor;
#[cfg(test)]
mod sensor_tests;
#[cfg(test)]
mod square_tests;
pub mod table;
#[cfg(test)]
mod tests;
mod ticks;

pub use poll::Observation;
pub use random::Random;
pub use ticks::{Published, Ticks};
