//! What `llem calibrate` finds out about one GPU: how long each driver call takes, when sensor and counter publish,
//! and over which time a power reading is the mean.

mod averaging_window;
mod latency;
mod load;
mod probe;
mod quantum;

pub use averaging_window::{AveragingWindow, PowerTick, fit_averaging_window};
pub use latency::{CallLatency, Durations};
pub use load::{Edge, OnTime};
pub use probe::{Listened, Probe};
