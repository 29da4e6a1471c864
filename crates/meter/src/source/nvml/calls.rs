//! The calls of the sampler one by one, each as the sampler makes it.

use std::sync::Arc;

use nvml_wrapper::Device;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper_sys::bindings::{
    nvmlClockType_enum_NVML_CLOCK_MEM, nvmlClockType_enum_NVML_CLOCK_SM, nvmlReturn_t,
};

use super::memory::memory_of;
use super::{MEMORY_TEMPERATURE, NvmlSource, check};
use crate::source::calls::{DriverCall, SingleCalls};
use crate::source::{ReadError, Source};

impl SingleCalls for NvmlSource {
    fn make(&mut self, device: usize, call: DriverCall) -> Result<(), ReadError> {
        match call {
            DriverCall::Power => self.power_mw(device).map(drop),
            DriverCall::EnergyCounter => self.counter_mj(device).map(drop),
            DriverCall::Temperature => answered(self.gpu(device).temperature(TemperatureSensor::Gpu)),
            DriverCall::Memory => {
                let nvml = Arc::clone(&self.nvml);
                answered(memory_of(&nvml, &self.gpu(device)))
            }
            DriverCall::Utilisation => answered(self.gpu(device).utilization_rates()),
            DriverCall::SmClock => answered(self.gpu(device).clock_info(Clock::SM)),
            DriverCall::MemoryClock => answered(self.gpu(device).clock_info(Clock::Memory)),
            DriverCall::MemoryTemperature => self.field(device, MEMORY_TEMPERATURE).map(drop),
            DriverCall::PerformanceState => answered(self.gpu(device).performance_state()),
            DriverCall::ThrottleReasons => self.throttle_reasons(device).map(drop),
            DriverCall::ThrottleTimes => match self.fields(device, self.throttle_fields)? {
                times if times.iter().all(Option::is_none) => Err(ReadError::NotSupported),
                _ => Ok(()),
            },
            DriverCall::Processes => self.processes(device).map(drop),
            DriverCall::PowerLimit => self.power_limit_mw(device).map(drop),
            DriverCall::SmClockLimit => {
                self.application_clock_mhz(device, nvmlClockType_enum_NVML_CLOCK_SM).map(drop)
            }
            DriverCall::MemoryClockLimit => {
                self.application_clock_mhz(device, nvmlClockType_enum_NVML_CLOCK_MEM).map(drop)
            }
        }
    }
}

impl NvmlSource {
    /// For one call through the safe wrapper.
    fn gpu(&mut self, device: usize) -> Device<'_> {
        self.calls += 1;
        // SAFETY: the handle came from this library, which `self.nvml` keeps initialised.
        unsafe { Device::new(self.gpus[device].handle, &self.nvml) }
    }
}

fn answered<T>(answer: Result<T, NvmlError>) -> Result<(), ReadError> {
    match answer {
        Ok(_) => Ok(()),
        // A library that does not have the function yet.
        Err(NvmlError::FailedToLoadSymbol(_)) => Err(ReadError::NotSupported),
        Err(error) => check(nvmlReturn_t::from(error)),
    }
}
