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
    /// The kernel refused to read a file below /sys, by its errno.
    Os(i32),
    /// Such a file held no number, or one that says that there is none.
    NotANumber,
    /// The energy counter that the power is taken from has not moved.
    StandsStill,
}

/// Errors of the kernel are kept beside those of nvml.h, whose numbers are below 1000.
const FIRST_OS: u32 = 0x1_0000;
const NOT_A_NUMBER: u32 = 0x2_0000;
const STANDS_STILL: u32 = 0x2_0001;

impl ReadError {
    /// What a file below /sys answered in place of a number.
    pub fn of_file(error: &std::io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::ENODEV | libc::ENXIO) => Self::GpuLost,
            Some(libc::EOPNOTSUPP | libc::ENODATA | libc::ENOENT) => Self::NotSupported,
            Some(errno) => Self::Os(errno),
            None => Self::NotANumber,
        }
    }

    /// What the call returned, by its number in nvml.h: 0 is a call that succeeded and said 0 mW.
    pub fn code(self) -> u32 {
        match self {
            Self::ZeroPower => 0,
            Self::NotSupported => 3,
            Self::GpuLost => 15,
            Self::Driver(code) => code,
            Self::Os(errno) => FIRST_OS + errno.unsigned_abs().min(NOT_A_NUMBER - FIRST_OS - 1),
            Self::NotANumber => NOT_A_NUMBER,
            Self::StandsStill => STANDS_STILL,
        }
    }

    /// The error with that number.
    pub fn from_code(code: u32) -> Self {
        match code {
            0 => Self::ZeroPower,
            3 => Self::NotSupported,
            15 => Self::GpuLost,
            NOT_A_NUMBER => Self::NotANumber,
            STANDS_STILL => Self::StandsStill,
            FIRST_OS..NOT_A_NUMBER => Self::Os((code - FIRST_OS).cast_signed()),
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
            Self::Os(errno) => std::io::Error::from_raw_os_error(*errno).fmt(f),
            Self::NotANumber => f.write_str("the file holds no number"),
            Self::StandsStill => f.write_str("the energy counter does not move"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_comes_back_from_its_number() {
        for error in [
            ReadError::ZeroPower,
            ReadError::NotSupported,
            ReadError::GpuLost,
            ReadError::Driver(999),
            ReadError::Os(libc::EBUSY),
            ReadError::NotANumber,
            ReadError::StandsStill,
        ] {
            assert_eq!(ReadError::from_code(error.code()), error);
        }
        assert_eq!(
            ReadError::of_file(&std::io::Error::from_raw_os_error(libc::EIO)),
            ReadError::Os(libc::EIO)
        );
    }
}
