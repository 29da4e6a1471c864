//! From readings to joules: the integral of the power, the difference of the counter, which one to believe, and how
//! far it may be off.

mod counter;
mod headline;
mod integral;
mod pieces;
mod published;
mod rhythm;
mod sensor;
mod sharing;
mod steps;
mod trust;
mod uncertainty;

pub use counter::{CounterEdge, EdgeMethod, History, Periods};
pub use headline::{Estimates, Headline, Method, choose};
pub use integral::Integral;
pub use pieces::Pieces;
pub use rhythm::{Rhythm, SHARP_NS};
pub use sensor::Sensor;
pub use trust::{SelfTest, Verdict};
pub use uncertainty::{GAIN_PCT, Uncertainty, root_of_squares};

#[cfg(test)]
mod accuracy_tests;
#[cfg(test)]
pub(crate) mod serving;
