//! What the CPU and its memory used beside the GPUs: the RAPL counters that Linux shows below
//! `/sys/class/powercap` (Documentation/power/powercap/powercap.rst).
//!
//! They are looked at a few times a second, by the recorder or by [`CpuMeter`], so that none wraps unseen, one that
//! stands still or falls is caught, and two that are one counter are told (`mirrors.rs`). A window reads them at its
//! edges, on the caller's thread: the left one just before the edge, the right one just after it, so that reading
//! takes no part of the window. Domains overlap (a package holds its cores, psys holds the packages), so nothing here
//! adds them up.

mod meter;
mod mirrors;
#[cfg(test)]
mod tests;
mod zone;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use meter::{CpuMeter, CpuWindow};
use mirrors::Looks;
use zone::{Total, Zone};

use crate::clock::{NS_PER_MS, monotonic_ns, seconds};

/// Far less than the minute in which a counter may wrap (Intel SDM, volume 3, `MSR_PKG_ENERGY_STATUS`), and a part of
/// the second after which one that stands still is out of order.
const LOOK_NS: u64 = 250 * NS_PER_MS;
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
    /// How far they may be off: the mean power for as long as the edges are uncertain.
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
    state: Mutex<State>,
    /// Why there are no zones.
    absent: Option<String>,
}

struct State {
    zones: Vec<Zone>,
    looks: Looks,
    /// When all were last read.
    read_ns: u64,
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
        match zone::find(sysfs_root) {
            Ok(zones) => Self::over(zones, None),
            Err(reason) => Self::over(Vec::new(), Some(reason)),
        }
    }

    fn over(zones: Vec<Zone>, absent: Option<String>) -> Self {
        let mut state = State { zones, looks: Looks::default(), read_ns: 0, begun: HashMap::new() };
        state.read();
        Self { state: Mutex::new(state), absent }
    }

    /// What is there, each read now; or why nothing is.
    pub fn zones(&self) -> Result<Vec<CpuZone>, String> {
        if let Some(reason) = &self.absent {
            return Err(reason.clone());
        }
        let mut state = self.state();
        let totals = state.read();
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
        Self::over(Vec::new(), None)
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
        let mirrors = state.mirrors();
        let domains = state
            .zones
            .iter()
            .zip(start.totals.iter().zip(&totals))
            .zip(mirrors)
            .map(|((zone, totals), mirrored)| match mirrored {
                Some(other) => mirror(zone, &state.zones[other]),
                None => domain(zone, totals, start.at_ns, end_ns),
            })
            .collect();
        CpuReport { domains, reason: self.absent.clone() }
    }

    /// Forgets a window.
    pub fn cancel(&self, id: u64) {
        self.state().begun.remove(&id);
    }

    /// Looks at the counters where the last look is too long before `now_ns`.
    pub fn keep_up(&self, now_ns: u64) {
        let mut state = self.state();
        if state.read_ns + LOOK_NS <= now_ns {
            state.read();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere must not turn into one here: what the lock guards stays valid at every step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Packages first and close together, so that few looks fall between two updates of what two of them show.
    fn read(&mut self) -> Vec<Total> {
        let mut totals: Vec<Option<Total>> = vec![None; self.zones.len()];
        for packages in [true, false] {
            for (zone, total) in self.zones.iter_mut().zip(&mut totals) {
                if (zone.kind == DomainKind::Package) == packages {
                    *total = Some(zone.advance());
                }
            }
        }
        let totals: Vec<Total> = totals.into_iter().flatten().collect();
        self.read_ns = monotonic_ns();
        self.looks.keep(self.read_ns, totals.iter().map(|total| total.energy_uj.as_ref().ok().copied()));
        totals
    }

    fn mirrors(&self) -> Vec<Option<usize>> {
        let kind = |zone: usize| self.zones[zone].kind;
        self.looks.mirrors(self.zones.len(), |a, b| kind(a) == kind(b) && kind(a).never_rests())
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
        mirrors: None,
    }
}
