//! What goes wrong with a device, and when.

use std::time::Duration;

use nvml_wrapper_sys::bindings::{self as nvml, nvmlReturn_t};

use crate::call::{Call, Target};

/// The errors a scenario may name: `NVML_ERROR_*` in lower case.
pub const ERRORS: [(&str, nvmlReturn_t); 28] = [
    ("uninitialized", nvml::nvmlReturn_enum_NVML_ERROR_UNINITIALIZED),
    ("invalid_argument", nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT),
    ("not_supported", nvml::nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED),
    ("no_permission", nvml::nvmlReturn_enum_NVML_ERROR_NO_PERMISSION),
    ("not_found", nvml::nvmlReturn_enum_NVML_ERROR_NOT_FOUND),
    ("insufficient_size", nvml::nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE),
    ("insufficient_power", nvml::nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_POWER),
    ("driver_not_loaded", nvml::nvmlReturn_enum_NVML_ERROR_DRIVER_NOT_LOADED),
    ("timeout", nvml::nvmlReturn_enum_NVML_ERROR_TIMEOUT),
    ("irq_issue", nvml::nvmlReturn_enum_NVML_ERROR_IRQ_ISSUE),
    ("library_not_found", nvml::nvmlReturn_enum_NVML_ERROR_LIBRARY_NOT_FOUND),
    ("function_not_found", nvml::nvmlReturn_enum_NVML_ERROR_FUNCTION_NOT_FOUND),
    ("corrupted_inforom", nvml::nvmlReturn_enum_NVML_ERROR_CORRUPTED_INFOROM),
    ("gpu_is_lost", nvml::nvmlReturn_enum_NVML_ERROR_GPU_IS_LOST),
    ("reset_required", nvml::nvmlReturn_enum_NVML_ERROR_RESET_REQUIRED),
    ("operating_system", nvml::nvmlReturn_enum_NVML_ERROR_OPERATING_SYSTEM),
    ("lib_rm_version_mismatch", nvml::nvmlReturn_enum_NVML_ERROR_LIB_RM_VERSION_MISMATCH),
    ("in_use", nvml::nvmlReturn_enum_NVML_ERROR_IN_USE),
    ("memory", nvml::nvmlReturn_enum_NVML_ERROR_MEMORY),
    ("no_data", nvml::nvmlReturn_enum_NVML_ERROR_NO_DATA),
    ("insufficient_resources", nvml::nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_RESOURCES),
    ("freq_not_supported", nvml::nvmlReturn_enum_NVML_ERROR_FREQ_NOT_SUPPORTED),
    ("argument_version_mismatch", nvml::nvmlReturn_enum_NVML_ERROR_ARGUMENT_VERSION_MISMATCH),
    ("deprecated", nvml::nvmlReturn_enum_NVML_ERROR_DEPRECATED),
    ("not_ready", nvml::nvmlReturn_enum_NVML_ERROR_NOT_READY),
    ("gpu_not_found", nvml::nvmlReturn_enum_NVML_ERROR_GPU_NOT_FOUND),
    ("invalid_state", nvml::nvmlReturn_enum_NVML_ERROR_INVALID_STATE),
    ("unknown", nvml::nvmlReturn_enum_NVML_ERROR_UNKNOWN),
];

/// One entry of `faults`: it begins at `from_ns` and is over at `to_ns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Start in nanoseconds since t = 0.
    pub from_ns: i64,
    /// End in nanoseconds since t = 0.
    pub to_ns: i64,
    /// The calls it hits.
    pub target: Target,
    /// What they return; `None` lets them answer.
    pub error: Option<nvmlReturn_t>,
    /// How long they sleep first.
    pub stall: Duration,
    /// Whether they never return.
    pub hangs: bool,
    /// Whether the library crashes in them.
    pub crashes: bool,
}

/// What the faults of a device do to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdict {
    /// The error of the first fault in the list that has one.
    pub error: Option<nvmlReturn_t>,
    /// The longest stall.
    pub stall: Duration,
    /// Whether the call never returns.
    pub hangs: bool,
    /// Whether the library crashes in it.
    pub crashes: bool,
}

impl Verdict {
    /// Both at once: the first error, the longer stall.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            error: self.error.or(other.error),
            stall: self.stall.max(other.stall),
            hangs: self.hangs || other.hangs,
            crashes: self.crashes || other.crashes,
        }
    }
}

/// What `faults` do to a call that arrives at `t_ns`.
pub fn verdict(faults: &[Fault], call: Call, t_ns: i64) -> Verdict {
    let hits = |fault: &&Fault| (fault.from_ns..fault.to_ns).contains(&t_ns) && fault.target.hits(call);
    let of = |fault: &Fault| Verdict {
        error: fault.error,
        stall: fault.stall,
        hangs: fault.hangs,
        crashes: fault.crashes,
    };
    faults.iter().filter(hits).fold(Verdict::default(), |verdict, fault| verdict.and(of(fault)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{AVERAGE, ENERGY_FIELD, Group, INSTANT};

    #[test]
    fn the_first_error_and_the_longest_stall_win() {
        let fault = |target, error, stall_ms| Fault {
            from_ns: 10,
            to_ns: 20,
            target,
            error,
            stall: Duration::from_millis(stall_ms),
            hangs: false,
            crashes: false,
        };
        let power = Target::Group(Group::Power);
        let faults =
            [fault(power, None, 5), fault(Target::All, Some(15), 9), fault(Target::All, Some(999), 1)];
        let expected = Verdict { error: Some(15), stall: Duration::from_millis(9), ..Verdict::default() };
        assert_eq!(verdict(&faults, INSTANT, 10), expected);
        assert_eq!(verdict(&faults, ENERGY_FIELD, 19), expected);
        assert_eq!(verdict(&faults, INSTANT, 20), Verdict::default());
        assert_eq!(verdict(&faults[..1], ENERGY_FIELD, 10), Verdict::default());
        let instant = [fault(Target::named("instant").unwrap(), Some(3), 0)];
        assert_eq!(verdict(&instant, INSTANT, 10).error, Some(3));
        assert_eq!(verdict(&instant, AVERAGE, 10).error, None);
    }
}
