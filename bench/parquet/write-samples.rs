//! cargo run --release --example write-samples -- OUT.parquet ROWS: writes ROWS samples of eight GPUs, 10 ms apart,
//! with the writer of `samples.parquet`, twice, and prints the seconds that the second time took, until the file is
//! synced, as JSON: the first time also pays for fresh memory.

use std::path::Path;
use std::time::Instant;

use llem_meter::energy::{Belief, Sensor};
use llem_meter::parquet::{EndFacts, FileFacts, SamplesFile};
use llem_meter::sample::{CounterReading, Sample, SlowSignals};
use llem_meter::window::FirstUpdates;

const GPUS: usize = 8;
const INTERVAL_NS: u64 = 10_000_000;
/// One minute after boot, as a monotonic clock has it.
const START_NS: u64 = 60_000_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, rows] = arguments.as_slice() else {
        return Err("usage: write-samples OUT.parquet ROWS".into());
    };
    // Made beforehand: in the sampler they come off the ring.
    let samples: Vec<Sample> = (0..rows.parse()?).map(sample).collect();
    let facts = FileFacts {
        gpu_indices: (0..8).collect(),
        uuids: (0..GPUS).map(|position| format!("GPU-{position}")).collect(),
        interval_ns: INTERVAL_NS,
        start_ns: START_NS,
        start_unix_ns: 0,
        power_gap_cap_ns: 500_000_000,
        slow_gap_cap_ns: 1_000_000_000,
        history_ns: 2_370_000_000,
        sensors: vec![Sensor::DATACENTER; GPUS],
        calibrated: Vec::new(),
    };
    write(Path::new(path), &facts, &samples)?;
    println!("{{\"seconds\":{}}}", write(Path::new(path), &facts, &samples)?);
    Ok(())
}

fn write(path: &Path, facts: &FileFacts, samples: &[Sample]) -> std::io::Result<f64> {
    let began = Instant::now();
    let mut file = SamplesFile::create(path, facts)?;
    for sample in samples {
        file.push(sample)?;
    }
    file.finish(&EndFacts {
        end_ns: samples.last().map_or(START_NS, |sample| sample.at_ns),
        beliefs: vec![[Belief::default(); 3]; GPUS],
        first_updates: vec![FirstUpdates::default(); GPUS],
    })?;
    Ok(began.elapsed().as_secs_f64())
}

/// What a GPU under a bursty load shows: a new power every tenth deadline, the slow signals at 10 Hz, the counter at
/// 2 Hz.
fn sample(row: usize) -> Sample {
    let (device, poll) = (row % GPUS, (row / GPUS) as u64);
    let noise = |salt: u64, below: u64| mixed(poll / 10 * 1000 + device as u64 * 10 + salt) % below;
    // Every call is late and long by a little, so that stamps do not compress better than real ones.
    let jitter = |salt: u64, below: u64| mixed(row as u64 * 10 + salt) % below;
    let at_ns = START_NS + poll * INTERVAL_NS + device as u64 * 25_000 + jitter(1, 60_000);
    #[allow(clippy::cast_possible_truncation)] // Small by construction.
    let power_mw = 330_000 + noise(2, 360_000) as u32;
    #[allow(clippy::cast_possible_truncation)]
    let slow = SlowSignals {
        temperature_c: Some(55 + noise(3, 8) as u32),
        memory_used_bytes: Some(60 << 30),
        memory_total_bytes: Some(140 << 30),
        sm_utilisation_pct: Some(90 + noise(4, 11) as u32),
        throttle_reasons: Some(if noise(5, 20) == 0 { 4 } else { 0 }),
        sm_clock_mhz: Some(1755 + 15 * noise(6, 16) as u32),
        memory_clock_mhz: Some(3201),
        memory_temperature_c: Some(60 + noise(9, 8) as u32),
        average_power_mw: Some(311_000),
        performance_state: Some(0),
    };
    let counter = CounterReading { at_ns: at_ns + 120_000, energy_mj: poll * 4_800 + noise(7, 4_800) };
    Sample {
        device,
        scheduled: true,
        at_ns,
        read_ns: 20_000 + jitter(8, 5_000),
        power_mw: Ok(power_mw),
        counter: (poll % 50 == 0).then_some(counter),
        slow: (poll % 10 == 0).then_some(slow),
        throttle: None,
        poll: None,
    }
}

/// The same pseudo-random number for the same input (splitmix64).
fn mixed(input: u64) -> u64 {
    let mut z = input.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
