//! The one simulation of a process: which scenario runs, when it began, who has it open.

use std::collections::HashSet;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlReturn_enum_NVML_ERROR_UNINITIALIZED as UNINITIALIZED,
    nvmlReturn_enum_NVML_ERROR_UNKNOWN as UNKNOWN, nvmlReturn_t,
};

use crate::call::Call;
use crate::clock::{monotonic_ns, stall};
use crate::device::Device;
use crate::fault::{Verdict, verdict};
use crate::nvml_errors::FUNCTION_NOT_FOUND;
use crate::scenario::{MigInstance, Scenario};

/// The environment variable that names the scenario file.
pub const SCENARIO_VARIABLE: &str = "LLEM_NVML_SIM";

/// A scenario that runs.
pub struct Simulation {
    /// What the scenario says about the system; its devices have moved to `devices`.
    pub scenario: Scenario,
    /// The GPUs; a handle is the address of one of them.
    pub devices: Box<[Device]>,
    /// How many calls there were so far on each device, and last those on none.
    calls: Box<[AtomicU64]>,
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

    /// The handle of a MIG instance.
    pub fn instance_handle(instance: &'static MigInstance) -> nvmlDevice_t {
        ptr::from_ref(instance).cast_mut().cast()
    }

    /// The device of a handle, and the MIG instance on it that the handle is one of; `None` for an address that never
    /// was one of this simulation's handles.
    pub fn device(
        &'static self,
        handle: nvmlDevice_t,
    ) -> Option<(&'static Device, Option<&'static MigInstance>)> {
        if let Some(device) = item_at(&self.devices, handle) {
            return Some((device, None));
        }
        self.devices.iter().find_map(|device| {
            let instance = item_at(&device.spec.mig_instances, handle)?;
            Some((device, Some(instance)))
        })
    }

    /// Whether the driver has this function.
    pub fn admit(&self, function: &str) -> Result<(), nvmlReturn_t> {
        let absent: &HashSet<&str> = &self.scenario.absent_symbols;
        if absent.contains(function) { Err(FUNCTION_NOT_FOUND) } else { Ok(()) }
    }

    /// What goes wrong now with a call on a device, or with one on none.
    pub fn verdict(&self, device: Option<&Device>, call: Call) -> Verdict {
        let now_ns = self.now_ns();
        let own = device.map_or_else(Verdict::default, |device| device.verdict(call, now_ns));
        own.and(verdict(&self.scenario.faults, call, now_ns))
    }

    /// What the next call costs in nanoseconds.
    pub fn latency_ns(&self, device: Option<&Device>, call: Call) -> i64 {
        let place = device.map_or(self.devices.len(), |device| device.index as usize);
        let number = self.calls[place].fetch_add(1, Ordering::Relaxed);
        match device {
            Some(device) => device.latency_ns(call, number),
            None => self.scenario.latency.draw_ns(call, u32::MAX, number),
        }
    }

    /// Waits until no other process holds the lock of the driver.
    pub fn wait_for_lock(&self) {
        while let Some(until_ns) = self.scenario.locked_until_ns(self.now_ns()) {
            stall(Duration::from_nanos(until_ns.saturating_sub(self.now_ns()).max(0).unsigned_abs()));
        }
    }
}

/// The item of a slice that an address is the start of.
fn item_at<T>(items: &[T], handle: nvmlDevice_t) -> Option<&T> {
    let offset = handle.addr().checked_sub(items.as_ptr().addr())?;
    if offset % size_of::<T>() != 0 {
        return None;
    }
    items.get(offset / size_of::<T>())
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

/// `nvmlInit`: counts one more user, and for the first one reads the scenario. `visit` makes of a scenario that was read
/// what a call of it costs, and what goes wrong.
pub fn open(visit: impl FnOnce(&'static Simulation) -> Result<(), nvmlReturn_t>) -> Result<(), nvmlReturn_t> {
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
    }
    let Some(simulation) = life.last else { return Err(UNKNOWN) };
    // Without the lock: a start that never returns must not keep another from being answered.
    drop(life);
    visit(simulation)?;
    let mut life = LIFE.lock().unwrap_or_else(PoisonError::into_inner);
    CURRENT.store(ptr::from_ref(simulation).cast_mut(), Ordering::Release);
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
    let devices: Box<[Device]> = std::mem::take(&mut scenario.devices)
        .into_iter()
        .zip(0..)
        .map(|(spec, index)| Device { spec, index })
        .collect();
    let calls = (0..=devices.len()).map(|_| AtomicU64::new(0)).collect();
    let epoch_ns = scenario.epoch_monotonic_ns.unwrap_or(first_init_ns);
    Ok(Box::leak(Box::new(Simulation { scenario, devices, calls, epoch_ns, text })))
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
