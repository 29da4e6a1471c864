//! What `llem calibrate` finds out about one GPU: how long each driver call takes, when sensor and counter publish,
//! over which time a power reading is the mean, what the counter counts, and how late both are.

mod averaging_window;
mod counter_cells;
mod counter_fit;
mod latency;
mod load;
mod load_fit;
mod probe;
mod quantum;

pub use averaging_window::{AveragingWindow, PowerTick, fit_averaging_window};
pub use counter_cells::CounterTick;
pub use counter_fit::{CounterFit, Watched, fit_counter};
pub use latency::{CallLatency, Durations};
pub use load::{Edge, OnTime};
pub use load_fit::Estimate;
pub use probe::{Listened, LoadFit, Probe};
