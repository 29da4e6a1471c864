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
mod call;
mod clock;
mod device;
mod fault;
mod json;
mod latency;
mod noise;
mod nvml_errors;
mod pci;
mod reading_sums;
mod scenario;
mod signal;
mod simulation;
mod throttle;
mod ticks;

pub use architecture::Architecture;
pub use call::{Call, Group, Target};
pub use clock::monotonic_ns;
pub use device::Device;
pub use fault::{Fault, Verdict};
pub use latency::{Latency, LatencySpec};
pub use pci::PciAddress;
pub use scenario::{
    AverageMode, AverageSpec, CounterMode, CounterSpec, DeviceSpec, DeviceState, Freeze, MemoryStretch,
    MigInstance, ModuleSpec, Process, Refusal, Scenario, SensorSpec, Stretch, Stuck, UtilizationSpec,
    ValueType, Xid,
};
pub use signal::{Mean, Segment, Shape, Signal};
pub use simulation::SCENARIO_VARIABLE;
pub use throttle::Throttle;
pub use ticks::Ticks;
