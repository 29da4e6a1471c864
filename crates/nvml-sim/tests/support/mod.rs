//! Opens the built library the way a client does, each test its own copy with its own scenario.
#![allow(dead_code)] // Each test binary uses a part of this.

use std::ffi::{c_int, c_uint};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use nvml_sim::SCENARIO_VARIABLE;
use nvml_wrapper_sys::bindings::{NvmlLib, nvmlDevice_t, nvmlFieldValue_t, nvmlReturn_t};

pub const SUCCESS: nvmlReturn_t = 0;
pub const UNINITIALIZED: nvmlReturn_t = 1;
pub const INVALID_ARGUMENT: nvmlReturn_t = 2;
pub const NOT_SUPPORTED: nvmlReturn_t = 3;
pub const NO_PERMISSION: nvmlReturn_t = 4;
pub const NOT_FOUND: nvmlReturn_t = 6;
pub const INSUFFICIENT_SIZE: nvmlReturn_t = 7;
pub const DRIVER_NOT_LOADED: nvmlReturn_t = 9;
pub const TIMEOUT: nvmlReturn_t = 10;
pub const FUNCTION_NOT_FOUND: nvmlReturn_t = 13;
pub const GPU_IS_LOST: nvmlReturn_t = 15;
pub const ARGUMENT_VERSION_MISMATCH: nvmlReturn_t = 25;
pub const UNKNOWN: nvmlReturn_t = 999;

/// The library that cargo built for this test: beside the test binary, or one folder up.
pub fn built_library() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let deps = test.parent().unwrap();
    let found =
        deps.ancestors().take(2).map(|folder| folder.join("libnvml_sim.so")).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("no libnvml_sim.so near {}", deps.display()))
}

/// An empty folder of the test's own.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes `scenario` into `folder`.
pub fn write_scenario(folder: &Path, scenario: &str) -> PathBuf {
    let path = folder.join("scenario.json");
    std::fs::write(&path, scenario).unwrap();
    path
}

/// A scenario with one device that began `age_s` seconds ago and has `keys`; calls cost nothing unless it says so.
pub fn one_device(age_s: f64, keys: &str) -> String {
    #[allow(clippy::cast_possible_truncation)]
    let epoch_ns = nvml_sim::monotonic_ns() - (age_s * 1e9) as i64;
    let free = r#""call_latency_us":{"power":0,"fields":0,"energy":0,"other":0}"#;
    let free = if keys.contains("call_latency_us") { String::new() } else { format!("{free},") };
    format!(r#"{{"epoch_monotonic_ns":{epoch_ns},"devices":[{{{free}{keys}}}]}}"#)
}

/// As [`one_device`], of format 2, with keys at the top of the file too.
pub fn one_device_2(age_s: f64, top: &str, keys: &str) -> String {
    let top = if top.is_empty() { String::new() } else { format!("{top},") };
    one_device(age_s, keys).replacen('{', &format!(r#"{{"version":2,{top}"#), 1)
}

/// What a call returned, and how long it took.
pub fn timed<T>(call: impl FnOnce() -> T) -> (T, std::time::Duration) {
    let start = std::time::Instant::now();
    let value = call();
    (value, start.elapsed())
}

/// A copy of the library, loaded.
pub struct Nvml {
    pub lib: NvmlLib,
    scenario: PathBuf,
}

impl Nvml {
    /// Loads a copy of its own: the loader shares what is one file, and a test wants state of its own.
    pub fn load(name: &str, scenario: &str) -> Self {
        let folder = folder(name);
        let path = folder.join("libnvml_sim_copy.so");
        std::fs::copy(built_library(), &path).unwrap();
        // SAFETY: the library has no constructors.
        let lib = unsafe { NvmlLib::new(&path) }.unwrap();
        Self { lib, scenario: write_scenario(&folder, scenario) }
    }

    /// Loads and initialises.
    pub fn open(name: &str, scenario: &str) -> Self {
        let nvml = Self::load(name, scenario);
        assert_eq!(nvml.init(), SUCCESS);
        nvml
    }

    /// `nvmlInit_v2` with this copy's scenario.
    pub fn init(&self) -> nvmlReturn_t {
        static ENVIRONMENT: Mutex<()> = Mutex::new(());
        let _alone = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the lock is held while the variable is set and while the library reads it.
        unsafe {
            std::env::set_var(SCENARIO_VARIABLE, &self.scenario);
            self.lib.nvmlInit_v2()
        }
    }

    /// The first device.
    pub fn device(&self) -> nvmlDevice_t {
        let mut device = std::ptr::null_mut();
        // SAFETY: the pointer is valid.
        assert_eq!(unsafe { self.lib.nvmlDeviceGetHandleByIndex_v2(0, &raw mut device) }, SUCCESS);
        device
    }

    /// `nvmlDeviceGetPowerUsage` in milliwatts.
    pub fn power_mw(&self) -> Result<u32, nvmlReturn_t> {
        let mut mw = 0;
        // SAFETY: the pointer is valid.
        answer(unsafe { self.lib.nvmlDeviceGetPowerUsage(self.device(), &raw mut mw) }, mw)
    }

    /// The energy counter in millijoules.
    pub fn energy_mj(&self) -> Result<u64, nvmlReturn_t> {
        let mut mj = 0;
        // SAFETY: the pointer is valid.
        answer(unsafe { self.lib.nvmlDeviceGetTotalEnergyConsumption(self.device(), &raw mut mj) }, mj)
    }

    /// Several fields, given as id and scope.
    pub fn fields(&self, ids: &[(c_uint, c_uint)]) -> Result<Vec<nvmlFieldValue_t>, nvmlReturn_t> {
        let mut values: Vec<nvmlFieldValue_t> =
            ids.iter().map(|(id, scope)| blank_field(*id, *scope)).collect();
        let count = c_int::try_from(ids.len()).unwrap();
        // SAFETY: the array holds `count` structs.
        answer(
            unsafe { self.lib.nvmlDeviceGetFieldValues(self.device(), count, values.as_mut_ptr()) },
            values,
        )
    }

    /// One field of the GPU scope: its value as 64 bits, or its own error.
    pub fn field(&self, id: c_uint) -> Result<u64, nvmlReturn_t> {
        let value = self.fields(&[(id, 0)])?[0];
        // SAFETY: every byte of the union was written.
        answer(value.nvmlReturn, unsafe { value.value.ullVal })
    }
}

/// A field whose value is full of what a client left there.
pub fn blank_field(id: c_uint, scope: c_uint) -> nvmlFieldValue_t {
    // SAFETY: integers and a union of numbers: every bit pattern is a value.
    let mut field: nvmlFieldValue_t = unsafe { std::mem::zeroed() };
    (field.fieldId, field.scopeId, field.value.ullVal) = (id, scope, u64::MAX);
    field
}

pub fn answer<T>(code: nvmlReturn_t, value: T) -> Result<T, nvmlReturn_t> {
    if code == SUCCESS { Ok(value) } else { Err(code) }
}
