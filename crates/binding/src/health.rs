//! Looks at GPUs between two experiments. Each is taken off the main thread: a GPU that is not well may take its time.

use std::sync::{Arc, Mutex, PoisonError};

use llem_meter::source::nvml::health::{self, HealthWatch};
use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Task};
use napi_derive::napi;

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

/// `None` once it is closed.
type Shared = Arc<Mutex<Option<HealthWatch>>>;

/// A set of GPUs that is looked at. While it lives, the driver stays loaded and keeps the errors that it reports.
#[napi]
pub struct NativeHealth {
    watch: Shared,
}

#[napi]
impl NativeHealth {
    /// Finds the GPUs. Throws `NVML_NOT_FOUND`, `NVML_INIT_FAILED`, `NVML_QUERY_FAILED` or `GPU_NOT_FOUND`.
    #[napi(factory)]
    pub fn open(uuids: Vec<String>, library_path: Option<String>) -> Result<Self, CodedError> {
        let watch = HealthWatch::open(library_path.as_deref(), &uuids).map_err(|error| coded(&error))?;
        Ok(Self { watch: Arc::new(Mutex::new(Some(watch))) })
    }

    /// One look at each, in the order in which they were named; none once it is closed.
    #[napi(ts_return_type = "Promise<Array<DeviceLook>>")]
    pub fn look(&self) -> AsyncTask<Look> {
        AsyncTask::new(Look { watch: Arc::clone(&self.watch) })
    }

    /// Lets go of the driver, unless a look is under way.
    #[napi]
    pub fn close(&self) {
        // Who looks holds the lock, perhaps as long as a broken GPU takes; then the end of the process closes it.
        if let Ok(mut watch) = self.watch.try_lock() {
            *watch = None;
        }
    }
}

/// Looks off the main thread.
pub struct Look {
    watch: Shared,
}

impl Task for Look {
    type Output = Vec<health::DeviceLook>;
    type JsValue = Vec<DeviceLook>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(watch.as_mut().map(HealthWatch::look).unwrap_or_default())
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
