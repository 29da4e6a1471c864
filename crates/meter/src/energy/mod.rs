//! From readings to joules: the curve of the counter at the edges of a window, the integral of the power beside it, what
//! is believed of both and why, and how far the number that is quoted may be off.

mod belief;
mod board_gain;
mod budget;
mod calibrated;
mod comb;
mod compare;
pub mod constants;
mod continuous;
mod edge;
mod edge_stories;
mod evenness;
pub use evenness::Behind;
mod finding;
mod headline;
mod history;
mod integral;
mod linear;
mod pieces;
mod readings_around;
mod rhythm;
mod second_mean;
mod steps;
mod stories;
mod sums;
mod surroundings;
mod witness;

pub use crate::sensor::Sensor;
pub use belief::{Belief, GainRatio, Kind, Ways};
pub use budget::{Budget, Component, Evaluation, root_of_squares};
pub use calibrated::{BoardGain, Calibrated, Delay};
pub use continuous::{Break, Bridge};
pub use edge::{Carried, Edge, Side};
pub use finding::Finding;
pub use headline::{Evidence, Headline, Method, Readings, SecondMean};
pub use history::History;
pub use integral::Integral;
pub use pieces::Pieces;
pub use rhythm::{Rhythm, SHARP_NS};
pub use second_mean::Beyond;
pub use witness::Witness;

/// The estimator's name: results of another one are not compared with it.
pub const ESTIMATOR: &str = "llem-curve-4";
