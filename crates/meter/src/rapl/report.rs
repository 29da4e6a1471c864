//! What is said of the CPU over a window, and how it follows from what its counters showed at the edges.

use super::ZoneEdge;
use super::zone::{Total, Zone};
use crate::clock::seconds;

/// A window has to be so many ticks long.
const LEAST_TICKS: u64 = 3;

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
    pub(super) fn of(name: &str) -> Self {
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
    pub(super) fn never_rests(self) -> bool {
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

/// A domain that shows another one's counter.
pub(super) fn mirror(zone: &Zone, other: &Zone) -> CpuDomain {
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
pub(super) fn domain(
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
