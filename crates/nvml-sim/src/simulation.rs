//! The one simulation of a process: which scenario runs, when it began, who has it open.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlReturn_enum_NVML_ERROR_UNINITIALIZED as UNINITIALIZED,
    nvmlReturn_enum_NVML_ERROR_UNKNOWN as UNKNOWN, nvmlReturn_t,
};

use crate::clock::monotonic_ns;
use crate::device::Device;
use crate::scenario::Scenario;

/// The environment variable that names the scenario file.
pub const SCENARIO_VARIABLE: &str = "LLEM_NVML_SIM";

/// A scenario that runs.
pub struct Simulation {
    /// What the scenario says about the system; its devices have moved to `devices`.
    pub scenario: Scenario,
    /// The GPUs; a handle is the address of one of them.
    pub devices: Box<[Device]>,
    epoch_ns: i64,
    text: Option<String>,
}

impl Simulation {
    /// Nanoseconds since t = 0.
    pub fn now_ns(&self) -> i64 {
        monotonic_ns().saturating_sub(self.epoch_ns)
    }

    /// The moment `t_ns` on `CLOCK_MONOTONIC`, in nanoseconds.
    pub fn monotonic_ns(&self, t_ns: i64) -> i64 {
        self.epoch_ns.saturating_add(t_ns)
    }

    /// The handle of a device.
    pub fn handle(device: &'static Device) -> nvmlDevice_t {
        ptr::from_ref(device).cast_mut().cast()
    }

    /// The device of a handle, or `None` for an address that never was one of this simulation's handles.
    pub fn device(&self, handle: nvmlDevice_t) -> Option<&Device> {
        let offset = handle.addr().checked_sub(self.devices.as_ptr().addr())?;
        if offset % size_of::<Device>() != 0 {
            return None;
        }
        self.devices.get(offset / size_of::<Device>())
    }
}

/// What is open. Readers only ever look at `CURRENT`, so that a reading takes no lock.
static CURRENT: AtomicPtr<Simulation> = AtomicPtr::new(ptr::null_mut());
static LIFE: Mutex<Life> = Mutex::new(Life { users: 0, last: None });

struct Life {
    users: u32,
    /// Never freed: a client may hold a handle beyond `nvmlShutdown`, and there are as many of these as there
    /// are different scenarios in the life of a process.
    last: Option<&'static Simulation>,
}

/// The open simulation, or `UNINITIALIZED`.
pub fn current() -> Result<&'static Simulation, nvmlReturn_t> {
    // SAFETY: null, or a leaked and hence immortal simulation that nobody writes to after `open` published
    // it.
    unsafe { CURRENT.load(Ordering::Acquire).as_ref() }.ok_or(UNINITIALIZED)
}

/// `nvmlInit`: counts one more user, and for the first one reads the scenario.
pub fn open() -> Result<(), nvmlReturn_t> {
    let mut life = LIFE.lock().unwrap_or_else(PoisonError::into_inner);
    if life.users == 0 {
        let simulation = match start(life.last) {
            Ok(simulation) => simulation,
            Err(message) => {
                eprintln!("nvml-sim: {message}");
                return Err(UNKNOWN);
            }
        };
        life.last = Some(simulation);
        CURRENT.store(ptr::from_ref(simulation).cast_mut(), Ordering::Release);
    }
    life.users += 1;
    Ok(())
}

/// `nvmlShutdown`: counts one user less, and closes after the last.
pub fn close() -> Result<(), nvmlReturn_t> {
    let mut life = LIFE.lock().unwrap_or_else(PoisonError::into_inner);
    life.users = life.users.checked_sub(1).ok_or(UNINITIALIZED)?;
    if life.users == 0 {
        CURRENT.store(ptr::null_mut(), Ordering::Release);
    }
    Ok(())
}

fn start(last: Option<&'static Simulation>) -> Result<&'static Simulation, String> {
    static FIRST_INIT_NS: OnceLock<i64> = OnceLock::new();
    let first_init_ns = *FIRST_INIT_NS.get_or_init(monotonic_ns);
    let (text, mut scenario) = read_scenario()?;
    if let Some(last) = last.filter(|last| last.text == text) {
        return Ok(last);
    }
    let devices = std::mem::take(&mut scenario.devices)
        .into_iter()
        .zip(0..)
        .map(|(spec, index)| Device { spec, index })
        .collect();
    let epoch_ns = scenario.epoch_monotonic_ns.unwrap_or(first_init_ns);
    Ok(Box::leak(Box::new(Simulation { scenario, devices, epoch_ns, text })))
}

fn read_scenario() -> Result<(Option<String>, Scenario), String> {
    let Some(path) = std::env::var_os(SCENARIO_VARIABLE).filter(|path| !path.is_empty()) else {
        return Ok((None, Scenario::built_in()));
    };
    let path = std::path::PathBuf::from(path);
    let named = |problem: &str| format!("{} (from {SCENARIO_VARIABLE}): {problem}", path.display());
    let text = std::fs::read_to_string(&path).map_err(|error| named(&format!("cannot be read: {error}")))?;
    match Scenario::parse(&text) {
        Ok(scenario) => Ok((Some(text), scenario)),
        Err(refusal) => {
            Err(refusal.problems.iter().map(|p| named(p)).collect::<Vec<_>>().join("\nnvml-sim: "))
        }
    }
}
