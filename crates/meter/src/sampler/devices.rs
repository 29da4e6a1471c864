//! The devices that are read, and which thread reads which: mostly one reads all of them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::source::Source;

/// Devices of several sources, in the order of the sampler, each source behind a lock of its own: a call that does not
/// return holds up its own source alone.
pub(super) struct Devices {
    sources: Vec<Guarded>,
    /// The source of each device, and its position there.
    places: Vec<(usize, usize)>,
    /// Driver calls made so far, the time spent in them, and the processor time of the threads that make them.
    calls: AtomicU64,
    driver_ns: AtomicU64,
    cpu_ns: AtomicU64,
}

struct Guarded {
    source: Mutex<Box<dyn Source>>,
    /// The number of the thread that reads it.
    reader: AtomicUsize,
}

impl Devices {
    /// Those of each source follow one another. All are the first thread's.
    pub fn new(sources: Vec<Box<dyn Source>>) -> Self {
        let places = (0..)
            .zip(&sources)
            .flat_map(|(number, source)| (0..source.device_count()).map(move |position| (number, position)));
        let places = places.collect();
        let guarded = |source| Guarded { source: Mutex::new(source), reader: AtomicUsize::new(0) };
        Self {
            sources: sources.into_iter().map(guarded).collect(),
            places,
            calls: AtomicU64::new(0),
            driver_ns: AtomicU64::new(0),
            cpu_ns: AtomicU64::new(0),
        }
    }

    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// Asks a device. It waits for the source where another thread asks it, so only its reader does so.
    pub fn ask<T>(&self, device: usize, ask: impl FnOnce(&mut dyn Source, usize) -> T) -> T {
        let (number, position) = self.places[device];
        let mut source = self.sources[number].source.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = source.calls();
        let answer = ask(source.as_mut(), position);
        self.calls.fetch_add(source.calls() - calls, Ordering::Relaxed);
        answer
    }

    /// Whether that thread reads the device.
    pub fn is_read_by(&self, device: usize, reader: usize) -> bool {
        self.guard(device).reader.load(Ordering::Acquire) == reader
    }

    /// Gives all that a thread reads to another one, but for the source of a device. Answers whether that is anything.
    pub fn hand_over(&self, from: usize, but: usize, to: usize) -> bool {
        let (kept, _) = self.places[but];
        let mut is_any = false;
        for (number, source) in (0..).zip(&self.sources) {
            if number != kept && source.reader.load(Ordering::Relaxed) == from {
                source.reader.store(to, Ordering::Release);
                is_any = true;
            }
        }
        is_any
    }

    fn guard(&self, device: usize) -> &Guarded {
        &self.sources[self.places[device].0]
    }

    /// Adds to what reading has cost.
    pub fn spend(&self, driver_ns: u64, cpu_ns: u64) {
        self.driver_ns.fetch_add(driver_ns, Ordering::Relaxed);
        self.cpu_ns.fetch_add(cpu_ns, Ordering::Relaxed);
    }

    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub fn driver_ns(&self) -> u64 {
        self.driver_ns.load(Ordering::Relaxed)
    }

    pub fn cpu_ns(&self) -> u64 {
        self.cpu_ns.load(Ordering::Relaxed)
    }
}
