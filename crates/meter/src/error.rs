//! What can go wrong before measuring starts. While measuring, a failed read is data (a missing value), not an
//! error.

use thiserror::Error;

/// Why a sampler could not open or a list of devices could not be read.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the fields are the blanks of the message above them")]
pub enum MeterError {
    /// The driver's library is not on this machine.
    #[error("the NVIDIA management library could not be loaded: {cause}")]
    LibraryNotFound { cause: String },
    /// The library is here and refused to start.
    #[error("the NVIDIA management library did not start: {cause}")]
    InitFailed { cause: String },
    /// The driver has not answered.
    #[error("the GPU driver has not answered for {waited_s:.0} s ({what}{})", call.map(|call| format!(", {call} last")).unwrap_or_default())]
    Silent { what: &'static str, call: Option<&'static str>, waited_s: f64 },
    /// It crashed while it was asked.
    #[error("the GPU driver's library crashed in {call} ({signal})")]
    Crashed { call: &'static str, signal: &'static str },
    /// A question about the machine or a GPU that is there failed.
    #[error("{what} could not be read: {cause}")]
    Query { what: String, cause: String },
    /// No GPU has that UUID.
    #[error("no GPU has the UUID {uuid}; this machine has {present}")]
    DeviceNotFound { uuid: String, present: String },
    /// Neither power readings nor an energy counter.
    #[error("the GPU {uuid} answers neither power nor energy: {cause}")]
    NoPower { uuid: String, cause: String },
    /// An option outside its range.
    #[error("{0}")]
    InvalidOption(String),
    /// The operating system gave no thread.
    #[error("the sampler thread could not be started: {0}")]
    Thread(std::io::Error),
}

impl MeterError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::LibraryNotFound { .. } => "NVML_NOT_FOUND",
            Self::InitFailed { .. } => "NVML_INIT_FAILED",
            Self::Silent { .. } => "NVML_SILENT",
            Self::Crashed { .. } => "NVML_CRASHED",
            Self::Query { .. } => "NVML_QUERY_FAILED",
            Self::DeviceNotFound { .. } => "GPU_NOT_FOUND",
            Self::NoPower { .. } => "GPU_POWER_UNSUPPORTED",
            Self::InvalidOption(_) => "SAMPLER_OPTION_INVALID",
            Self::Thread(_) => "SAMPLER_THREAD_FAILED",
        }
    }
}
