use super::*;
use crate::replay::Random;

const MS: f64 = NS_PER_MS as f64;

/// Reads every `poll_ms` a value that changes at `phase_ms + k * period_ms`, except where it repeats.
fn listen(
    rhythm: &mut Rhythm,
    reads_ms: impl Iterator<Item = f64>,
    period_ms: f64,
    phase_ms: f64,
    repeats: &[u64],
) {
    for at_ms in reads_ms {
        let mut tick = rounded(((at_ms - phase_ms) / period_ms).floor());
        while repeats.contains(&(tick % 7)) {
            tick -= 1;
        }
        rhythm.push(rounded(at_ms * MS), tick);
    }
}

fn every(poll_ms: f64, from_ms: f64, to_ms: f64) -> impl Iterator<Item = f64> {
    let count = rounded((to_ms - from_ms) / poll_ms);
    (0..count).map(move |k| from_ms + k as f64 * poll_ms)
}

#[test]
fn period_and_phase_are_finer_than_the_polling() {
    for (period_ms, phase_ms) in [(100.0, 37.0), (101.3, 4.0), (20.0, 13.0), (16.7, 1.0), (500.0, 250.0)] {
        let mut rhythm = Rhythm::default();
        let poll_ms = f64::min(9.7, period_ms / 4.1);
        listen(&mut rhythm, every(poll_ms, 1000.0, 31_000.0), period_ms, phase_ms, &[]);
        let found_ms = rhythm.period_ns().expect("a period") as f64 / MS;
        assert!((found_ms / period_ms - 1.0).abs() < 1e-3, "{period_ms} ms: {found_ms}");
        // At the end, and fifty ticks before.
        for after_ms in [31_000.0, 31_000.0 - 50.0 * period_ms] {
            let after_ns = rounded(after_ms * MS);
            let (tick_ns, doubt_ns) = rhythm.next_tick_ns(after_ns).expect("a phase");
            let off = (tick_ns as f64 / MS - phase_ms) / period_ms;
            let off_ms = (off - off.round()).abs() * period_ms;
            assert!(off_ms < 1.5 && off_ms * MS <= doubt_ns as f64, "{period_ms} ms: off by {off_ms} ms");
            let since_ms = (tick_ns - after_ns) as f64 / MS;
            assert!(since_ms <= 1.001 * period_ms, "{period_ms} ms: {since_ms} ms later");
        }
    }
}

#[test]
fn values_that_repeat_and_reads_that_fail_do_not_lengthen_the_period() {
    let mut rhythm = Rhythm::default();
    let mut random = Random::new(3);
    let reads = every(10.0, 1000.0, 20_000.0).filter(|_| random.between(0.0, 1.0) > 0.2);
    listen(&mut rhythm, reads.collect::<Vec<_>>().into_iter(), 100.0, 55.0, &[2, 3, 5]);
    let found_ms = rhythm.period_ns().expect("a period") as f64 / MS;
    assert!((found_ms - 100.0).abs() < 0.2, "{found_ms}");
}

#[test]
fn one_change_between_two_ticks_is_no_period_of_its_own() {
    let mut rhythm = Rhythm::default();
    let odd = [2, 20];
    for at_ms in (100..4000).step_by(10) {
        let changed_twice = odd.contains(&(at_ms / 100)) && at_ms % 100 >= 40;
        rhythm.push(at_ms * NS_PER_MS, at_ms / 100 * 2 + u64::from(changed_twice));
    }
    let found_ms = rhythm.period_ns().expect("a period") as f64 / MS;
    assert!((found_ms - 100.0).abs() < 0.5, "{found_ms}");
}

#[test]
fn bursts_of_reads_minutes_apart_share_their_period() {
    let mut rhythm = Rhythm::default();
    for burst in 0..20 {
        let from_ms = 1000.0 + 61_037.3 * f64::from(burst);
        listen(&mut rhythm, every(10.0, from_ms, from_ms + 350.0), 101.3, 12.0, &[]);
    }
    let found_ms = rhythm.period_ns().expect("a period") as f64 / MS;
    assert!((found_ms - 101.3).abs() < 0.5, "{found_ms}");
}

#[test]
fn a_load_that_begins_and_ends_once_tells_no_period() {
    // Idle, a reading of half the load, the load, a reading of half of it, idle: two gaps of one period, and one
    // of which only the first would tell a period, and wrongly.
    for length_ms in (700..1400).step_by(100) {
        let mut rhythm = Rhythm::default();
        let changes_ms = [1008, 1100, 1100 + length_ms, 1192 + length_ms];
        for at_ms in (500..3000).step_by(10) {
            rhythm
                .push(at_ms * NS_PER_MS, changes_ms.iter().filter(|change| **change <= at_ms).count() as u64);
        }
        let found_ms = rhythm.period_ns().map_or(100.0, |period_ns| period_ns as f64 / MS);
        assert!((found_ms - 100.0).abs() < 11.0, "{length_ms} ms: {found_ms}");
    }
}

#[test]
fn a_sensor_that_changes_its_period_is_followed() {
    let mut rhythm = Rhythm::default();
    listen(&mut rhythm, every(10.0, 1000.0, 11_000.0), 100.0, 5.0, &[]);
    listen(&mut rhythm, every(10.0, 11_000.0, 40_000.0), 73.0, 5.0, &[]);
    let found_ms = rhythm.period_ns().expect("a period") as f64 / MS;
    assert!((found_ms - 73.0).abs() < 0.2, "{found_ms}");
}

#[test]
fn nothing_is_said_of_a_value_that_stands_still_or_is_read_too_rarely() {
    let mut rhythm = Rhythm::default();
    for k in 0..100 {
        rhythm.push(k * 10 * NS_PER_MS, 7);
    }
    for k in 100..200 {
        rhythm.push(k * 100 * NS_PER_MS, k);
    }
    assert_eq!((rhythm.period_ns(), rhythm.next_tick_ns(0)), (None, None));
}
