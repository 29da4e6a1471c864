//! What the CPU and its memory used beside the GPUs: the RAPL counters that Linux shows below
//! `/sys/class/powercap` (Documentation/power/powercap/powercap.rst).
//!
//! A thread of their own looks at them a few times a second, so that none wraps unseen, one that stands still, falls
//! or steps (`powers.rs`) is caught, and two that are one counter are told (`mirrors.rs`); and now and then closely, so
//! that it is known how long each shows one value (`ticks.rs`). A window has it read them at its edges: the left one
//! just before the edge, the right one just after it, so that reading takes no part of the window. Whoever asks waits
//! with a limit (`reader.rs`). Domains overlap (a package holds its cores, psys holds the packages), so nothing here
//! adds them up.

mod meter;
mod mirrors;
mod powers;
mod reader;
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

pub use meter::{CpuMeter, CpuWindow};
use mirrors::Looks;
use reader::Awaited;
use zone::{CounterValue, Total, Zone};

use crate::clock::{NS_PER_MS, NS_PER_S, monotonic_ns, seconds};
use crate::error::MeterError;

/// Far less than the minute in which a counter may wrap (Intel SDM, volume 3, `MSR_PKG_ENERGY_STATUS`), and a part of
/// the second after which one that stands still is out of order.
const LOOK_NS: u64 = 250 * NS_PER_MS;
/// How closely the thread looks for the tick at first; then a part of the time that it has looked, so that the tick is
/// known to within a part of itself.
const CLOSEST_NS: u64 = NS_PER_MS / 5;
const CLOSE_PART: u64 = 20;
const FARTHEST_NS: u64 = 50 * NS_PER_MS;
/// Values that have to come and go.
const ENOUGH_TICKS: u64 = 3;
/// For how long it looks closely at most, and how long after that again.
const CLOSELY_NS: u64 = 4 * NS_PER_S;
const AGAIN_NS: u64 = 5 * NS_PER_S;
/// A window has to be so many ticks long.
const LEAST_TICKS: u64 = 3;
/// How long opening waits for the files.
const OPENING_NS: u64 = NS_PER_S;
/// How long an edge does.
const EDGE_NS: u64 = NS_PER_S / 2;

/// What a domain counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainKind {
    /// A socket: cores, caches, memory controller, its own graphics.
    Package,
    /// The cores, part of the package.
    Core,
    /// The graphics of the package, part of it.
    Uncore,
    /// The memory of a socket, not part of the package.
    Dram,
    /// The whole platform, packages included.
    Psys,
    /// A name that came after this was written.
    Other,
}

impl DomainKind {
    /// By the `name` of a zone, which the kernel's driver `intel_rapl_common` gives.
    fn of(name: &str) -> Self {
        match name {
            "core" => Self::Core,
            "uncore" => Self::Uncore,
            "dram" => Self::Dram,
            _ if name.starts_with("package-") => Self::Package,
            _ if name.starts_with("psys") => Self::Psys,
            _ => Self::Other,
        }
    }

    /// Whether it draws power as long as the machine is on; cores and graphics may be switched off.
    fn never_rests(self) -> bool {
        matches!(self, Self::Package | Self::Dram)
    }

    /// Its name in results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Package => "package",
            Self::Core => "core",
            Self::Uncore => "uncore",
            Self::Dram => "dram",
            Self::Psys => "psys",
            Self::Other => "other",
        }
    }
}

/// The CPU over a window.
#[derive(Clone, Debug, Default)]
pub struct CpuReport {
    /// Every domain that this machine has, packages before their parts.
    pub domains: Vec<CpuDomain>,
    /// Why there is none.
    pub reason: Option<String>,
}

/// One domain over a window.
#[derive(Clone, Debug)]
pub struct CpuDomain {
    /// "package-0", "package-0/dram".
    pub name: String,
    /// What it counts.
    pub kind: DomainKind,
    /// Joules between the edges.
    pub energy_j: Option<f64>,
    /// How far they may be off: the highest power for as long as the edges are uncertain.
    pub uncertainty_j: Option<f64>,
    /// Why they are not known.
    pub reason: Option<String>,
    /// The domain whose counter this one shows once more; its joules stand there alone.
    pub mirrors: Option<String>,
}

/// A domain that is there, and whether it can be read.
#[derive(Clone, Debug)]
pub struct CpuZone {
    /// "package-0", "package-0/dram".
    pub name: String,
    /// What it counts.
    pub kind: DomainKind,
    /// Why it cannot be read.
    pub reason: Option<String>,
}

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

/// When the thread looks next: closely until it has seen every counter tick, then rarely.
struct Closely {
    since_ns: u64,
    /// How many ticks it had seen of each when it began to.
    complete: Vec<u64>,
    is_over: bool,
}

impl Closely {
    fn from(state: &State, now_ns: u64) -> Self {
        let complete = state.zones.iter().map(|zone| zone.ticks.complete).collect();
        Self { since_ns: now_ns, complete, is_over: false }
    }

    fn rest_ns(&mut self, state: &State, now_ns: u64) -> u64 {
        if self.is_over && now_ns >= self.since_ns + AGAIN_NS {
            *self = Self::from(state, now_ns);
        }
        let looked_ns = now_ns.saturating_sub(self.since_ns);
        self.is_over |= looked_ns >= CLOSELY_NS || self.has_enough(state);
        if self.is_over {
            return LOOK_NS;
        }
        (looked_ns / CLOSE_PART).clamp(CLOSEST_NS, FARTHEST_NS)
    }

    /// Cores and graphics may rest, and are waited for no longer than for what does not.
    fn has_enough(&self, state: &State) -> bool {
        let mut zones = state.zones.iter().zip(&self.complete).filter(|(zone, _)| zone.kind.never_rests());
        zones.all(|(zone, complete)| zone.ticks.complete >= complete + ENOUGH_TICKS)
    }
}

/// A domain that shows another one's counter.
fn mirror(zone: &Zone, other: &Zone) -> CpuDomain {
    CpuDomain {
        name: zone.name.clone(),
        kind: zone.kind,
        energy_j: None,
        uncertainty_j: None,
        reason: Some(format!(
            "it mirrors {}: both move by the same microjoules, which are counted once",
            other.name
        )),
        mirrors: Some(other.name.clone()),
    }
}

/// `end`: what it had counted at the right edge, and its tick then.
fn domain(
    zone: &Zone,
    start: &ZoneEdge,
    (end, end_tick_ns): (&Total, Option<u64>),
    (start_ns, end_ns): (u64, u64),
) -> CpuDomain {
    let window_ns = end_ns.saturating_sub(start_ns).max(1);
    let counted = match zone.between_uj(&start.total, end) {
        // No CPU runs on 0 W: a window shorter than an update, or a domain that is there in name only, as the cores
        // of some servers.
        Ok(0) => Err("the RAPL counter did not move in the window".to_owned()),
        Ok(moved_uj) => end_tick_ns
            .map(|tick_ns| tick_ns.max(start.tick_ns.unwrap_or(0)))
            .ok_or_else(|| {
                "too few ticks of the RAPL counter were seen to know how old it is at the edges".to_owned()
            })
            .and_then(|tick_ns| {
                if tick_ns.saturating_mul(LEAST_TICKS) <= window_ns {
                    return Ok((moved_uj as f64 / 1e6, tick_ns));
                }
                Err(format!(
                    "the RAPL counter ticks every {:.3} s or so, too slowly for a window of {:.3} s",
                    seconds(tick_ns),
                    seconds(window_ns)
                ))
            }),
        Err(reason) => Err(reason),
    };
    let known = counted.as_ref().ok().copied();
    let uncertainty_j = known.map(|(energy_j, tick_ns)| {
        let highest_w = start.highest_w.max(zone.powers.highest_w()).max(energy_j / seconds(window_ns));
        // What a counter lags behind by at one edge it has over at the other, so one tick bounds both.
        let reads_ns = start_ns.saturating_sub(start.total.at_ns) + end.at_ns.saturating_sub(end_ns);
        highest_w * seconds(tick_ns + reads_ns)
    });
    CpuDomain {
        name: zone.name.clone(),
        kind: zone.kind,
        energy_j: known.map(|(energy_j, _)| energy_j),
        uncertainty_j,
        reason: counted.err(),
        mirrors: None,
    }
}
