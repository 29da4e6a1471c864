//! An hour of files costs no memory that grows with it: an allocator that counts says so.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use llem_meter::clock::{NS_PER_MS, NS_PER_S};
use llem_meter::downsample::Row;
use llem_meter::energy::Sensor;
use llem_meter::parquet::{FileFacts, SamplesFile, TimeseriesFile};
use llem_meter::sample::{CounterReading, Sample, SlowSignals};

const DEVICES: usize = 8;
const INTERVAL_NS: u64 = 10 * NS_PER_MS;
const MIB: f64 = 1024.0 * 1024.0;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call is handed to the system's allocator unchanged; counting touches atomics only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: `pointer` came from `alloc` above with the same layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a device may say at a deadline; every number differs from the last, as those of a real one do.
fn sample(device: usize, at_ns: u64) -> Sample {
    let noise = (at_ns / INTERVAL_NS * 2_654_435_761 + device as u64 * 40_503) % 65_536;
    let [noise_mw, noise_us] = [noise, noise % 400].map(|noise| u32::try_from(noise).expect("small"));
    let is_slow = at_ns % (10 * INTERVAL_NS) == device as u64 * INTERVAL_NS;
    let is_counted = at_ns % (50 * INTERVAL_NS) == device as u64 * INTERVAL_NS;
    Sample {
        device,
        scheduled: true,
        at_ns: at_ns + u64::from(noise_us),
        read_ns: 20_000 + u64::from(noise_us),
        power_mw: Ok(400_000 + noise_mw),
        counter: is_counted.then_some(CounterReading { at_ns: at_ns + 30_000, energy_mj: at_ns / 2_500_000 }),
        slow: is_slow.then_some(SlowSignals {
            temperature_c: Some(60 + noise_us % 7),
            memory_used_bytes: Some(noise << 20),
            throttle_reasons: Some(noise % 3),
            sm_clock_mhz: Some(1500 + noise_us),
            memory_temperature_c: Some(70),
            ..SlowSignals::default()
        }),
        throttle: None,
        poll: None,
    }
}

fn row(device: usize, second: u32) -> Row {
    Row {
        device,
        timestamp_s: f64::from(second),
        covered_ns: NS_PER_S,
        span_ns: NS_PER_S,
        power_w: Some(400.0 + f64::from(second % 97)),
        temperature_c: Some(60.0),
        memory_used_mb: Some(f64::from(second)),
        memory_total_mb: Some(143_771.0),
        sm_utilisation_pct: Some(99.0),
        throttle_reasons: Some(4),
    }
}

fn facts() -> FileFacts {
    FileFacts {
        gpu_indices: (0..8).collect(),
        uuids: (0..DEVICES).map(|device| format!("GPU-{device}")).collect(),
        interval_ns: INTERVAL_NS,
        start_ns: 0,
        start_unix_ns: 0,
        power_gap_cap_ns: 500 * NS_PER_MS,
        slow_gap_cap_ns: NS_PER_S,
        history_ns: 3 * NS_PER_S,
        sensors: vec![Sensor::DATACENTER; DEVICES],
        calibrated: Vec::new(),
    }
}

fn bytes_of(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

#[test]
fn an_hour_of_eight_gpus_at_10_ms_costs_less_than_8_mib_after_its_first_minute() {
    let folder = tempfile::tempdir().expect("a folder");
    let [samples_path, rows_path] = ["samples", "timeseries"].map(|name| folder.path().join(name));
    let mut samples = SamplesFile::create(&samples_path, &facts()).expect("a file");
    let mut rows = TimeseriesFile::create(&rows_path, &facts()).expect("a file");
    let mut after_a_minute = 0;
    for second in 0..3600 {
        for deadline in 0..NS_PER_S / INTERVAL_NS {
            let at_ns = u64::from(second) * NS_PER_S + deadline * INTERVAL_NS;
            for device in 0..DEVICES {
                samples.push(&sample(device, at_ns)).expect("a row");
            }
        }
        rows.push_all((0..DEVICES).map(|device| row(device, second))).expect("rows");
        if second == 60 {
            after_a_minute = PEAK.load(Ordering::Relaxed);
        }
    }
    let grown_mib = (PEAK.load(Ordering::Relaxed) - after_a_minute) as f64 / MIB;
    let footer_kib = bytes_of(&folder.path().join("samples.footer.partial")) / 1024;
    println!("{:.1} MiB after a minute, {grown_mib:.1} MiB more after an hour", after_a_minute as f64 / MIB);
    println!(
        "footer of {footer_kib} KiB beside {} MiB",
        bytes_of(&folder.path().join("samples.partial")) >> 20
    );
    assert!(grown_mib < 8.0, "{grown_mib:.1} MiB");
}
