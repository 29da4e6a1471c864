//! The sampler's driver calls one by one, for whoever wants to know what each costs.

use super::{ReadError, Source};

/// A call that the sampler makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverCall {
    /// The power reading.
    Power,
    /// The energy counter.
    EnergyCounter,
    /// Temperature of the GPU.
    Temperature,
    /// Used and all memory.
    Memory,
    /// Share of the time in which the SMs worked.
    Utilisation,
    /// Clock of the SMs.
    SmClock,
    /// Clock of the memory.
    MemoryClock,
    /// Temperature of the memory.
    MemoryTemperature,
    /// P0 to P15.
    PerformanceState,
    /// Why the clocks are lower than they could be.
    ThrottleReasons,
    /// How long they were, by cause.
    ThrottleTimes,
    /// Who computes.
    Processes,
    /// The power limit.
    PowerLimit,
    /// The clock that was asked of the SMs.
    SmClockLimit,
    /// The clock that was asked of the memory.
    MemoryClockLimit,
}

/// When the sampler makes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// At every deadline: the hot loop.
    Hot,
    /// Every few milliseconds around the edges of a window, and twice a second within it.
    Edges,
    /// At the interval of the slow signals.
    Slow,
    /// Every few seconds, when nothing else is urgent, or once at each edge.
    Rare,
}

impl Lane {
    /// Its name in calibrations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Edges => "edges",
            Self::Slow => "slow",
            Self::Rare => "rare",
        }
    }
}

impl DriverCall {
    /// All of them, the ones that are made most often first.
    pub const ALL: [Self; 15] = [
        Self::Power,
        Self::EnergyCounter,
        Self::Temperature,
        Self::Memory,
        Self::Utilisation,
        Self::SmClock,
        Self::MemoryClock,
        Self::MemoryTemperature,
        Self::PerformanceState,
        Self::ThrottleReasons,
        Self::ThrottleTimes,
        Self::Processes,
        Self::PowerLimit,
        Self::SmClockLimit,
        Self::MemoryClockLimit,
    ];

    /// Its name in calibrations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Power => "power",
            Self::EnergyCounter => "energy counter",
            Self::Temperature => "temperature",
            Self::Memory => "memory",
            Self::Utilisation => "utilisation",
            Self::SmClock => "SM clock",
            Self::MemoryClock => "memory clock",
            Self::MemoryTemperature => "memory temperature",
            Self::PerformanceState => "performance state",
            Self::ThrottleReasons => "throttle reasons",
            Self::ThrottleTimes => "throttle times",
            Self::Processes => "processes",
            Self::PowerLimit => "power limit",
            Self::SmClockLimit => "SM clock limit",
            Self::MemoryClockLimit => "memory clock limit",
        }
    }

    /// When the sampler makes it.
    pub fn lane(self) -> Lane {
        match self {
            Self::Power => Lane::Hot,
            Self::EnergyCounter => Lane::Edges,
            Self::Temperature
            | Self::Memory
            | Self::Utilisation
            | Self::SmClock
            | Self::MemoryClock
            | Self::MemoryTemperature
            | Self::PerformanceState
            | Self::ThrottleReasons => Lane::Slow,
            Self::ThrottleTimes
            | Self::Processes
            | Self::PowerLimit
            | Self::SmClockLimit
            | Self::MemoryClockLimit => Lane::Rare,
        }
    }
}

/// A source whose calls can be made one by one.
pub trait SingleCalls: Source {
    /// Makes a call and forgets what it answers.
    fn make(&mut self, device: usize, call: DriverCall) -> Result<(), ReadError>;
}
