//! The sampler thread allocates nothing per sample: an allocator that counts says so.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use llem_meter::energy::Sensor;
use llem_meter::sample::{SlowSignals, ThrottleTimes};
use llem_meter::sampler::{DeviceOptions, Known};
use llem_meter::source::sysfs::SysfsSource;
use llem_meter::source::{PowerDomain, ReadError, Source};
use llem_meter::tenancy::{Limits, MAX_PROCESSES, Processes};
use llem_meter::window::WindowOptions;
use llem_meter::{Sampler, SamplerOptions};

thread_local! {
    static IS_SAMPLER: Cell<bool> = const { Cell::new(false) };
}
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static READS: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: every call is handed to the system's allocator unchanged; counting touches a thread-local `Cell` without
// a destructor and an atomic, neither of which allocates.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if IS_SAMPLER.get() {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `alloc` above with the same layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Constant;

impl Source for Constant {
    fn device_count(&self) -> usize {
        2
    }

    fn power_domain(&self, _device: usize) -> PowerDomain {
        PowerDomain::Instant
    }

    fn sensor(&self, _device: usize) -> Sensor {
        Sensor::DATACENTER
    }

    fn power_mw(&mut self, _device: usize) -> Result<u32, ReadError> {
        // The first reads may still belong to the thread's start.
        if READS.fetch_add(1, Ordering::Relaxed) == 20 {
            IS_SAMPLER.set(true);
        }
        Ok(100_000)
    }

    fn counter_mj(&mut self, _device: usize) -> Result<u64, ReadError> {
        Ok(READS.load(Ordering::Relaxed))
    }

    fn slow_signals(&mut self, _device: usize) -> SlowSignals {
        SlowSignals::default()
    }

    fn throttle_times(&mut self, _device: usize) -> ThrottleTimes {
        ThrottleTimes::default()
    }

    fn processes(&mut self, _device: usize) -> Result<Processes, ReadError> {
        Ok(Processes { count: 1, pids: [1; MAX_PROCESSES], is_whole: true, ..Processes::default() })
    }

    fn limits(&mut self, _device: usize) -> Limits {
        Limits::default()
    }

    fn calls(&self) -> u64 {
        READS.load(Ordering::Relaxed)
    }
}

#[test]
fn a_thousand_samples_and_both_edges_of_a_window_allocate_nothing() {
    let options = SamplerOptions {
        devices: [0, 1].map(device).to_vec(),
        interval_ms: 1.0,
        slow_interval_ms: 5.0,
        ..SamplerOptions::default()
    };
    let sampler = Sampler::over(Constant, &options).expect("the sampler starts");
    std::thread::sleep(Duration::from_millis(100));
    let (id, _) = sampler.begin(WindowOptions::default());
    std::thread::sleep(Duration::from_millis(600));
    sampler.end(id).wait().expect("a report");
    assert!(READS.load(Ordering::Relaxed) > 1000, "the sampler ran");
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), 0);
}

/// Files below /sys, read by a thread whose allocations count.
struct Files {
    source: SysfsSource,
    reads: u64,
}

impl Source for Files {
    fn device_count(&self) -> usize {
        self.source.device_count()
    }

    fn power_domain(&self, device: usize) -> PowerDomain {
        self.source.power_domain(device)
    }

    fn sensor(&self, device: usize) -> Sensor {
        self.source.sensor(device)
    }

    fn power_mw(&mut self, device: usize) -> Result<u32, ReadError> {
        self.reads += 1;
        if self.reads == 20 {
            IS_SAMPLER.set(true);
        }
        self.source.power_mw(device)
    }

    fn counter_mj(&mut self, device: usize) -> Result<u64, ReadError> {
        self.source.counter_mj(device)
    }

    fn slow_signals(&mut self, device: usize) -> SlowSignals {
        self.source.slow_signals(device)
    }

    fn throttle_times(&mut self, device: usize) -> ThrottleTimes {
        self.source.throttle_times(device)
    }

    fn processes(&mut self, device: usize) -> Result<Processes, ReadError> {
        self.source.processes(device)
    }

    fn limits(&mut self, device: usize) -> Limits {
        self.source.limits(device)
    }

    fn calls(&self) -> u64 {
        self.source.calls()
    }
}

#[test]
fn reading_files_below_sys_allocates_nothing_also_where_they_hold_no_number() {
    let root = tempfile::tempdir().expect("a folder");
    let mut metrics = [0xff; 288];
    metrics[..4].copy_from_slice(&[32, 1, 1, 4]);
    metrics[24..32].copy_from_slice(&7_u64.to_le_bytes());
    for (card, power) in [(0, "312000000\n"), (1, "N/A\n")] {
        let folder = root.path().join(format!("class/drm/card{card}/device"));
        let hwmon = folder.join("hwmon/hwmon0");
        fs::create_dir_all(&hwmon).expect("a folder");
        fs::write(folder.join("vendor"), "0x1002\n").expect("a file");
        fs::write(folder.join("gpu_metrics"), metrics).expect("a file");
        fs::write(folder.join("gpu_busy_percent"), "50\n").expect("a file");
        fs::write(hwmon.join("power1_average"), power).expect("a file");
        fs::write(hwmon.join("power1_cap"), "750000000\n").expect("a file");
    }
    let uuids = ["PCI-card0", "PCI-card1"].map(str::to_owned);
    let source = SysfsSource::open(root.path(), &uuids).expect("two GPUs");
    let options = SamplerOptions {
        devices: [0, 1].map(device).to_vec(),
        interval_ms: 1.0,
        slow_interval_ms: 5.0,
        ..SamplerOptions::default()
    };
    let sampler = Sampler::over(Files { source, reads: 0 }, &options).expect("the sampler starts");
    std::thread::sleep(Duration::from_millis(300));
    let (id, _) = sampler.begin(WindowOptions::default());
    std::thread::sleep(Duration::from_millis(300));
    let report = sampler.end(id).wait().expect("a report");
    assert!(report.sampler.driver_calls > 300, "the files were read");
    assert_eq!(report.devices[1].missing_reason.as_deref(), Some("the file holds no number"));
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), 0);
}

fn device(index: u32) -> DeviceOptions {
    DeviceOptions { uuid: format!("GPU-{index}"), index, known: Known::default() }
}
