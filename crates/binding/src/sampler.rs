//! The sampler as a class: open, mark windows, look, close.

use std::cell::{Ref, RefCell};
use std::path::PathBuf;

use llem_meter::sampler::{DeviceOptions, Known, PendingReport, Sampler, SamplerOptions};
use llem_meter::window::{WindowOptions, WindowReport};
use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Task};
use napi_derive::napi;

use crate::evidence::KnownDevice;
use crate::patience::{answered, patience_of};
use crate::report::{Snapshot, WindowEnd};
use crate::{CodedError, coded};

/// A device to sample.
#[napi(object)]
pub struct SampledDevice {
    pub uuid: String,
    /// The driver's index, for the files.
    pub index: u32,
    /// What earlier runs found out about it under this driver.
    pub known: Option<KnownDevice>,
}

/// What to sample and how often.
#[napi(object)]
pub struct OpenOptions {
    /// The management library; by default the driver's own.
    pub library_path: Option<String>,
    /// Without any, the sensors below /sys that are of no GPU are read alone.
    pub devices: Vec<SampledDevice>,
    /// Power interval in milliseconds, 1 to 5000.
    pub interval_ms: f64,
    /// Interval of the slow signals in milliseconds, 1 to 5000.
    pub slow_interval_ms: f64,
    /// Once the sensor's ticks are known, read the power only around them; by default false.
    pub tick_locked: Option<bool>,
    /// How long the driver may take to answer, milliseconds; by default 30 s.
    pub patience_ms: Option<u32>,
    /// Where the CPU's energy counters, GPUs without NVML and other sensors are looked for; by default /sys.
    pub sysfs_root: Option<String>,
    /// Where processes are looked for that compute on GPUs without NVML; by default /proc.
    pub proc_root: Option<String>,
}

/// Which files a window leaves behind.
#[napi(object)]
pub struct BeginOptions {
    /// Where the 1 Hz rows go, as Parquet.
    pub timeseries_path: Option<String>,
    /// Where every sample goes, as Parquet.
    pub samples_path: Option<String>,
}

/// A window that was opened.
#[napi(object)]
pub struct WindowStart {
    pub id: u32,
    /// Its left edge in monotonic nanoseconds.
    pub start_ns: f64,
}

impl From<SampledDevice> for DeviceOptions {
    fn from(device: SampledDevice) -> Self {
        let known = device.known.map_or_else(Known::default, |known| known.known());
        Self { uuid: device.uuid, index: device.index, known }
    }
}

/// A running sampler: a thread that polls the devices. It stops when closed or collected.
#[napi]
pub struct NativeSampler {
    // napi keeps the sampler borrowed until a report resolves; closing must not have to wait for that.
    inner: RefCell<Option<Sampler>>,
}

#[napi]
impl NativeSampler {
    /// Opens the devices and starts reading. Throws `NVML_NOT_FOUND`, `NVML_INIT_FAILED`, `NVML_QUERY_FAILED`,
    /// `NVML_SILENT`, `NVML_CRASHED`, `GPU_NOT_FOUND`, `GPU_POWER_UNSUPPORTED`, `SAMPLER_OPTION_INVALID` or `SAMPLER_THREAD_FAILED`.
    #[napi(factory)]
    pub fn open(options: OpenOptions) -> Result<Self, CodedError> {
        let patience = patience_of(options.patience_ms);
        let options = SamplerOptions {
            library_path: options.library_path,
            devices: options.devices.into_iter().map(DeviceOptions::from).collect(),
            tick_locked: options.tick_locked.unwrap_or(false),
            interval_ms: options.interval_ms,
            slow_interval_ms: options.slow_interval_ms,
            sysfs_root: options.sysfs_root.map(PathBuf::from),
            proc_root: options.proc_root.map(PathBuf::from),
        };
        let ask = move || Sampler::open(&options);
        let inner =
            answered("the first readings of the GPUs", patience, ask).map_err(|error| coded(&error))?;
        Ok(Self { inner: RefCell::new(Some(inner)) })
    }

    /// Opens a window now. Throws `SAMPLER_CLOSED`.
    #[napi]
    pub fn begin_window(&self, options: BeginOptions) -> Result<WindowStart, CodedError> {
        let (id, start_ns) = self.open_sampler()?.begin(WindowOptions {
            timeseries_path: options.timeseries_path.map(PathBuf::from),
            samples_path: options.samples_path.map(PathBuf::from),
        });
        Ok(WindowStart { id: u32::try_from(id).unwrap_or(u32::MAX), start_ns: start_ns as f64 })
    }

    /// Closes a window now; resolves after the post-roll, always.
    #[napi(ts_return_type = "Promise<WindowEnd>")]
    pub fn end_window(&self, id: u32) -> AsyncTask<EndWindow> {
        let sampler = self.inner.borrow();
        AsyncTask::new(EndWindow { pending: sampler.as_ref().map(|sampler| sampler.end(u64::from(id))) })
    }

    /// Drops a window and the files that it began.
    #[napi]
    pub fn cancel_window(&self, id: u32) {
        if let Some(sampler) = &*self.inner.borrow() {
            sampler.cancel(u64::from(id));
        }
    }

    /// The last readings. Throws `SAMPLER_CLOSED`.
    #[napi]
    pub fn snapshot(&self) -> Result<Snapshot, CodedError> {
        Ok(self.open_sampler()?.snapshot().into())
    }

    /// Where each device's power comes from: "instant", "power_usage", "average_1s" or a file below /sys. Throws `SAMPLER_CLOSED`.
    #[napi]
    pub fn power_domains(&self) -> Result<Vec<String>, CodedError> {
        Ok(self.open_sampler()?.power_domains().iter().map(|domain| domain.as_str().to_owned()).collect())
    }

    /// Milliseconds until a window that opens then has readings before its left edge. Throws `SAMPLER_CLOSED`.
    #[napi]
    pub fn pre_roll_left_ms(&self) -> Result<f64, CodedError> {
        Ok(self.open_sampler()?.pre_roll_left_ns() as f64 / 1e6)
    }

    /// Stops the thread. Reports that are on their way come at once; windows that are still open leave no file.
    #[napi]
    pub fn close(&self) {
        self.inner.take();
    }

    fn open_sampler(&self) -> Result<Ref<'_, Sampler>, CodedError> {
        Ref::filter_map(self.inner.borrow(), Option::as_ref)
            .map_err(|_| napi::Error::new("SAMPLER_CLOSED".to_owned(), "the sampler is closed".to_owned()))
    }
}

/// Waits for a report off the main thread.
pub struct EndWindow {
    pending: Option<PendingReport>,
}

impl Task for EndWindow {
    type Output = Option<WindowReport>;
    type JsValue = WindowEnd;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(self.pending.take().and_then(PendingReport::wait))
    }

    fn resolve(&mut self, _env: Env, report: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(WindowEnd::from(report))
    }
}
