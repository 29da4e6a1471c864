//! What the CPU and its memory used beside the GPUs: the RAPL counters that Linux shows below
//! `/sys/class/powercap` (Documentation/power/powercap/powercap.rst).
//!
//! A thread of their own looks at them a few times a second, so that none wraps unseen, one that stands still, falls
//! or steps (`powers.rs`) is caught, and two that are one counter are told (`mirrors.rs`); and now and then closely, so
//! that it is known how long each shows one value (`ticks.rs`). A window has it read them at its edges: the left one
//! just before the edge, the right one just after it, so that reading takes no part of the window. Whoever asks waits
//! with a limit (`reader.rs`). Domains overlap (a package holds its cores, psys holds the packages), so nothing here
//! adds them up.

mod closely;
mod meter;
mod mirrors;
mod powers;
mod reader;
mod report;
#[cfg(test)]
mod tests;
mod ticks;
mod zone;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use closely::{Closely, LOOK_NS};
pub use meter::{CpuMeter, CpuWindow};
use mirrors::Looks;
use reader::Awaited;
pub use report::{CpuDomain, CpuReport, CpuZone, DomainKind};
use report::{domain, mirror};
use zone::{CounterValue, Total, Zone};

use crate::clock::{NS_PER_S, monotonic_ns};
use crate::error::MeterError;

/// How long opening waits for the files.
const OPENING_NS: u64 = NS_PER_S;
/// How long an edge does.
const EDGE_NS: u64 = NS_PER_S / 2;

/// The counters of this machine's CPU and the windows that are open over them.
pub(crate) struct Rapl {
    shared: Arc<Shared>,
    /// Where the thread is asked to read now; it ends when this goes.
    asked: Option<Sender<Sender<Vec<Total>>>>,
    /// Why there are no zones.
    absent: Option<String>,
}

struct Shared {
    state: Mutex<State>,
    awaited: Awaited,
}

#[derive(Default)]
struct State {
    zones: Vec<Zone>,
    looks: Looks,
    /// When all were last read.
    read_ns: u64,
    /// The left edges of the open windows.
    begun: HashMap<u64, Edge>,
    /// What tests say of counters that do not tick by themselves.
    #[cfg(test)]
    assumed_tick_ns: Option<u64>,
}

/// What every zone had counted at the edge of a window.
struct Edge {
    at_ns: u64,
    zones: Vec<ZoneEdge>,
}

/// One zone at the left edge of a window.
struct ZoneEdge {
    total: Total,
    /// `None` as long as it was not known.
    tick_ns: Option<u64>,
    /// The highest power since shortly before the edge.
    highest_w: f64,
}

impl Rapl {
    /// Finds the zones below a root, normally /sys. That there is none, or none that can be read, is in the reports.
    pub fn open(sysfs_root: &Path) -> Result<Self, MeterError> {
        let shared = Arc::new(Shared { state: Mutex::default(), awaited: Awaited::default() });
        let of_thread = Arc::clone(&shared);
        let (asked, asks) = mpsc::channel();
        let (found, is_found) = mpsc::channel();
        let root = sysfs_root.to_owned();
        // Nobody joins it: it may wait for a file for ever.
        thread::Builder::new()
            .name("llem-rapl".to_owned())
            .spawn(move || of_thread.read_on(&root, &found, &asks))
            .map_err(MeterError::Thread)?;
        Ok(match is_found.recv_timeout(Duration::from_nanos(OPENING_NS)) {
            Ok(Ok(())) => Self { shared, asked: Some(asked), absent: None },
            Ok(Err(reason)) => Self { shared, asked: None, absent: Some(reason) },
            Err(_) => {
                let reason = shared.awaited.reason();
                Self { shared, asked: None, absent: Some(reason) }
            }
        })
    }

    /// What is there, each read now; or why nothing is.
    pub fn zones(&self) -> Result<Vec<CpuZone>, String> {
        if let Some(reason) = &self.absent {
            return Err(reason.clone());
        }
        let totals = self.read();
        let state = self.shared.state();
        let zones = state.zones.iter().zip(totals);
        Ok(zones
            .map(|(zone, total)| CpuZone {
                name: zone.name.clone(),
                kind: zone.kind,
                reason: total.energy_uj.err(),
            })
            .collect())
    }

    /// For windows beside which nobody wants to know of the CPU.
    pub fn none() -> Self {
        let shared = Arc::new(Shared { state: Mutex::default(), awaited: Awaited::default() });
        Self { shared, asked: None, absent: None }
    }

    /// Reads the counters, then marks the left edge of a window, whose time `mark` answers.
    pub fn begin(&self, id: u64, mark: impl FnOnce() -> u64) -> u64 {
        let totals = self.read();
        let at_ns = mark();
        let mut state = self.shared.state();
        let zones = (0..totals.len()).map(|zone| (state.tick_ns(zone), state.zones[zone].powers.highest_w()));
        let zones =
            zones.zip(totals).map(|((tick_ns, highest_w), total)| ZoneEdge { total, tick_ns, highest_w });
        let zones = zones.collect();
        state.begun.insert(id, Edge { at_ns, zones });
        at_ns
    }

    /// Reads the counters right after the right edge and reports what lies between the two.
    pub fn end(&self, id: u64, end_ns: u64) -> CpuReport {
        let totals = self.read();
        let mut state = self.shared.state();
        let Some(start) = state.begun.remove(&id) else { return CpuReport::default() };
        let mirrors = state.mirrors();
        let window_ns = (start.at_ns, end_ns);
        let domains = start
            .zones
            .into_iter()
            .zip(&totals)
            .zip(mirrors)
            .enumerate()
            .map(|(place, ((start, end), mirrored))| match mirrored {
                Some(other) => mirror(&state.zones[place], &state.zones[other]),
                None => domain(&state.zones[place], &start, (end, state.tick_ns(place)), window_ns),
            })
            .collect();
        CpuReport { domains, reason: self.absent.clone() }
    }

    /// Forgets a window.
    pub fn cancel(&self, id: u64) {
        self.shared.state().begun.remove(&id);
    }

    /// Has the thread read the counters now. One that has been waiting for a file is not waited for again.
    fn read(&self) -> Vec<Total> {
        let Some(asked) = &self.asked else { return Vec::new() };
        let left_ns = EDGE_NS.saturating_sub(self.shared.awaited.waits_ns());
        let (answer, answered) = mpsc::channel();
        let is_asked = left_ns > 0 && asked.send(answer).is_ok();
        let totals = is_asked.then(|| answered.recv_timeout(Duration::from_nanos(left_ns)).ok()).flatten();
        totals.unwrap_or_else(|| {
            let reason = self.shared.awaited.reason();
            let state = self.shared.state();
            state.zones.iter().map(|zone| zone.unanswered(&reason)).collect()
        })
    }
}

impl Shared {
    /// What the thread does, until nobody can ask any more.
    fn read_on(&self, root: &Path, found: &Sender<Result<(), String>>, asks: &Receiver<Sender<Vec<Total>>>) {
        let zones = match zone::find(root, &self.awaited) {
            Ok(zones) => zones,
            Err(reason) => {
                let _ = found.send(Err(reason));
                return;
            }
        };
        let folders: Vec<_> = zones.iter().map(|zone| (zone.folder().to_owned(), zone.kind)).collect();
        // Not in the state yet: a file that blocks at first leaves it empty.
        let values = self.values(&folders);
        {
            let mut state = self.state();
            state.zones = zones;
            state.take(values);
        }
        if found.send(Ok(())).is_err() {
            return;
        }
        let mut closely = Closely::from(&self.state(), monotonic_ns());
        loop {
            let rest_ns = closely.rest_ns(&self.state(), monotonic_ns());
            let ask = asks.recv_timeout(Duration::from_nanos(rest_ns));
            if matches!(ask, Err(RecvTimeoutError::Disconnected)) {
                return;
            }
            let values = self.values(&folders);
            let totals = self.state().take(values);
            if let Ok(ask) = ask {
                // Who asked may have stopped waiting.
                let _ = ask.send(totals);
            }
        }
    }

    /// Packages first and close together, so that few looks fall between two updates of what two of them show.
    fn values(&self, folders: &[(PathBuf, DomainKind)]) -> Vec<Result<CounterValue, String>> {
        let mut values: Vec<Option<_>> = folders.iter().map(|_| None).collect();
        for packages in [true, false] {
            for ((folder, kind), value) in folders.iter().zip(&mut values) {
                if (*kind == DomainKind::Package) == packages {
                    *value = Some(zone::counter_in(folder, &self.awaited));
                }
            }
        }
        values.into_iter().flatten().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere must not turn into one here: what the lock guards stays valid at every step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes what was read of each zone.
    fn take(&mut self, values: Vec<Result<CounterValue, String>>) -> Vec<Total> {
        let zones = self.zones.iter_mut().zip(values);
        let totals: Vec<Total> = zones.map(|(zone, value)| zone.advance(value)).collect();
        self.read_ns = monotonic_ns();
        self.looks.keep(self.read_ns, totals.iter().map(|total| total.energy_uj.as_ref().ok().copied()));
        for edge in self.begun.values_mut() {
            for (edge, zone) in edge.zones.iter_mut().zip(&self.zones) {
                edge.highest_w = edge.highest_w.max(zone.powers.highest_w());
            }
        }
        totals
    }

    fn tick_ns(&self, zone: usize) -> Option<u64> {
        #[cfg(test)]
        if self.assumed_tick_ns.is_some() {
            return self.assumed_tick_ns;
        }
        self.zones[zone].tick_ns()
    }

    fn mirrors(&self) -> Vec<Option<usize>> {
        let kind = |zone: usize| self.zones[zone].kind;
        self.looks.mirrors(self.zones.len(), |a, b| kind(a) == kind(b) && kind(a).never_rests())
    }
}
