use super::*;
use crate::clock::NS_PER_S;
use crate::energy::{Method, Sensor};
use crate::parquet::timeseries_joules;
use crate::sample::{CounterReading, ThrottleTimes};
use crate::source::ReadError;

const START_NS: u64 = 100 * NS_PER_S;

fn sample(at_ns: u64, power_mw: Result<u32, ReadError>) -> Sample {
    Sample {
        device: 0,
        scheduled: true,
        at_ns,
        read_ns: 1000,
        power_mw,
        counter: None,
        slow: None,
        throttle: None,
        poll: None,
    }
}

/// A window over one device, and the device's past.
struct Fixture {
    window: OpenWindow,
    history: History,
}

impl Fixture {
    fn open(sensor: Sensor, power_gap_cap_ns: u64, options: &WindowOptions) -> Self {
        let facts = FileFacts {
            gpu_indices: vec![0],
            uuids: vec!["GPU-0".to_owned()],
            interval_ns: 10 * NS_PER_MS,
            start_ns: START_NS,
            start_unix_ns: 0,
            power_gap_cap_ns,
            slow_gap_cap_ns: NS_PER_S,
            history_ns: 3 * NS_PER_S,
            sensors: vec![sensor],
            calibrated: Vec::new(),
        };
        let history = History::new(3 * NS_PER_S, 5 * NS_PER_MS, sensor);
        let histories = std::slice::from_ref(&history);
        let window = OpenWindow::new(options, &facts, histories, &[None], [].iter(), 0);
        Self { window, history }
    }

    fn push(&mut self, sample: &Sample) {
        self.history.push(sample);
        self.window.push(sample, &self.history);
    }

    fn finish(self, end_ns: u64) -> WindowReport {
        self.window.finish(end_ns, std::slice::from_ref(&self.history), 0)
    }
}

#[test]
fn a_window_that_nobody_wants_rows_of_holds_no_more_of_them_after_an_hour() {
    for closed_at_first in [false, true] {
        let mut fixture = Fixture::open(Sensor::DATACENTER, 500 * NS_PER_MS, &WindowOptions::default());
        if closed_at_first {
            fixture.window.close(START_NS + 3600 * NS_PER_S);
        }
        for k in 0..36_000 {
            fixture.push(&sample(START_NS + k * 100 * NS_PER_MS, Ok(100_000)));
        }
        let held = fixture.window.devices[0].downsampler.seconds_held();
        assert!(held < 5, "{held} s");
    }
}

#[test]
fn the_rows_hold_all_the_energy_where_a_late_sensor_was_silent_for_as_long_as_is_bridged() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("timeseries.parquet");
    let options = WindowOptions { timeseries_path: Some(path.clone()), samples_path: None };
    let mut fixture = Fixture::open(Sensor::AVERAGED, 15 * NS_PER_S, &options);
    let at = |ms: u64| START_NS + ms * NS_PER_MS;
    let mut readings = vec![(200, true), (1200, true)];
    readings.extend((2..=16).map(|second| (second * 1000 + 50, false)));
    readings.extend([(16_150, true), (17_000, true)]);
    for (ms, answers) in readings {
        fixture.push(&sample(at(ms), if answers { Ok(100_000) } else { Err(ReadError::GpuLost) }));
    }
    fixture.window.close(at(18_000));
    fixture.push(&sample(at(19_000), Ok(100_000)));
    let integral_j = fixture.finish(at(18_000)).devices[0].integral_j.expect("joules");
    let rows_j = timeseries_joules(&path).expect("rows")[0].1.expect("joules");
    assert!((rows_j - integral_j).abs() < 1e-3, "{rows_j} J in rows, {integral_j} J in all");
}

#[test]
fn throttling_before_the_left_edge_is_another_windows() {
    let mut fixture = Fixture::open(Sensor::DATACENTER, 500 * NS_PER_MS, &WindowOptions::default());
    let throttled = |at_ns, power_cap_ns| {
        let throttle = ThrottleTimes { power_cap_ns: Some(power_cap_ns), ..ThrottleTimes::default() };
        Sample { throttle: Some(throttle), ..sample(at_ns, Ok(100_000)) }
    };
    // The recorder hears of a window up to a tenth of a second late: the edge of another one is still on its way.
    fixture.push(&throttled(START_NS - 90 * NS_PER_MS, 1_000_000));
    fixture.push(&throttled(START_NS + NS_PER_MS, 80_000_000));
    fixture.window.close(START_NS + NS_PER_S);
    fixture.push(&throttled(START_NS + NS_PER_S + NS_PER_MS, 85_000_000));
    let report = fixture.finish(START_NS + NS_PER_S);
    assert_eq!(report.devices[0].throttled_ns.power_cap_ns, Some(5_000_000));
}

#[test]
fn an_hour_without_a_gpu_is_no_list_of_3600_holes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("timeseries.parquet");
    let options = WindowOptions { timeseries_path: Some(path.clone()), samples_path: None };
    let mut fixture = Fixture::open(Sensor::DATACENTER, 500 * NS_PER_MS, &options);
    let end_ns = START_NS + 3602 * NS_PER_S;
    fixture.window.close(end_ns);
    for k in 0..36_030 {
        // Lost after half a second, and back half a second before the end.
        let is_there = !(5..36_015).contains(&k);
        let power_mw = if is_there { Ok(100_000) } else { Err(ReadError::GpuLost) };
        fixture.push(&sample(START_NS + k * 100 * NS_PER_MS, power_mw));
    }
    let report = fixture.finish(end_ns);
    let integral_j = report.devices[0].integral_j.expect("joules");
    let rows_j = timeseries_joules(&path).expect("rows")[0].1.expect("joules");
    assert!((rows_j - integral_j).abs() < 1e-3, "{rows_j} J in rows, {integral_j} J in all");
    let bytes = std::fs::read(&path).expect("a file");
    let lists = |hole: &[u8]| bytes.windows(hole.len()).any(|window| window == hole);
    // The second in which it came back has a mean, the thousandth has none.
    assert!(lists(b"0:3601=") && !lists(b"0:1000="));
}

#[test]
fn a_window_that_the_machine_slept_through_says_so() {
    let asleep = |slept_ns| sleep_between(7 * NS_PER_S, 7 * NS_PER_S + slept_ns);
    assert_eq!(asleep(40 * NS_PER_MS), None);
    let told = asleep(90 * NS_PER_S).expect("a fault");
    assert!(told.starts_with("the machine slept for 90 s during the window"), "{told}");
    // Nobody can put the machine of a test to sleep.
    let mut fixture = Fixture::open(Sensor::DATACENTER, 500 * NS_PER_MS, &WindowOptions::default());
    fixture.window.close(START_NS + NS_PER_S);
    assert!(fixture.finish(START_NS + NS_PER_S).faults.is_empty());
}

#[test]
fn a_mistake_at_an_edge_costs_that_device_its_counter_and_nothing_else() {
    let report = |breaks: bool| {
        let mut fixture = Fixture::open(Sensor::DATACENTER, 500 * NS_PER_MS, &WindowOptions::default());
        fixture.history.breaks_at_edges = breaks;
        fixture.window.close(START_NS + 10 * NS_PER_S);
        for k in 0..1200 {
            let at_ns = START_NS - NS_PER_S + k * 10 * NS_PER_MS;
            let counter = CounterReading { at_ns, energy_mj: (k / 10) * 20_000 };
            let power_mw = Ok(200_000 + u32::try_from(k / 10 % 3).expect("small"));
            fixture.push(&Sample { counter: Some(counter), ..sample(at_ns, power_mw) });
        }
        fixture.finish(START_NS + 10 * NS_PER_S).devices.remove(0)
    };
    let (whole, broken) = (report(false), report(true));
    assert_eq!(whole.headline.method, Some(Method::Counter));
    assert_eq!(broken.headline.method, Some(Method::Integral));
    let total_j = broken.headline.total_j.expect("joules");
    assert!((total_j - 2000.0).abs() < 1.0, "{total_j}");
    assert!(broken.uncertainty_j() > whole.uncertainty_j(), "{:?}", broken.headline.budget);
    let finding = broken.headline.findings.iter().find(|finding| finding.code == "estimator_failed");
    assert!(finding.expect("a finding").text.ends_with("broken on purpose"));
}
