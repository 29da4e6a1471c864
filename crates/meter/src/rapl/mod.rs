//! What the CPU and its memory used beside the GPUs: the RAPL counters that Linux shows below
//! `/sys/class/powercap` (Documentation/power/powercap/powercap.rst).
//!
//! The recorder reads them every few seconds, so that none wraps unseen, and a window reads them at its edges, on
//! the caller's thread: the left one just before the edge, the right one just after it, so that reading takes no
//! part of the window. Domains overlap (a package holds its cores, psys holds the packages), so nothing here adds
//! them up.

#[cfg(test)]
mod tests;
mod zone;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use zone::{Total, Zone};

use crate::clock::{NS_PER_MS, NS_PER_S, seconds};

/// A sixth of the time in which a counter may wrap (Intel SDM, volume 3, `MSR_PKG_ENERGY_STATUS`).
const KEEP_UP_NS: u64 = 10 * NS_PER_S;
/// "This MSR is updated every ~1msec" (ibid.), so what it says at an edge is up to so old.
const UPDATE_NS: u64 = NS_PER_MS;

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
    /// How far they may be off: the mean power for as long as the edges are uncertain.
    pub uncertainty_j: Option<f64>,
    /// Why they are not known.
    pub reason: Option<String>,
}

/// The counters of this machine's CPU and the windows that are open over them.
pub(crate) struct Rapl {
    state: Mutex<State>,
    /// Why there are no zones.
    absent: Option<String>,
}

struct State {
    zones: Vec<Zone>,
    /// The left edges of the open windows.
    begun: HashMap<u64, Edge>,
}

/// What every zone had counted at the edge of a window.
struct Edge {
    at_ns: u64,
    totals: Vec<Total>,
}

impl Rapl {
    /// Finds the zones below a root, normally /sys. That there is none, or none that can be read, is in the reports.
    pub fn open(sysfs_root: &Path) -> Self {
        let (zones, absent) = match zone::find(sysfs_root) {
            Ok(zones) => (zones, None),
            Err(reason) => (Vec::new(), Some(reason)),
        };
        Self { state: Mutex::new(State { zones, begun: HashMap::new() }), absent }
    }

    /// For windows beside which nobody wants to know of the CPU.
    pub fn none() -> Self {
        Self { state: Mutex::new(State { zones: Vec::new(), begun: HashMap::new() }), absent: None }
    }

    /// Reads the counters, then marks the left edge of a window, whose time `mark` answers.
    pub fn begin(&self, id: u64, mark: impl FnOnce() -> u64) -> u64 {
        let mut state = self.state();
        let totals = state.read();
        let at_ns = mark();
        state.begun.insert(id, Edge { at_ns, totals });
        at_ns
    }

    /// Reads the counters right after the right edge and reports what lies between the two.
    pub fn end(&self, id: u64, end_ns: u64) -> CpuReport {
        let mut state = self.state();
        let totals = state.read();
        let Some(start) = state.begun.remove(&id) else { return CpuReport::default() };
        let domains = state
            .zones
            .iter()
            .zip(start.totals.iter().zip(&totals))
            .map(|(zone, totals)| domain(zone, totals, start.at_ns, end_ns))
            .collect();
        CpuReport { domains, reason: self.absent.clone() }
    }

    /// Forgets a window.
    pub fn cancel(&self, id: u64) {
        self.state().begun.remove(&id);
    }

    /// Reads what was last read too long before `now_ns`.
    pub fn keep_up(&self, now_ns: u64) {
        for zone in self.state().zones.iter_mut().filter(|zone| zone.read_ns() + KEEP_UP_NS <= now_ns) {
            zone.advance();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere must not turn into one here: what the lock guards stays valid at every step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn read(&mut self) -> Vec<Total> {
        self.zones.iter_mut().map(Zone::advance).collect()
    }
}

fn domain(zone: &Zone, (start, end): (&Total, &Total), start_ns: u64, end_ns: u64) -> CpuDomain {
    let energy_j = match zone.between_uj(start, end) {
        Ok(moved_uj) if moved_uj > 0 => Ok(moved_uj as f64 / 1e6),
        // No CPU runs on 0 W: a window shorter than an update, or a domain that is there in name only, as the cores
        // of some servers.
        Ok(_) => Err("the RAPL counter did not move in the window".to_owned()),
        Err(reason) => Err(reason),
    };
    let uncertain_ns = UPDATE_NS + start_ns.saturating_sub(start.at_ns) + end.at_ns.saturating_sub(end_ns);
    let share = seconds(uncertain_ns) / seconds(end_ns.saturating_sub(start_ns).max(1));
    CpuDomain {
        name: zone.name.clone(),
        kind: zone.kind,
        energy_j: energy_j.as_ref().ok().copied(),
        uncertainty_j: energy_j.as_ref().ok().map(|energy_j| energy_j * share),
        reason: energy_j.err(),
    }
}
