//! NVIDIA GPUs through NVML. Only this module names `nvml_wrapper`.
//!
//! Start-up and facts about a device go through the safe wrapper (`library.rs`, `machine.rs`). The readings of the hot path
//! go through the raw function table, because the wrapper's `field_values_for` allocates twice per call.

mod answers;
mod calls;
pub mod health;
mod library;
mod machine;
mod memory;
mod mig;
mod module;
mod power_samples;
mod processes;
mod reads;

pub use machine::{DeviceInfo, MachineInfo, UnreadableDevice, list_devices};
pub use mig::MigInstance;
pub use module::ModuleSource;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, FieldIdScheme, Nvml};
use nvml_wrapper_sys::bindings::{
    nvmlClockId_t, nvmlClockType_enum_NVML_CLOCK_MEM, nvmlClockType_enum_NVML_CLOCK_SM, nvmlClockType_t,
    nvmlDevice_t, nvmlFieldValue_t, nvmlReturn_t,
};

use answers::{check, is_refusal, performance_state};
use memory::memory_of;
use power_samples::{Newest, PowerSamples};
use processes::{ProcessList, Slot};

use super::{PowerDomain, ReadError, Source};
use crate::asking;
use crate::error::MeterError;
use crate::sample::{SlowSignals, ThrottleTimes};
use crate::sensor::Sensor;
use crate::tenancy::{Limits, MAX_PROCESSES, Processes};

type GetFieldValues = unsafe extern "C" fn(nvmlDevice_t, i32, *mut nvmlFieldValue_t) -> nvmlReturn_t;
type GetU64 = unsafe extern "C" fn(nvmlDevice_t, *mut u64) -> nvmlReturn_t;
type GetClock = unsafe extern "C" fn(nvmlDevice_t, nvmlClockType_t, nvmlClockId_t, *mut u32) -> nvmlReturn_t;
type GetU32 = unsafe extern "C" fn(nvmlDevice_t, *mut u32) -> nvmlReturn_t;

/// `NVML_FI_DEV_POWER_INSTANT`: instantaneous board power on every architecture.
const POWER_INSTANT: u32 = 186;
/// `NVML_FI_DEV_MEMORY_TEMP`: of the memory, where it has a sensor.
const MEMORY_TEMPERATURE: u32 = 82;
/// `NVML_FI_DEV_POWER_AVERAGE`: mean board power over the last second.
const POWER_AVERAGE: u32 = 185;
/// `NVML_VALUE_NOT_AVAILABLE` in 32 bits: a call that succeeds and has no value; in 64 bits it is `u64::MAX`.
const NOT_AVAILABLE: u32 = u32::MAX;
/// Fields of the cumulative throttle times: power cap, software thermal, hardware thermal, power brake.
const THROTTLE_FIELDS: [u32; 4] = [74, 269, 270, 271];
/// The same before driver 580.82, which renumbered three of them (NVML's list of known issues).
const THROTTLE_FIELDS_BEFORE_580_82: [u32; 4] = [74, 251, 252, 253];

/// A power reading of 0 or an error beside another call that answers is tried so often again when a device is opened:
/// what fails for half a second is taken to fail for ever.
const OPENING_TRIES: usize = 50;
const OPENING_PAUSE: Duration = Duration::from_millis(10);

#[derive(Clone, Copy)]
struct Gpu {
    handle: nvmlDevice_t,
    power: PowerDomain,
    /// Of its instantaneous reading.
    sensor: Sensor,
    /// Whether it answers this at all.
    has_memory_temperature: bool,
    has_average_power: bool,
    has_performance_state: bool,
    /// Of its buffer of readings, where these are its power.
    newest: Newest,
}

/// NVML readings of a chosen set of GPUs.
#[derive(Clone)]
pub struct NvmlSource {
    // Declared before `nvml`, which keeps the library loaded: handles and functions point into it.
    gpus: Vec<Gpu>,
    get_field_values: Option<GetFieldValues>,
    get_power: Option<GetU32>,
    power_samples: PowerSamples,
    get_energy: Option<GetU64>,
    get_throttle_reasons: Option<GetU64>,
    processes: ProcessList,
    get_power_limit: Option<GetU32>,
    get_clock: Option<GetClock>,
    throttle_fields: [u32; 4],
    calls: u64,
    nvml: Arc<Nvml>,
}

// SAFETY: the raw device handles are opaque tokens that NVML accepts from any thread (nvml.h: "NVML is
// thread-safe"); the functions live as long as `nvml`, which this struct owns a share of.
unsafe impl Send for NvmlSource {}

impl NvmlSource {
    /// Loads the library (`None`: where the driver installs it) and finds the GPUs by UUID.
    pub fn open(library_path: Option<&str>, uuids: &[String]) -> Result<Self, MeterError> {
        let nvml = library::load(library_path)?;
        let lib = nvml.lib();
        asking::calls(c"nvmlSystemGetDriverVersion");
        let throttle_fields = match nvml.field_id_scheme() {
            FieldIdScheme::V12 => THROTTLE_FIELDS_BEFORE_580_82,
            FieldIdScheme::V13Update1 => THROTTLE_FIELDS,
        };
        let mut source = Self {
            gpus: Vec::with_capacity(uuids.len()),
            get_field_values: lib.nvmlDeviceGetFieldValues.as_ref().ok().copied(),
            get_power: lib.nvmlDeviceGetPowerUsage.as_ref().ok().copied(),
            power_samples: PowerSamples::of(&nvml),
            get_energy: lib.nvmlDeviceGetTotalEnergyConsumption.as_ref().ok().copied(),
            get_throttle_reasons: lib
                .nvmlDeviceGetCurrentClocksEventReasons
                .as_ref()
                .or(lib.nvmlDeviceGetCurrentClocksThrottleReasons.as_ref())
                .ok()
                .copied(),
            processes: ProcessList::of(&nvml),
            get_power_limit: lib.nvmlDeviceGetEnforcedPowerLimit.as_ref().ok().copied(),
            get_clock: lib.nvmlDeviceGetClock.as_ref().ok().copied(),
            throttle_fields,
            calls: 0,
            nvml: Arc::clone(&nvml),
        };
        for uuid in uuids {
            let device = machine::find(&nvml, uuid)?;
            source.add(&device, uuid)?;
        }
        Ok(source)
    }

    /// Tries what the device answers, so that an unsupported call is not repeated a hundred times a second.
    fn add(&mut self, device: &Device<'_>, uuid: &str) -> Result<(), MeterError> {
        // SAFETY: only passed back to NVML, while `self.nvml` keeps the library initialised.
        let handle = unsafe { device.handle() };
        let sensor = machine::usual_sensor(device);
        self.gpus.push(Gpu {
            handle,
            power: PowerDomain::Instant,
            sensor,
            has_memory_temperature: true,
            has_average_power: false,
            newest: Newest::default(),
            has_performance_state: !matches!(device.performance_state(), Err(NvmlError::NotSupported)),
        });
        let position = self.gpus.len() - 1;
        self.gpus[position].has_memory_temperature =
            self.field(position, MEMORY_TEMPERATURE) != Err(ReadError::NotSupported);
        let Err(cause) = self.power_mw(position) else {
            // Beside the instantaneous power only: the other reading may be the mean itself.
            self.gpus[position].has_average_power = self.field(position, POWER_AVERAGE).is_ok();
            return Ok(());
        };
        // "Not for you" changes the domain. Anything else may pass; only if it does not, and the other call answers.
        if is_refusal(cause) || (self.answers_otherwise(position) && self.still_fails(position)) {
            let averaged = machine::power_usage_is_averaged(device);
            let usage = if averaged { PowerDomain::PowerUsageAveraged } else { PowerDomain::PowerUsage };
            self.gpus[position].power = usage;
            if self.power_mw(position).is_err_and(is_refusal) {
                self.gpus[position].power = self
                    .last_resort(position)
                    .ok_or_else(|| MeterError::NoPower { uuid: uuid.to_owned(), cause: cause.to_string() })?;
            }
        }
        Ok(())
    }

    /// What is left of a device that answers neither of the two readings.
    fn last_resort(&mut self, device: usize) -> Option<PowerDomain> {
        if self.field(device, POWER_AVERAGE).is_ok_and(|power_mw| power_mw > 0) {
            return Some(PowerDomain::AverageField);
        }
        if self.newest_sample_mw(device).is_ok_and(|power_mw| power_mw > 0) {
            return Some(PowerDomain::SamplesBuffer);
        }
        let counts = self.counter_mj(device).map_or_else(|error| !is_refusal(error), |_| true);
        counts.then_some(PowerDomain::CounterAlone)
    }

    fn newest_sample_mw(&mut self, device: usize) -> Result<u32, ReadError> {
        let Gpu { handle, newest, .. } = &mut self.gpus[device];
        self.power_samples.power_mw(*handle, newest, &mut self.calls)
    }

    /// Whether `nvmlDeviceGetPowerUsage` has a value.
    fn answers_otherwise(&mut self, device: usize) -> bool {
        self.power_usage_mw(device).is_ok_and(|power_mw| power_mw > 0)
    }

    /// Whether the power fails at every try.
    fn still_fails(&mut self, device: usize) -> bool {
        (0..OPENING_TRIES).all(|_| {
            thread::sleep(OPENING_PAUSE);
            self.power_mw(device).is_err()
        })
    }
}

impl Source for NvmlSource {
    fn device_count(&self) -> usize {
        self.gpus.len()
    }

    fn power_domain(&self, device: usize) -> PowerDomain {
        self.gpus[device].power
    }

    fn sensor(&self, device: usize) -> Sensor {
        match self.gpus[device].power {
            PowerDomain::PowerUsageAveraged | PowerDomain::AverageField => Sensor::AVERAGED,
            PowerDomain::Instant
            | PowerDomain::PowerUsage
            | PowerDomain::SamplesBuffer
            | PowerDomain::CounterAlone
            | PowerDomain::Sysfs(_) => self.gpus[device].sensor,
        }
    }

    fn power_mw(&mut self, device: usize) -> Result<u32, ReadError> {
        let power_mw = match self.gpus[device].power {
            PowerDomain::Instant => self.field(device, POWER_INSTANT)?,
            PowerDomain::PowerUsage | PowerDomain::PowerUsageAveraged => self.power_usage_mw(device)?,
            PowerDomain::AverageField => self.field(device, POWER_AVERAGE)?,
            PowerDomain::SamplesBuffer => self.newest_sample_mw(device)?,
            PowerDomain::CounterAlone | PowerDomain::Sysfs(_) => return Err(ReadError::NotSupported),
        };
        match power_mw {
            0 => Err(ReadError::ZeroPower),
            NOT_AVAILABLE => Err(ReadError::NotSupported),
            power_mw => Ok(power_mw),
        }
    }

    fn counter_mj(&mut self, device: usize) -> Result<u64, ReadError> {
        let get = self.get_energy.ok_or(ReadError::NotSupported)?;
        asking::calls(c"nvmlDeviceGetTotalEnergyConsumption");
        self.calls += 1;
        let mut energy_mj = 0;
        // SAFETY: the handle came from this library and the pointer is to a live u64.
        check(unsafe { get(self.gpus[device].handle, &raw mut energy_mj) })?;
        if energy_mj == u64::MAX { Err(ReadError::NotSupported) } else { Ok(energy_mj) }
    }

    fn slow_signals(&mut self, device: usize) -> SlowSignals {
        let Gpu { handle, has_memory_temperature, has_average_power, has_performance_state, .. } =
            self.gpus[device];
        let is_asked = has_memory_temperature || has_average_power;
        // Both in one call.
        let fields =
            is_asked.then(|| self.fields(device, [MEMORY_TEMPERATURE, POWER_AVERAGE]).ok()).flatten();
        let [memory_temperature, average] =
            fields.unwrap_or_default().map(|value| value.and_then(|value| u32::try_from(value).ok()));
        let throttle_reasons = self.throttle_reasons(device).ok();
        // SAFETY: the handle came from this library, which `self.nvml` keeps initialised.
        let gpu = unsafe { Device::new(handle, &self.nvml) };
        let memory = memory_of(&self.nvml, &gpu).ok();
        asking::calls(c"nvmlDeviceGetTemperature");
        let temperature_c = gpu.temperature(TemperatureSensor::Gpu).ok();
        asking::calls(c"nvmlDeviceGetUtilizationRates");
        let sm_utilisation_pct = gpu.utilization_rates().ok().map(|rates| rates.gpu);
        asking::calls(c"nvmlDeviceGetClockInfo");
        self.calls += 5 + u64::from(has_performance_state);
        SlowSignals {
            temperature_c,
            memory_used_bytes: memory.as_ref().map(|memory| memory.used),
            memory_total_bytes: memory.as_ref().map(|memory| memory.total),
            sm_utilisation_pct,
            throttle_reasons,
            sm_clock_mhz: gpu.clock_info(Clock::SM).ok(),
            memory_clock_mhz: gpu.clock_info(Clock::Memory).ok(),
            memory_temperature_c: memory_temperature.filter(|_| has_memory_temperature),
            average_power_mw: average.filter(|average_mw| has_average_power && *average_mw > 0),
            performance_state: has_performance_state.then(|| performance_state(&gpu)).flatten(),
        }
    }

    fn throttle_times(&mut self, device: usize) -> ThrottleTimes {
        let [power_cap_ns, sw_thermal_ns, hw_thermal_ns, power_brake_ns] =
            self.fields(device, self.throttle_fields).unwrap_or_default();
        ThrottleTimes { power_cap_ns, sw_thermal_ns, hw_thermal_ns, power_brake_ns }
    }

    fn processes(&mut self, device: usize) -> Result<Processes, ReadError> {
        asking::calls(c"nvmlDeviceGetComputeRunningProcesses");
        self.calls += 1;
        let mut slots = [Slot::default(); MAX_PROCESSES];
        let count = self.processes.read(self.gpus[device].handle, &mut slots)?;
        let mut found = Processes { count, is_whole: true, ..Processes::default() };
        if count <= MAX_PROCESSES {
            for (place, entry) in self.processes.entries(&slots, count).enumerate() {
                (found.pids[place], found.instances[place]) = (entry.pid, entry.instance);
            }
        }
        Ok(found)
    }

    fn limits(&mut self, device: usize) -> Limits {
        Limits {
            power_mw: self.power_limit_mw(device).ok(),
            sm_clock_mhz: self.application_clock_mhz(device, nvmlClockType_enum_NVML_CLOCK_SM).ok(),
            memory_clock_mhz: self.application_clock_mhz(device, nvmlClockType_enum_NVML_CLOCK_MEM).ok(),
        }
    }

    fn calls(&self) -> u64 {
        self.calls
    }

    fn apart(self) -> Vec<Box<dyn Source>> {
        let alone = |gpu: &Gpu| -> Box<dyn Source> { Box::new(Self { gpus: vec![*gpu], ..self.clone() }) };
        self.gpus.iter().map(alone).collect()
    }
}
