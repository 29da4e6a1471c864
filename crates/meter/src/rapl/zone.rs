//! One RAPL zone: where it is, what it is called, and its counter, followed through wraparounds.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::DomainKind;
use super::powers::Powers;
use super::reader::Awaited;
use super::ticks::Ticks;
use crate::clock::{NS_PER_S, monotonic_ns, seconds};

/// Of the control types below powercap only this one, which AMD's CPUs have too. `intel-rapl-mmio` shows the same
/// package once more, over another bus.
const PREFIX: &str = "intel-rapl:";
/// "It has a wraparound time of around 60 secs when power consumption is high" (Intel SDM, volume 3,
/// `MSR_PKG_ENERGY_STATUS`): after a longer pause nobody knows how often a counter wrapped.
const LONGEST_PAUSE_NS: u64 = 60 * NS_PER_S;

/// A counter that moves once in a millisecond and has not for so long stands still.
const STILL_NS: u64 = NS_PER_S;
/// The same for one that was never seen to move.
const STILL_AT_FIRST_NS: u64 = 5 * NS_PER_S;

/// A counter of joules and what it counts.
pub(super) struct Zone {
    /// "package-0", "package-0/dram".
    pub name: String,
    pub kind: DomainKind,
    folder: PathBuf,
    range_uj: Option<u64>,
    /// `None` after a read that failed.
    last: Option<CounterValue>,
    read_ns: u64,
    /// When it was last seen to have another value than before; at first, when it was opened.
    moved_ns: u64,
    has_moved: bool,
    /// Microjoules since it was opened, without what was lost.
    total_uj: u64,
    /// How often it was lost what was counted: that cannot be made up for, so no window may span it.
    losses: u64,
    /// Why the last time.
    loss: String,
    pub powers: Powers,
    pub ticks: Ticks,
}

/// What a counter said, and when.
#[derive(Clone, Copy)]
pub(super) struct CounterValue {
    at_ns: u64,
    energy_uj: u64,
}

/// What a zone has counted by some moment, or why that is not known.
#[derive(Clone, Debug)]
pub(super) struct Total {
    pub at_ns: u64,
    pub energy_uj: Result<u64, String>,
    pub losses: u64,
}

/// The zones below `sysfs_root`, packages before their parts, or why there are none.
pub(super) fn find(sysfs_root: &Path, awaited: &Awaited) -> Result<Vec<Zone>, String> {
    let powercap = sysfs_root.join("class/powercap");
    let entries = match fs::read_dir(&powercap) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(no_zones(&powercap)),
        Err(error) => return Err(format!("{} cannot be read: {error}", powercap.display())),
    };
    let mut places: Vec<(Vec<u32>, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| Some((numbers(entry.file_name().to_str()?)?, entry.path())))
        .collect();
    places.sort();
    if places.is_empty() {
        return Err(no_zones(&powercap));
    }
    let mut packages: Vec<(u32, String)> = Vec::new();
    let mut zones = Vec::new();
    for (numbers, folder) in places {
        let Ok(name) = awaited.text(&folder.join("name")) else { continue };
        let name = name.trim();
        let (kind, package) =
            (DomainKind::of(name), packages.iter().find(|(number, _)| *number == numbers[0]));
        let full_name = package.map_or(name.to_owned(), |(_, package)| format!("{package}/{name}"));
        if numbers.len() == 1 {
            packages.push((numbers[0], name.to_owned()));
        }
        let range_uj = awaited.number(&folder.join("max_energy_range_uj")).ok();
        zones.push(Zone::new(full_name, kind, folder, range_uj));
    }
    // The links are there and what they point to is not (GHSA-jq35-85cj-fj4p).
    if zones.is_empty() { Err(hidden(&powercap)) } else { Ok(zones) }
}

/// `[0, 1]` of `intel-rapl:0:1`.
fn numbers(file_name: &str) -> Option<Vec<u32>> {
    file_name.strip_prefix(PREFIX)?.split(':').map(|number| number.parse().ok()).collect()
}

fn no_zones(powercap: &Path) -> String {
    format!(
        "this machine has no RAPL zones in {} (virtual machines and ARM have none; else try `sudo modprobe intel_rapl_msr`)",
        powercap.display()
    )
}

fn hidden(powercap: &Path) -> String {
    format!(
        "the RAPL zones in {} are hidden, as Docker does in containers; start it with `-v /sys:/host/sys:ro -e LLEM_SYSFS_ROOT=/host/sys`",
        powercap.display()
    )
}

/// Reads the counter below a zone's folder.
pub(super) fn counter_in(folder: &Path, awaited: &Awaited) -> Result<CounterValue, String> {
    let path = folder.join("energy_uj");
    let energy_uj = awaited.number(&path).map_err(|error| unreadable(&path, &error))?;
    Ok(CounterValue { at_ns: monotonic_ns(), energy_uj })
}

impl Zone {
    fn new(name: String, kind: DomainKind, folder: PathBuf, range_uj: Option<u64>) -> Self {
        Self {
            name,
            kind,
            folder,
            range_uj,
            last: None,
            read_ns: 0,
            moved_ns: monotonic_ns(),
            has_moved: false,
            total_uj: 0,
            losses: 0,
            loss: String::new(),
            powers: Powers::default(),
            ticks: Ticks::default(),
        }
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes what was read of the counter and answers what it has counted since it was opened.
    pub fn advance(&mut self, value: Result<CounterValue, String>) -> Total {
        self.read_ns = value.as_ref().map_or_else(|_| monotonic_ns(), |value| value.at_ns);
        let moved_uj = match (&value, self.last) {
            (Ok(value), Some(last)) => moved_uj(last, *value, self.range_uj),
            (Ok(_), None) => Ok(0),
            (Err(reason), _) => Err(reason.clone()),
        };
        match &value {
            Ok(value) => self.ticks.see(value.at_ns, value.energy_uj),
            Err(_) => self.ticks.lose(),
        }
        let has_moved = moved_uj != Ok(0);
        if has_moved {
            self.moved_ns = self.read_ns;
            self.has_moved |= moved_uj.is_ok();
        }
        match moved_uj.and_then(|moved_uj| self.still().map_or(Ok(moved_uj), Err)) {
            Ok(moved_uj) => {
                self.total_uj += moved_uj;
                self.powers.see(self.read_ns, self.total_uj, has_moved);
            }
            Err(reason) => {
                self.powers.lose();
                self.losses += 1;
                self.loss = reason;
            }
        }
        self.last = value.as_ref().ok().copied();
        Total { at_ns: self.read_ns, energy_uj: value.map(|_| self.total_uj), losses: self.losses }
    }

    /// What is known of it where its file has not answered.
    pub fn unanswered(&self, reason: &str) -> Total {
        Total { at_ns: monotonic_ns(), energy_uj: Err(reason.to_owned()), losses: self.losses }
    }

    /// The longest that it shows one value.
    pub fn tick_ns(&self) -> Option<u64> {
        self.ticks.longest_ns(!self.kind.never_rests())
    }

    /// What is wrong with a counter that has not moved for too long.
    fn still(&self) -> Option<String> {
        let still_ns = self.read_ns.saturating_sub(self.moved_ns);
        let (longest_ns, what) = if self.has_moved {
            (STILL_NS, "stood still for")
        } else {
            (STILL_AT_FIRST_NS, "has not moved since it was first read, for")
        };
        (self.kind.never_rests() && still_ns >= longest_ns)
            .then(|| format!("the RAPL counter {what} {:.1} s", seconds(still_ns)))
    }

    /// Microjoules between two looks, or why they are not known.
    pub fn between_uj(&self, start: &Total, end: &Total) -> Result<u64, String> {
        let (start_uj, end_uj) = (start.energy_uj.clone()?, end.energy_uj.clone()?);
        if start.losses != end.losses {
            return Err(self.loss.clone());
        }
        match self.powers.step_since(start.at_ns, end.at_ns, end_uj) {
            Some(reason) => Err(reason),
            None => Ok(end_uj - start_uj),
        }
    }
}

/// Why a counter cannot be read; where it is for want of rights, with the command that grants them.
fn unreadable(path: &Path, error: &io::Error) -> String {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return format!("{} cannot be read: {error}", path.display());
    }
    // The folder that holds every zone and part of one as a link, which chmod follows.
    let powercap = path.ancestors().nth(2).unwrap_or(path);
    format!(
        "only root may read RAPL (CVE-2020-8694); `sudo chmod a+r {}/{PREFIX}*/energy_uj` opens it until the next boot",
        powercap.display()
    )
}

/// Microjoules between two looks at a counter, which starts again at 0 after `range_uj`.
fn moved_uj(last: CounterValue, now: CounterValue, range_uj: Option<u64>) -> Result<u64, String> {
    let pause_ns = now.at_ns.saturating_sub(last.at_ns);
    if pause_ns > LONGEST_PAUSE_NS {
        return Err(format!("RAPL was not read for {:.0} s and may have wrapped unseen", seconds(pause_ns)));
    }
    if now.energy_uj >= last.energy_uj {
        return Ok(now.energy_uj - last.energy_uj);
    }
    // What no power can count in so short a time is a counter that was reset, as by a machine that slept, or one whose
    // range is not what it says.
    let pause_ns = u128::from(pause_ns.max(NS_PER_S));
    range_uj
        .and_then(|range_uj| {
            let moved_uj = range_uj.checked_sub(last.energy_uj)?.checked_add(now.energy_uj)?;
            // Twice what "around 60 secs" allows.
            let most_uj = u128::from(range_uj) * 2 * pause_ns / u128::from(LONGEST_PAUSE_NS);
            (u128::from(moved_uj) <= most_uj).then_some(moved_uj)
        })
        .ok_or_else(|| {
            format!(
                "the RAPL counter fell from {} to {} uJ: it was reset, or its range is too short to follow",
                last.energy_uj, now.energy_uj
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_moved(last_uj: u64, now_uj: u64, range_uj: Option<u64>, expected_uj: Option<u64>) {
        let last = CounterValue { at_ns: 0, energy_uj: last_uj };
        let now = CounterValue { at_ns: 10 * NS_PER_S, energy_uj: now_uj };
        assert_eq!(moved_uj(last, now, range_uj).ok(), expected_uj);
    }

    #[test]
    fn a_counter_goes_on_where_its_range_ends() {
        assert_moved(5, 25, Some(1000), Some(20));
        assert_moved(990, 15, Some(1000), Some(25));
        assert_moved(1000, 0, Some(1000), Some(0));
    }

    #[test]
    fn a_counter_that_was_reset_did_not_wrap() {
        assert_moved(400, 300, Some(1000), None);
        assert_moved(2000, 15, Some(1000), None);
        // Two fifths of the range in a sixth of the time that it lasts.
        assert_moved(600, 15, Some(1000), None);
        assert_moved(990, 15, None, None);
    }

    #[test]
    fn a_counter_that_nobody_looked_at_for_minutes_may_have_wrapped_unseen() {
        let after = |pause_ns| {
            let now = CounterValue { at_ns: pause_ns, energy_uj: 7 };
            moved_uj(CounterValue { at_ns: 0, energy_uj: 0 }, now, Some(1000))
        };
        assert_eq!(after(LONGEST_PAUSE_NS), Ok(7));
        assert_eq!(
            after(90 * NS_PER_S),
            Err("RAPL was not read for 90 s and may have wrapped unseen".to_owned())
        );
    }

    #[test]
    fn want_of_rights_comes_with_the_command_that_grants_them() {
        let path = Path::new("/sys/class/powercap/intel-rapl:0:1/energy_uj");
        let reason = unreadable(path, &io::Error::from_raw_os_error(libc::EACCES));
        assert!(reason.contains("`sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj`"), "{reason}");
        let reason = unreadable(path, &io::Error::from_raw_os_error(libc::ENODATA));
        assert!(!reason.contains("chmod"), "{reason}");
    }

    #[test]
    fn only_zones_have_numbers() {
        assert_eq!(numbers("intel-rapl:0"), Some(vec![0]));
        assert_eq!(numbers("intel-rapl:10:2"), Some(vec![10, 2]));
        for other in ["intel-rapl", "intel-rapl-mmio:0", "intel-rapl:", "dtpm"] {
            assert_eq!(numbers(other), None, "{other}");
        }
    }
}
