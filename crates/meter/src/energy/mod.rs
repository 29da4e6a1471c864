//! From readings to joules: the integral of the power, the difference of the counter, and which one to believe.

mod counter;
mod headline;
mod integral;

pub use counter::{CounterEdge, EdgeMethod, History};
pub use headline::{Estimates, Headline, Method, choose};
pub use integral::Integral;

#[cfg(test)]
mod serving;
