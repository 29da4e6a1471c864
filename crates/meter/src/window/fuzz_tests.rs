//! Whatever a driver answers, a window reports nothing impossible; and what it reports of one device depends on no
//! other.

use proptest::prelude::*;

use super::{OpenWindow, WindowOptions};
use crate::clock::{NS_PER_MS as MS, NS_PER_S};
use crate::energy::{History, Sensor};
use crate::fuzz_tests::asked;
use crate::parquet::FileFacts;
use crate::sample::{CounterReading, Sample, SlowSignals, ThrottleTimes};
use crate::source::ReadError;
use crate::window::{DeviceReport, EDGE_SPAN_NS, WindowReport};

const SENSORS: [Sensor; 4] = [Sensor::DATACENTER, Sensor::FAST, Sensor::GAPLESS, Sensor::AVERAGED];

/// What a driver may answer to one look at a device.
fn sample() -> impl Strategy<Value = Sample> {
    let error = prop_oneof![
        Just(ReadError::NotSupported),
        Just(ReadError::GpuLost),
        Just(ReadError::ZeroPower),
        any::<u32>().prop_map(ReadError::Driver),
    ];
    let power_mw = prop_oneof![
        6 => (1u32..1_500_000).prop_map(Ok),
        2 => Just(Ok(75_000)),
        1 => Just(Ok(u32::MAX)),
        2 => error.prop_map(Err),
    ];
    // Increments, so that most counters rise; a wrap of the sum is a counter that was reset.
    let counter =
        prop::option::weighted(0.5, prop_oneof![8 => 0u64..100_000, 1 => Just(0), 1 => any::<u64>()]);
    let slow = prop::option::weighted(0.2, prop::option::of(0u32..200));
    let throttle = prop::option::weighted(0.1, prop::option::of(any::<u64>()));
    (power_mw, counter, slow, throttle).prop_map(|(power_mw, counter, slow, throttle)| Sample {
        device: 0,
        scheduled: true,
        at_ns: 0,
        read_ns: 0,
        power_mw,
        counter: counter.map(|energy_mj| CounterReading { at_ns: 0, energy_mj }),
        slow: slow.map(|temperature_c| SlowSignals { temperature_c, ..SlowSignals::default() }),
        throttle: throttle.map(|power_cap_ns| ThrottleTimes { power_cap_ns, ..ThrottleTimes::default() }),
        poll: None,
    })
}

/// The time to the next look: usually the interval, at times a stall.
fn step_ns() -> impl Strategy<Value = u64> {
    prop_oneof![8 => Just(10 * MS), 2 => 1_000..30 * MS, 1 => 30 * MS..900 * MS]
}

/// Looks at one device, with a time and a running counter.
fn looks(most: usize) -> impl Strategy<Value = Vec<Sample>> {
    prop::collection::vec((step_ns(), sample()), 1..most).prop_map(|looks| {
        let (mut at_ns, mut energy_mj) = (NS_PER_S, 0u64);
        let mut samples = Vec::with_capacity(looks.len());
        for (step_ns, mut sample) in looks {
            at_ns += step_ns;
            sample.at_ns = at_ns;
            if let Some(counter) = &mut sample.counter {
                energy_mj = energy_mj.wrapping_add(counter.energy_mj);
                *counter = CounterReading { at_ns: at_ns + 1000, energy_mj };
            }
            samples.push(sample);
        }
        samples
    })
}

/// The report of a window over devices whose looks come in the order of their times, or of `order` at one time.
fn report(devices: &[&[Sample]], sensor: Sensor, window_ns: (u64, u64), order: &[usize]) -> WindowReport {
    let (start_ns, end_ns) = window_ns;
    let mut queue: Vec<(u64, usize, Sample)> = order
        .iter()
        .enumerate()
        .flat_map(|(rank, device)| {
            devices[*device]
                .iter()
                .map(move |sample| (sample.at_ns, rank, Sample { device: *device, ..*sample }))
        })
        .collect();
    queue.sort_by_key(|(at_ns, rank, _)| (*at_ns, *rank));
    let count = devices.len();
    let mut histories: Vec<_> = (0..count).map(|_| History::new(3 * NS_PER_S, 5 * MS, sensor)).collect();
    let mut latest: Vec<Option<Sample>> = vec![None; count];
    let facts = FileFacts {
        gpu_indices: vec![0; count],
        uuids: vec![String::new(); count],
        interval_ns: 10 * MS,
        start_ns,
        start_unix_ns: 0,
        power_gap_cap_ns: NS_PER_S / 2,
        slow_gap_cap_ns: NS_PER_S,
        history_ns: 3 * NS_PER_S,
        sensors: vec![sensor; count],
        calibrated: Vec::new(),
    };
    let mut window: Option<OpenWindow> = None;
    for (at_ns, _, sample) in queue {
        if at_ns >= start_ns && window.is_none() {
            window = Some(open(&facts, &histories, &latest));
        }
        if at_ns >= end_ns
            && let Some(window) = window.as_mut().filter(|window| window.end_ns().is_none())
        {
            window.close(end_ns);
        }
        let history = &mut histories[sample.device];
        history.push(&sample);
        if history.possible_w(&sample).is_some() {
            latest[sample.device] = Some(sample);
        }
        if let Some(window) = &mut window {
            window.push(&sample, history);
        }
    }
    let mut window = window.unwrap_or_else(|| open(&facts, &histories, &latest));
    window.close(end_ns);
    window.finish(end_ns, &histories, 0)
}

fn open(facts: &FileFacts, histories: &[History], latest: &[Option<Sample>]) -> OpenWindow {
    OpenWindow::new(&WindowOptions::default(), facts, histories, latest, [].iter(), 0)
}

fn joules(device: &DeviceReport) -> impl Iterator<Item = f64> {
    let known = [
        device.headline.total_j,
        device.integral_j,
        device.counter_j,
        device.mean_power_w,
        device.max_power_w,
        device.uncertainty_j(),
        device.absolute_uncertainty_j(),
    ];
    let components = device.headline.budget.components.iter().map(|component| component.standard_j);
    known.into_iter().flatten().chain(components)
}

fn window() -> impl Strategy<Value = (u64, u64)> {
    (NS_PER_S..5 * NS_PER_S, 0..6 * NS_PER_S)
        .prop_map(|(start_ns, length_ns)| (start_ns, start_ns + length_ns))
}

/// `LLEM_TEST_FUZZ` says how many cases each test has. One in ten has no window that fits, however many they are.
fn config() -> ProptestConfig {
    let cases = u32::try_from(asked(200)).unwrap_or(u32::MAX);
    ProptestConfig { max_global_rejects: cases.max(1024), ..ProptestConfig::with_cases(cases) }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_the_driver_answers_no_energy_is_negative_or_no_number(
        samples in looks(400),
        sensor in prop::sample::select(&SENSORS),
        window_ns in window(),
    ) {
        let report = report(&[&samples], sensor, window_ns, &[0]);
        let device = &report.devices[0];
        for value in joules(device) {
            prop_assert!(value.is_finite() && value >= 0.0, "{device:#?}");
        }
        prop_assert!((0.0..=1.0 + 1e-12).contains(&device.coverage), "{device:#?}");
        prop_assert!(device.gap_s >= 0.0 && device.gap_s.is_finite());
        prop_assert_eq!(device.headline.total_j.is_some(), device.headline.method.is_some());
        prop_assert!(device.uncertainty_j().is_none_or(|uncertainty_j| uncertainty_j > 0.0), "{device:#?}");
        prop_assert!(device.headline.residual_pct.is_none_or(f64::is_finite));
    }

    #[test]
    fn a_device_is_measured_the_same_whoever_is_beside_it_and_in_whatever_order_they_are_read(
        first in looks(200),
        second in looks(200),
        window_ns in window(),
    ) {
        // The readings of both at one time, so that their order can be exchanged.
        let second: Vec<Sample> =
            second.iter().zip(&first).map(|(sample, at)| moved(sample, at.at_ns)).collect();
        let first = &first[..second.len()];
        let alone = report(&[first], Sensor::DATACENTER, window_ns, &[0]);
        let both = report(&[first, &second], Sensor::DATACENTER, window_ns, &[0, 1]);
        let exchanged = report(&[first, &second], Sensor::DATACENTER, window_ns, &[1, 0]);
        prop_assert_eq!(format!("{:?}", alone.devices[0]), format!("{:?}", both.devices[0]));
        prop_assert_eq!(format!("{:?}", both.devices), format!("{:?}", exchanged.devices));
    }

    #[test]
    fn two_windows_that_meet_hold_the_energy_of_the_one_over_both(
        samples in looks(400),
        cut in 0.2..0.8f64,
    ) {
        let (start_ns, end_ns) = (NS_PER_S + 500 * MS, samples.last().map_or(0, |sample| sample.at_ns));
        prop_assume!(end_ns > start_ns + NS_PER_S + EDGE_SPAN_NS);
        let end_ns = end_ns - EDGE_SPAN_NS;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of some seconds")]
        let cut_ns = start_ns + ((end_ns - start_ns) as f64 * cut) as u64;
        let over = |window_ns| report(&[&samples], Sensor::DATACENTER, window_ns, &[0]).devices.remove(0);
        let (whole, left, right) = (over((start_ns, end_ns)), over((start_ns, cut_ns)), over((cut_ns, end_ns)));
        let sum = |of: fn(&DeviceReport) -> Option<f64>| of(&left).unwrap_or(0.0) + of(&right).unwrap_or(0.0);
        // The lag that the readings are shifted by is judged when a window opens.
        if whole.lag_ns == left.lag_ns && left.lag_ns == right.lag_ns {
            let whole_j = whole.integral_j.unwrap_or(0.0);
            prop_assert!((sum(|device| device.integral_j) - whole_j).abs() <= 1e-9 * whole_j.max(1.0));
            prop_assert!((left.gap_s + right.gap_s - whole.gap_s).abs() < 1e-9);
        }
    }
}

fn moved(sample: &Sample, at_ns: u64) -> Sample {
    let counter = sample.counter.map(|counter| CounterReading { at_ns: at_ns + 1000, ..counter });
    Sample { at_ns, counter, ..*sample }
}
