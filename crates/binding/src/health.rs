//! Looks at GPUs between two experiments. Each is taken off the main thread: a GPU that is not well may take its time.

use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

use llem_meter::MeterError;
use llem_meter::source::nvml::health::{self, HealthWatch};
use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Task};
use napi_derive::napi;

use crate::patience::{answered_unless_silent, patience_of};
use crate::{CodedError, coded};

/// A process that computes on a GPU.
#[napi(object)]
pub struct GpuProcess {
    pub pid: u32,
    /// What the kernel calls it; missing where it is not there or not to be seen.
    pub name: Option<String>,
    /// "own", "foreign", or "unknown": in a container the driver may count processes of the host.
    pub relation: String,
    pub memory_used_bytes: Option<f64>,
}

/// One look at one GPU; a missing property is what it did not tell.
#[napi(object)]
pub struct DeviceLook {
    /// "present", "lost", "reset_required" or "unreadable".
    pub condition: String,
    /// Why it is not simply present.
    pub cause: Option<String>,
    pub memory_used_bytes: Option<f64>,
    pub memory_total_bytes: Option<f64>,
    pub processes: Option<Vec<GpuProcess>>,
    /// Xid errors since the last look; missing where the driver reports none.
    pub xids: Option<Vec<f64>>,
}

type Shared = Arc<Mutex<Watch>>;

enum Watch {
    /// It is opened at the first look.
    Wanted {
        uuids: Vec<String>,
        library_path: Option<String>,
    },
    Open(HealthWatch),
    Closed,
}

/// A set of GPUs that is looked at. While it lives, the driver stays loaded and keeps the errors that it reports.
#[napi]
pub struct NativeHealth {
    watch: Shared,
}

#[napi]
impl NativeHealth {
    /// Finds the GPUs. Throws `NVML_NOT_FOUND`, `NVML_INIT_FAILED`, `NVML_QUERY_FAILED`, `NVML_SILENT`,
    /// `NVML_CRASHED` or `GPU_NOT_FOUND`.
    #[napi(factory)]
    pub fn open(uuids: Vec<String>, library_path: Option<String>) -> Result<Self, CodedError> {
        let open = move || HealthWatch::open(library_path.as_deref(), &uuids);
        let watch = answered_unless_silent("the health of the GPUs", patience_of(None), open)
            .map_err(|error| coded(&error))?;
        Ok(Self { watch: Arc::new(Mutex::new(Watch::Open(watch))) })
    }

    /// The same at the first look, which then may reject: nothing waits for the driver until then.
    #[napi(factory)]
    pub fn later(uuids: Vec<String>, library_path: Option<String>) -> Self {
        Self { watch: Arc::new(Mutex::new(Watch::Wanted { uuids, library_path })) }
    }

    /// One look at each, in the order in which they were named; none once it is closed. Rejects where the driver has not
    /// answered within so many milliseconds.
    #[napi(ts_return_type = "Promise<Array<DeviceLook>>")]
    pub fn look(&self, patience_ms: u32) -> AsyncTask<Look> {
        let patience = Duration::from_millis(u64::from(patience_ms));
        AsyncTask::new(Look { watch: Arc::clone(&self.watch), patience })
    }

    /// Lets go of the driver, unless a look is under way.
    #[napi]
    pub fn close(&self) {
        // Who looks holds the lock, perhaps as long as a broken GPU takes; then the end of the process closes it.
        if let Ok(mut watch) = self.watch.try_lock() {
            *watch = Watch::Closed;
        }
    }
}

/// Looks off the main thread.
pub struct Look {
    watch: Shared,
    patience: Duration,
}

impl Task for Look {
    type Output = Vec<health::DeviceLook>;
    type JsValue = Vec<DeviceLook>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let watch = Arc::clone(&self.watch);
        let look = move || {
            // Behind one that has not come back nobody waits.
            let mut watch = match watch.try_lock() {
                Ok(watch) => watch,
                Err(TryLockError::Poisoned(watch)) => watch.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    let (what, cause) =
                        ("the health of the GPUs".to_owned(), "an earlier look hangs".to_owned());
                    return Err(MeterError::Query { what, cause });
                }
            };
            if let Watch::Wanted { uuids, library_path } = &*watch {
                *watch = Watch::Open(HealthWatch::open(library_path.as_deref(), uuids)?);
            }
            Ok(if let Watch::Open(watch) = &mut *watch { watch.look() } else { Vec::new() })
        };
        // A thread of Node's pool that never comes back would keep the process from ending.
        answered_unless_silent("the health of the GPUs", self.patience, look)
            .map_err(|error| napi::Error::from_reason(error.to_string()))
    }

    fn resolve(&mut self, _env: Env, looks: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(looks.into_iter().map(DeviceLook::from).collect())
    }
}

impl From<health::DeviceLook> for DeviceLook {
    fn from(look: health::DeviceLook) -> Self {
        Self {
            condition: look.condition.as_str().to_owned(),
            cause: look.cause,
            memory_used_bytes: look.memory_used_bytes.map(|bytes| bytes as f64),
            memory_total_bytes: look.memory_total_bytes.map(|bytes| bytes as f64),
            processes: look.processes.map(|list| list.into_iter().map(GpuProcess::from).collect()),
            xids: look.xids.map(|list| list.into_iter().map(|xid| xid as f64).collect()),
        }
    }
}

impl From<health::GpuProcess> for GpuProcess {
    fn from(process: health::GpuProcess) -> Self {
        Self {
            pid: process.tenant.pid,
            name: process.tenant.name,
            relation: process.tenant.relation.as_str().to_owned(),
            memory_used_bytes: process.memory_used_bytes.map(|bytes| bytes as f64),
        }
    }
}
