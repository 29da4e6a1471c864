//! What a call to the driver may answer instead of a reading.

/// Why a single reading is missing. `Copy`, because it is made on the sampler thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The device or driver does not have this reading.
    NotSupported,
    /// The device fell off the bus; it may come back after a reset.
    GpuLost,
    /// The driver answered 0 mW, which is a hole in its data.
    ZeroPower,
    /// Any other answer, by its number in nvml.h.
    Driver(u32),
}

impl ReadError {
    /// What the call returned, by its number in nvml.h: 0 is a call that succeeded and said 0 mW.
    pub fn code(self) -> u32 {
        match self {
            Self::ZeroPower => 0,
            Self::NotSupported => 3,
            Self::GpuLost => 15,
            Self::Driver(code) => code,
        }
    }

    /// The error with that number.
    pub fn from_code(code: u32) -> Self {
        match code {
            0 => Self::ZeroPower,
            3 => Self::NotSupported,
            15 => Self::GpuLost,
            code => Self::Driver(code),
        }
    }
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotSupported => f.write_str("not supported"),
            Self::GpuLost => f.write_str("GPU is lost"),
            Self::ZeroPower => f.write_str("the driver answered 0 mW"),
            Self::Driver(code) => write!(f, "driver error {code}"),
        }
    }
}
