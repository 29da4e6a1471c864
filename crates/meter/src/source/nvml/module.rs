//! The module that a GPU is a part of (GH200, GB200): CPU, GPU and memory together, by the same fields in another scope. Read
//! beside the GPU and never in its place: on such a board the two differ by hundreds of watts (Zeus pull requests 172, 242).

use std::sync::Arc;

use nvml_wrapper::Nvml;
use nvml_wrapper_sys::bindings::{nvmlDevice_t, nvmlFieldValue_t};

use super::answers::{check, field_value};
use super::{GetFieldValues, NOT_AVAILABLE, NvmlSource, POWER_INSTANT};
use crate::asking;
use crate::sample::{SlowSignals, ThrottleTimes};
use crate::sensor::Sensor;
use crate::source::{PowerDomain, ReadError, Source};
use crate::tenancy::{Limits, Processes};

/// `NVML_POWER_SCOPE_MODULE`.
const SCOPE_MODULE: u32 = 1;
/// `NVML_FI_DEV_ENERGY`, whose scope can be chosen.
const ENERGY: u32 = 191;

/// The modules of those GPUs that have one.
#[derive(Clone)]
pub struct ModuleSource {
    // Declared before `_nvml`, which keeps the library loaded: handles and the function point into it.
    modules: Vec<(nvmlDevice_t, Sensor)>,
    get: GetFieldValues,
    calls: u64,
    /// Keeps the library initialised.
    _nvml: Arc<Nvml>,
}

// SAFETY: as for `NvmlSource`.
unsafe impl Send for ModuleSource {}

impl ModuleSource {
    /// Of the GPUs of a source, with the positions of those that have a module; `None` where none has. Costs one call for each.
    pub fn of(gpus: &NvmlSource) -> Option<(Self, Vec<usize>)> {
        let get = gpus.get_field_values?;
        let modules = gpus.gpus.iter().map(|gpu| (gpu.handle, gpu.sensor)).collect();
        let mut all = Self { modules, get, calls: 0, _nvml: Arc::clone(&gpus.nvml) };
        let with: Vec<usize> =
            (0..all.modules.len()).filter(|position| all.power_mw(*position).is_ok()).collect();
        all.modules = with.iter().map(|position| all.modules[*position]).collect();
        (!with.is_empty()).then_some((all, with))
    }

    fn field(&mut self, device: usize, id: u32) -> Result<u64, ReadError> {
        asking::calls(c"nvmlDeviceGetFieldValues");
        self.calls += 1;
        // SAFETY: an all-zero nvmlFieldValue_t is valid.
        let mut value: nvmlFieldValue_t = unsafe { std::mem::zeroed() };
        value.fieldId = id;
        value.scopeId = SCOPE_MODULE;
        // SAFETY: the handle came from this library, which `self._nvml` keeps initialised, and one element is passed.
        check(unsafe { (self.get)(self.modules[device].0, 1, &raw mut value) })?;
        check(value.nvmlReturn)?;
        field_value(&value).ok_or(ReadError::NotSupported)
    }
}

impl Source for ModuleSource {
    fn device_count(&self) -> usize {
        self.modules.len()
    }

    fn power_domain(&self, _: usize) -> PowerDomain {
        PowerDomain::Instant
    }

    fn sensor(&self, device: usize) -> Sensor {
        self.modules[device].1
    }

    fn power_mw(&mut self, device: usize) -> Result<u32, ReadError> {
        match u32::try_from(self.field(device, POWER_INSTANT)?) {
            Ok(0) => Err(ReadError::ZeroPower),
            Ok(NOT_AVAILABLE) | Err(_) => Err(ReadError::NotSupported),
            Ok(power_mw) => Ok(power_mw),
        }
    }

    fn counter_mj(&mut self, device: usize) -> Result<u64, ReadError> {
        self.field(device, ENERGY)
    }

    fn slow_signals(&mut self, _: usize) -> SlowSignals {
        SlowSignals::default()
    }

    fn throttle_times(&mut self, _: usize) -> ThrottleTimes {
        ThrottleTimes::default()
    }

    fn processes(&mut self, _: usize) -> Result<Processes, ReadError> {
        Err(ReadError::NotSupported)
    }

    fn limits(&mut self, _: usize) -> Limits {
        Limits::default()
    }

    fn calls(&self) -> u64 {
        self.calls
    }

    fn apart(self) -> Vec<Box<dyn Source>> {
        let alone = |module| -> Box<dyn Source> { Box::new(Self { modules: vec![module], ..self.clone() }) };
        self.modules.iter().copied().map(alone).collect()
    }
}
