//! The CPU's energy counters where no GPU is sampled.

use std::cell::{Ref, RefCell};
use std::path::Path;

use llem_meter::rapl;
use napi_derive::napi;

use crate::report::CpuReport;
use crate::sampler::WindowStart;
use crate::{CodedError, coded};

/// What the machine counts of its CPU, each read now.
#[napi(object)]
pub struct CpuZones {
    pub zones: Vec<CpuZone>,
    /// Why there are none.
    pub reason: Option<String>,
}

/// A counter that is there.
#[napi(object)]
pub struct CpuZone {
    /// "package-0", "package-0/dram".
    pub name: String,
    /// "package", "core", "uncore", "dram", "psys" or "other".
    pub kind: String,
    /// Why it cannot be read.
    pub reason: Option<String>,
}

/// The CPU between two edges.
#[napi(object)]
pub struct CpuWindowEnd {
    /// Its right edge in monotonic nanoseconds.
    pub end_ns: f64,
    pub cpu: CpuReport,
}

/// A thread that looks at the CPU's counters four times a second. It stops when closed or collected.
#[napi]
pub struct NativeCpuMeter {
    inner: RefCell<Option<rapl::CpuMeter>>,
}

#[napi]
impl NativeCpuMeter {
    /// Finds the counters, by default below /sys. Throws `SAMPLER_THREAD_FAILED`; that there are none is in `zones`.
    #[napi(factory)]
    pub fn open(sysfs_root: Option<String>) -> Result<Self, CodedError> {
        let meter =
            rapl::CpuMeter::open(sysfs_root.as_deref().map(Path::new)).map_err(|error| coded(&error))?;
        Ok(Self { inner: RefCell::new(Some(meter)) })
    }

    /// What is there, each read now. Throws `SAMPLER_CLOSED`.
    #[napi]
    pub fn zones(&self) -> Result<CpuZones, CodedError> {
        Ok(match self.open_meter()?.zones() {
            Ok(zones) => CpuZones { zones: zones.into_iter().map(CpuZone::from).collect(), reason: None },
            Err(reason) => CpuZones { zones: Vec::new(), reason: Some(reason) },
        })
    }

    /// Milliseconds until enough looks were taken to tell counters that are one. Throws `SAMPLER_CLOSED`.
    #[napi]
    pub fn ready_in_ms(&self) -> Result<f64, CodedError> {
        Ok(self.open_meter()?.ready_in_ns() as f64 / 1e6)
    }

    /// Opens a window now. Throws `SAMPLER_CLOSED`.
    #[napi]
    pub fn begin_window(&self) -> Result<WindowStart, CodedError> {
        let (id, start_ns) = self.open_meter()?.begin();
        Ok(WindowStart { id: u32::try_from(id).unwrap_or(u32::MAX), start_ns: start_ns as f64 })
    }

    /// Closes a window now. Throws `SAMPLER_CLOSED`.
    #[napi]
    pub fn end_window(&self, id: u32) -> Result<CpuWindowEnd, CodedError> {
        let rapl::CpuWindow { end_ns, report } = self.open_meter()?.end(u64::from(id));
        Ok(CpuWindowEnd { end_ns: end_ns as f64, cpu: report.into() })
    }

    /// Forgets a window.
    #[napi]
    pub fn cancel_window(&self, id: u32) {
        if let Some(meter) = &*self.inner.borrow() {
            meter.cancel(u64::from(id));
        }
    }

    /// Stops the thread.
    #[napi]
    pub fn close(&self) {
        self.inner.take();
    }

    fn open_meter(&self) -> Result<Ref<'_, rapl::CpuMeter>, CodedError> {
        Ref::filter_map(self.inner.borrow(), Option::as_ref)
            .map_err(|_| napi::Error::new("SAMPLER_CLOSED".to_owned(), "the CPU meter is closed".to_owned()))
    }
}

impl From<rapl::CpuZone> for CpuZone {
    fn from(zone: rapl::CpuZone) -> Self {
        Self { name: zone.name, kind: zone.kind.as_str().to_owned(), reason: zone.reason }
    }
}
