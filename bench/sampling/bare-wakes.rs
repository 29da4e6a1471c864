//! cargo run --release --example bare-wakes -- INTERVAL_MS SECONDS BUSY_US: wakes up at every deadline of a grid as llem's
//! sampler thread does, is busy for as long as its driver calls would be, and does nothing else. Prints as JSON what the
//! kernel takes for that: the least that any thread on this machine pays for reading on time.

use std::thread::sleep;
use std::time::{Duration, Instant};

use llem_meter::clock::thread_cpu_ns;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<f64> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let &[interval_ms, seconds, busy_us] = arguments.as_slice() else {
        return Err("usage: bare-wakes INTERVAL_MS SECONDS BUSY_US".into());
    };
    let [interval, duration, busy] = [interval_ms / 1e3, seconds, busy_us / 1e6].map(Duration::from_secs_f64);
    llem_meter::sampler::be_punctual();
    let cpu_before_ns = thread_cpu_ns();
    let start = Instant::now();
    let (mut wakes, mut worked) = (0, Duration::ZERO);
    while start.elapsed() < duration {
        wakes += 1;
        sleep((interval * wakes).saturating_sub(start.elapsed()));
        let woken = Instant::now();
        while woken.elapsed() < busy {}
        worked += woken.elapsed();
    }
    let cpu = Duration::from_nanos(thread_cpu_ns() - cpu_before_ns);
    println!(r#"{{"wakes": {wakes}, "cpu_s": {}, "busy_s": {}}}"#, cpu.as_secs_f64(), worked.as_secs_f64());
    Ok(())
}
