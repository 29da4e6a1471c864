//! What `llem calibrate` asks of one GPU. Each question is answered off the main thread; `stop` ends it early.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use llem_meter::calibrate::{self, Probe};
use llem_meter::clock::NS_PER_MS;
use llem_meter::source::nvml::NvmlSource;
use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Task};
use napi_derive::napi;

use crate::evidence::GainRatio;
use crate::{CodedError, coded};

/// How long one of the sampler's calls takes.
#[napi(object)]
pub struct CallLatency {
    pub call: String,
    /// When the sampler makes it: "hot", "edges", "slow" or "rare".
    pub lane: String,
    /// How often it had an answer.
    pub calls: f64,
    pub durations: Option<Durations>,
    /// Why the last one without an answer had none; missing where all had one.
    pub error: Option<String>,
}

/// Of the calls that had an answer.
#[napi(object)]
#[expect(clippy::struct_field_names, reason = "the unit is in every name")]
pub struct Durations {
    pub p50_us: f64,
    pub p99_us: f64,
    pub max_us: f64,
}

/// What listening has shown since the probe was opened; missing is what did not change often enough.
#[napi(object)]
pub struct Listened {
    pub update_period_ms: Option<f64>,
    pub counter_period_ms: Option<f64>,
    /// The greatest step of which all increments of the counter are multiples.
    pub counter_quantum_mj: Option<f64>,
}

/// The moment at which a load began to work, or to rest.
#[napi(object)]
pub struct LoadEdge {
    /// On CLOCK_MONOTONIC.
    pub t_ns: f64,
    pub on: bool,
}

/// What the edges of a load told; each missing thing has its reason.
#[napi(object)]
pub struct LoadFit {
    pub averaging_window: Option<AveragingWindow>,
    pub averaging_window_reason: Option<String>,
    /// "integral" or "sum_of_readings".
    pub counter_kind: Option<String>,
    pub counter_kind_reason: Option<String>,
    /// How old the energy is that the counter shows.
    pub counter_delay: Option<DelayFit>,
    pub counter_delay_reason: Option<String>,
    /// Readings over counter.
    pub gain_ratio: Option<GainRatio>,
    pub gain_ratio_reason: Option<String>,
}

/// A delay and how far it may be off (k = 2).
#[napi(object)]
pub struct DelayFit {
    pub delay_ms: f64,
    pub error_ms: f64,
}

/// What explains the readings of a load best; errors are k = 2.
#[napi(object)]
pub struct AveragingWindow {
    pub window_ms: f64,
    pub window_error_ms: f64,
    pub delay_ms: f64,
    pub delay_error_ms: f64,
    pub unexplained_w: f64,
    /// The share of the readings' variance that the load explains, 0 to 1.
    pub explained: f64,
    pub readings: u32,
}

type Shared = Arc<Mutex<Probe<NvmlSource>>>;

/// One GPU that is asked questions. While it lives, the driver stays loaded.
#[napi]
pub struct NativeProbe {
    probe: Shared,
    stop: Arc<AtomicBool>,
}

#[napi]
impl NativeProbe {
    /// Opens a GPU and reads nothing yet. Throws `NVML_NOT_FOUND`, `NVML_INIT_FAILED`, `GPU_NOT_FOUND` or
    /// `GPU_POWER_UNSUPPORTED`.
    #[napi(factory)]
    pub fn open(uuid: String, library_path: Option<String>) -> Result<Self, CodedError> {
        let source = NvmlSource::open(library_path.as_deref(), &[uuid]).map_err(|error| coded(&error))?;
        Ok(Self { probe: Arc::new(Mutex::new(Probe::new(source))), stop: Arc::default() })
    }

    /// Times each of the sampler's calls, up to a second each.
    #[napi(ts_return_type = "Promise<Array<CallLatency>>")]
    pub fn latencies(&self) -> AsyncTask<MeasureLatencies> {
        AsyncTask::new(MeasureLatencies { probe: Arc::clone(&self.probe), stop: self.not_stopped() })
    }

    /// Reads power and counter every millisecond for so long.
    #[napi(ts_return_type = "Promise<Listened>")]
    pub fn listen(&self, for_ms: u32) -> AsyncTask<Listen> {
        AsyncTask::new(Listen {
            probe: Arc::clone(&self.probe),
            stop: self.not_stopped(),
            for_ns: u64::from(for_ms) * NS_PER_MS,
        })
    }

    /// What the last listening and the edges of the load that ran meanwhile tell of sensor and counter.
    #[napi(ts_return_type = "Promise<LoadFit>")]
    pub fn fit_load(&self, edges: Vec<LoadEdge>) -> AsyncTask<FitLoad> {
        let edges = edges.into_iter().map(calibrate::Edge::from).collect();
        AsyncTask::new(FitLoad { probe: Arc::clone(&self.probe), edges })
    }

    /// Ends what is under way; it resolves with what it has.
    #[napi]
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn not_stopped(&self) -> Arc<AtomicBool> {
        self.stop.store(false, Ordering::Relaxed);
        Arc::clone(&self.stop)
    }
}

/// Times calls off the main thread.
pub struct MeasureLatencies {
    probe: Shared,
    stop: Arc<AtomicBool>,
}

impl Task for MeasureLatencies {
    type Output = Vec<calibrate::CallLatency>;
    type JsValue = Vec<CallLatency>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(self.probe.lock().unwrap_or_else(PoisonError::into_inner).latencies(&self.stop))
    }

    fn resolve(&mut self, _env: Env, latencies: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(latencies.into_iter().map(CallLatency::from).collect())
    }
}

/// Listens off the main thread.
pub struct Listen {
    probe: Shared,
    stop: Arc<AtomicBool>,
    for_ns: u64,
}

impl Task for Listen {
    type Output = calibrate::Listened;
    type JsValue = Listened;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(self.probe.lock().unwrap_or_else(PoisonError::into_inner).listen(self.for_ns, &self.stop))
    }

    fn resolve(&mut self, _env: Env, listened: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(listened.into())
    }
}

/// Fits off the main thread.
pub struct FitLoad {
    probe: Shared,
    edges: Vec<calibrate::Edge>,
}

impl Task for FitLoad {
    type Output = calibrate::LoadFit;
    type JsValue = LoadFit;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let edges = std::mem::take(&mut self.edges);
        Ok(self.probe.lock().unwrap_or_else(PoisonError::into_inner).fit(edges))
    }

    fn resolve(&mut self, _env: Env, fit: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(fit.into())
    }
}

impl From<calibrate::CallLatency> for CallLatency {
    fn from(latency: calibrate::CallLatency) -> Self {
        Self {
            call: latency.call.as_str().to_owned(),
            lane: latency.call.lane().as_str().to_owned(),
            calls: latency.calls as f64,
            durations: latency.durations.map(|durations| Durations {
                p50_us: durations.p50_us,
                p99_us: durations.p99_us,
                max_us: durations.max_us,
            }),
            error: latency.error.map(|error| error.to_string()),
        }
    }
}

impl From<calibrate::Listened> for Listened {
    fn from(listened: calibrate::Listened) -> Self {
        Self {
            update_period_ms: listened.update_period_ns.map(|period_ns| period_ns as f64 / 1e6),
            counter_period_ms: listened.counter_period_ns.map(|period_ns| period_ns as f64 / 1e6),
            counter_quantum_mj: listened.counter_quantum_mj.map(|quantum_mj| quantum_mj as f64),
        }
    }
}

impl From<LoadEdge> for calibrate::Edge {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a moment since boot")]
    fn from(edge: LoadEdge) -> Self {
        Self { at_ns: edge.t_ns as u64, on: edge.on }
    }
}

impl From<calibrate::LoadFit> for LoadFit {
    fn from(fit: calibrate::LoadFit) -> Self {
        let (averaging_window, averaging_window_reason) = either(fit.averaging_window);
        let (kind, counter_kind_reason) = either(fit.counter.kind);
        let (delay, counter_delay_reason) = either(fit.counter.delay_ns);
        let (gain_ratio, gain_ratio_reason) = either(fit.counter.gain_ratio);
        Self {
            averaging_window: averaging_window.map(AveragingWindow::from),
            averaging_window_reason,
            counter_kind: kind.map(|kind| kind.as_str().to_owned()),
            counter_kind_reason,
            counter_delay: delay
                .map(|delay| DelayFit { delay_ms: delay.value / 1e6, error_ms: delay.error / 1e6 }),
            counter_delay_reason,
            gain_ratio: gain_ratio.map(GainRatio::from),
            gain_ratio_reason,
        }
    }
}

/// What there is, or its reason.
fn either<T>(found: Result<T, String>) -> (Option<T>, Option<String>) {
    match found {
        Ok(found) => (Some(found), None),
        Err(reason) => (None, Some(reason)),
    }
}

impl From<calibrate::AveragingWindow> for AveragingWindow {
    fn from(fit: calibrate::AveragingWindow) -> Self {
        Self {
            window_ms: fit.window_ns / 1e6,
            window_error_ms: fit.window_error_ns / 1e6,
            delay_ms: fit.delay_ns / 1e6,
            delay_error_ms: fit.delay_error_ns / 1e6,
            unexplained_w: fit.unexplained_w,
            explained: fit.explained,
            readings: u32::try_from(fit.readings).unwrap_or(u32::MAX),
        }
    }
}
