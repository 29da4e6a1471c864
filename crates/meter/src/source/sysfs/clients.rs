//! Who computes on GPUs of AMD and Intel: a thread of its own looks once a second, because a look reads hundreds of files.
//!
//! - amdkfd lists the processes that have compute queues, for everybody to see: `class/kfd/kfd/proc/PID/queues/ID/gpuid`.
//! - `fdinfo` of every file that a process has open on a GPU (`Documentation/gpu/drm-usage-stats.rst`): `drm-pdev` says on which,
//!   `drm-engine-*` (ns) or `drm-cycles-*` for how long its engines worked. One whose numbers grow computes. The kernel shows
//!   them to the process's own user and to root alone, and to nobody in another PID namespace.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::card::{Card, Vendor, names, text};
use crate::read_error::ReadError;
use crate::tenancy::{Processes, sees_all_processes};

const PERIOD: Duration = Duration::from_secs(1);
/// The second look comes sooner: at the first one nothing has grown yet.
const SECOND: Duration = Duration::from_millis(200);
/// How long whoever opens the GPUs waits for the first look.
const PATIENCE: Duration = Duration::from_millis(500);
/// A process that computed stays listed for so many looks more: the sampler asks every five seconds.
const KEPT_LOOKS: u64 = 6;

/// What tells a GPU's processes.
#[derive(Clone, Debug)]
struct Place {
    /// E.g. "0000:c1:00.0".
    pci_address: Option<String>,
    /// What amdkfd calls it: one number, or one for each part that it is cut into.
    kfd_ids: Vec<String>,
    is_of_amd: bool,
}

/// Processes of one GPU. `is_whole`: whether nobody is hidden.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Listed {
    pids: Vec<u32>,
    is_whole: bool,
}

/// The lists of a set of GPUs, as they were seen last.
pub(super) struct Clients {
    listed: Arc<Mutex<Option<Vec<Listed>>>>,
    /// The thread ends with it.
    _ends: Sender<()>,
}

impl Clients {
    /// Begins to look; `None` where there can be no thread.
    pub fn watch(sysfs_root: &Path, proc_root: &Path, cards: &[&Card]) -> Option<Self> {
        let mut look = Look::new(sysfs_root, proc_root, cards);
        let listed = Arc::new(Mutex::new(None));
        let (ends, ended) = channel::<()>();
        let (first, seen) = channel();
        let shared = Arc::clone(&listed);
        let looks = move || {
            let mut pause = SECOND;
            loop {
                let found = look.all();
                *shared.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
                // Nobody may wait any more.
                let _ = first.send(());
                if ended.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
                    return;
                }
                pause = PERIOD;
            }
        };
        thread::Builder::new().name("llem-clients".to_owned()).spawn(looks).ok()?;
        let _ = seen.recv_timeout(PATIENCE);
        Some(Self { listed, _ends: ends })
    }

    /// Those of the GPU at a position. Without an allocation.
    pub fn of(&self, position: usize) -> Result<Processes, ReadError> {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let found = listed.as_ref().and_then(|listed| listed.get(position)).ok_or(ReadError::NotSupported)?;
        let mut processes =
            Processes { count: found.pids.len(), is_whole: found.is_whole, ..Processes::default() };
        processes.pids.iter_mut().zip(&found.pids).for_each(|(room, pid)| *room = *pid);
        Ok(processes)
    }
}

/// A file on a GPU that was seen open.
struct Client {
    /// Nanoseconds or cycles of its engines.
    worked: u64,
    /// The last look at which it had grown.
    busy_at: Option<u64>,
    /// The last look at which it was there.
    seen_at: u64,
}

/// Looks again and again, and remembers what each client had worked.
struct Look {
    proc_root: PathBuf,
    kfd: PathBuf,
    places: Vec<Place>,
    /// By GPU and the client's number.
    clients: HashMap<(String, String), Client>,
    looks: u64,
}

impl Look {
    fn new(sysfs_root: &Path, proc_root: &Path, cards: &[&Card]) -> Self {
        let kfd = sysfs_root.join("class/kfd/kfd");
        let ids = kfd_ids(&kfd.join("topology/nodes"));
        let places = cards.iter().map(|card| Place {
            pci_address: card.pci_address.clone(),
            kfd_ids: ids
                .iter()
                .filter(|(place, _)| Some(place) == card.pci_address.as_ref())
                .map(|(_, id)| id.clone())
                .collect(),
            is_of_amd: card.vendor == Vendor::Amd,
        });
        let places = places.collect();
        Self { proc_root: proc_root.to_owned(), kfd, places, clients: HashMap::new(), looks: 0 }
    }

    /// The processes of each GPU, in order.
    fn all(&mut self) -> Vec<Listed> {
        self.looks += 1;
        let (busy, sees_all) = self.by_files();
        let queues = self.by_queues();
        let listed = self.places.iter().map(|place| {
            let by_files = busy.iter().filter(|(on, _)| Some(on) == place.pci_address.as_ref());
            let by_queues = queues.iter().flatten().filter(|(id, _)| place.kfd_ids.contains(id));
            let mut pids: Vec<u32> = by_files.chain(by_queues).map(|(_, pid)| *pid).collect();
            pids.sort_unstable();
            pids.dedup();
            // What computes by other ways than amdkfd's, as Vulkan, may be hidden all the same.
            let has_queues = place.is_of_amd && !place.kfd_ids.is_empty() && queues.is_some();
            Listed { pids, is_whole: has_queues || sees_all }
        });
        listed.collect()
    }

    /// Which processes have files on which GPU whose engines worked of late, and whether all processes could be looked at.
    fn by_files(&mut self) -> (Vec<(String, u32)>, bool) {
        let mut busy = Vec::new();
        let mut sees_all = sees_all_processes() && self.proc_root.join("1").exists();
        let pids: Vec<u32> = names(&self.proc_root).filter_map(|name| name.parse().ok()).collect();
        for pid in pids {
            let process = self.proc_root.join(pid.to_string());
            match fs::read_dir(process.join("fd")) {
                Ok(files) => {
                    for file in files.flatten() {
                        let is_on_gpu =
                            fs::read_link(file.path()).is_ok_and(|target| target.starts_with("/dev/dri"));
                        let about = || text(&process.join("fdinfo").join(file.file_name()));
                        if is_on_gpu && let Some(place) = about().and_then(|about| self.busy_on(&about)) {
                            busy.push((place, pid));
                        }
                    }
                }
                // One that has ended meanwhile hides nothing.
                Err(error) => sees_all &= error.kind() != ErrorKind::PermissionDenied,
            }
        }
        let looks = self.looks;
        self.clients.retain(|_, client| client.seen_at == looks);
        (busy, sees_all)
    }

    /// The GPU on which the client of an `fdinfo` worked of late; `None` where it did not.
    fn busy_on(&mut self, about: &str) -> Option<String> {
        let (place, number, worked) = client_of(about)?;
        let looks = self.looks;
        let client = self.clients.entry((place.clone(), number)).or_insert_with(|| Client {
            // What a client of the first look did before is not known; later ones are new.
            worked: if looks == 1 { worked } else { 0 },
            busy_at: None,
            seen_at: looks,
        });
        if worked > client.worked {
            client.busy_at = Some(looks);
        }
        (client.worked, client.seen_at) = (worked, looks);
        client.busy_at.filter(|busy_at| looks - busy_at <= KEPT_LOOKS).map(|_| place)
    }

    /// amdkfd's numbers of GPUs and the processes that have compute queues there; `None` where it lists none.
    fn by_queues(&self) -> Option<Vec<(String, u32)>> {
        let processes = self.kfd.join("proc");
        fs::read_dir(&processes).ok()?;
        let listed =
            names(&processes).filter_map(|pid| Some((pid.parse::<u32>().ok()?, processes.join(&pid))));
        Some(
            listed
                .flat_map(|(pid, process)| {
                    let queues = process.join("queues");
                    names(&queues)
                        .filter_map(|queue| Some((text(&queues.join(queue).join("gpuid"))?, pid)))
                        .collect::<Vec<_>>()
                })
                .collect(),
        )
    }
}

/// Where a client of a GPU is, its number, and what its engines have worked, in whatever unit: it only has to grow.
fn client_of(about: &str) -> Option<(String, String, u64)> {
    let (mut place, mut number, mut worked) = (None, None, 0_u64);
    for line in about.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match key {
            "drm-pdev" => place = Some(value.to_owned()),
            "drm-client-id" => number = Some(value.to_owned()),
            _ if key.starts_with("drm-engine-capacity-") => {}
            _ if key.starts_with("drm-engine-") || key.starts_with("drm-cycles-") => {
                let amount = value.split_whitespace().next().and_then(|amount| amount.parse().ok());
                worked = worked.saturating_add(amount.unwrap_or(0));
            }
            _ => {}
        }
    }
    Some((place?, number?, worked))
}

/// Where each of amdkfd's GPUs is, and its number there.
fn kfd_ids(nodes: &Path) -> Vec<(String, String)> {
    let places = names(nodes).filter_map(|node| {
        let node = nodes.join(node);
        let id = text(&node.join("gpu_id")).filter(|id| id != "0" && !id.is_empty())?;
        let properties = text(&node.join("properties"))?;
        let number = |key: &str| -> Option<u32> {
            let line = properties.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?;
            line.trim().parse().ok()
        };
        // Bus, slot and function as the kernel's PCI_DEVID has them.
        let (domain, at) = (number("domain").unwrap_or(0), number("location_id")?);
        let place = format!("{domain:04x}:{:02x}:{:02x}.{:x}", at >> 8 & 0xff, at >> 3 & 0x1f, at & 7);
        Some((place, id))
    });
    places.collect()
}

#[cfg(test)]
#[path = "clients_tests.rs"]
mod tests;
