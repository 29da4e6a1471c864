//! A stand-in for `libnvidia-ml.so.1` whose true power is known in closed form.
//!
//! ```text
//! scenario.json -> Scenario -> Device (what is true, and what a reading makes of it, at a time t)
//!                                 |
//! nvmlXxx(...) -> abi -> Simulation: handle -> Device, clock -> t, faults and the cost of the call -> answer
//! ```
//!
//! A program that opens this library instead of the driver's measures a signal whose energy anybody can
//! compute, so that its error is known. The scenario is the JSON file that `LLEM_NVML_SIM` names; without it
//! one GPU runs a built-in one.
#![allow(clippy::similar_names)] // from_ns, to_ns and t_ns are what these times are.

mod abi;
mod architecture;
mod clock;
mod device;
mod fault;
mod json;
mod noise;
mod pci;
mod scenario;
mod signal;
mod simulation;
mod throttle;

pub use architecture::Architecture;
pub use clock::monotonic_ns;
pub use device::Device;
pub use fault::{Call, Fault, Verdict};
pub use pci::PciAddress;
pub use scenario::{
    CounterSpec, DeviceSpec, LatencySpec, MemoryStretch, Process, Refusal, Scenario, SensorSpec, Xid,
};
pub use signal::{Segment, Shape, Signal};
pub use simulation::SCENARIO_VARIABLE;
pub use throttle::Throttle;
