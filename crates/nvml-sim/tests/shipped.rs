//! The scenarios that llem ships by name, in `scenarios/` of the repository.

use std::path::Path;

use nvml_sim::{Device, Scenario};

const MS: i64 = 1_000_000;
const S: i64 = 1_000 * MS;

fn shipped(name: &str) -> Vec<Device> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let scenario = Scenario::parse(&text).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
    scenario.devices.into_iter().zip(0..).map(|(spec, index)| Device { spec, index }).collect()
}

fn only(name: &str) -> Device {
    shipped(name).remove(0)
}

#[test]
fn every_one_is_valid_and_says_in_one_sentence_what_it_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(!shipped(name).is_empty(), "{name}");
        let file: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let description = file["description"].as_str().unwrap_or_default();
        let sentence = description.split_inclusive(". ").next().unwrap_or_default();
        assert!(sentence.trim_end().ends_with('.') && sentence.len() < 100, "{name}: {sentence:?}");
        count += 1;
    }
    assert!(count >= 20, "{count} scenarios");
}

#[test]
fn boards_have_the_period_and_the_window_that_were_measured() {
    for (name, period_ms, window_ms) in [
        ("h100", 100, 25),
        ("a100", 101, 25),
        ("a10", 100, 100),
        ("t4", 100, 100),
        ("v100", 20, 10),
        ("gh200", 100, 20),
    ] {
        let device = only(&format!("{name}.json"));
        let (first, second) = (device.tick_ns(5), device.tick_ns(6));
        assert_eq!(
            (second - first, device.spec.sensor.window_ns),
            (period_ms * MS, window_ms * MS),
            "{name}"
        );
    }
    let module = only("gh200.json");
    assert_eq!(module.total_energy_mj(5 * S), module.module_energy_mj(5 * S), "the counter is the module's");
    assert_eq!(only("no-counter.json").total_energy_mj(S), None);
}

#[test]
fn each_lie_is_told() {
    let low = only("lying-low-sensor.json");
    let idle_w = (1..10).map(|tick| f64::from(low.reading_mw(tick)) / 1e3).sum::<f64>() / 9.0;
    assert!((60.0..80.0).contains(&idle_w) && low.reading_mw(3).is_multiple_of(1000), "{idle_w}");
    assert_eq!(only("lying-late.json").spec.sensor.delay_ns, 60 * MS);
    let blind = only("lying-blind-counter.json");
    let truth_mj = 1e3 * blind.true_energy_j(0, 21 * S);
    assert!(
        (blind.total_energy_mj(21 * S).unwrap() as f64 - truth_mj).abs() > 1000.0,
        "it integrates after all"
    );
    let slow = only("lying-slow-counter.json");
    assert_eq!(slow.total_energy_mj(2 * S), slow.total_energy_mj(2999 * MS));
    let stuck = only("lying-stuck-sensor.json");
    assert_eq!((stuck.power_instant_mw(9 * S), stuck.power_usage_mw(9 * S)), (75_000, 75_000));
    assert!((stuck.true_energy_j(8 * S, 9 * S) - 520.0).abs() < 1e-9);
    let jump = only("lying-counter-jump.json");
    assert_eq!(jump.total_energy_mj(4 * S), Some(1_200_000 + 5_000_000));
    let spikes = only("lying-spikes.json");
    assert_eq!((1..=1000).filter(|tick| spikes.reading_mw(*tick) == 31_000_000).count(), 10);
    let module = only("lying-module-counter.json");
    let ratio = module.total_energy_mj(21 * S).unwrap() as f64 / (1e3 * module.true_energy_j(0, 21 * S));
    assert!((ratio - 1.25).abs() < 1e-6, "{ratio}");
    let half = only("lying-500ms.json");
    assert_eq!(half.tick_ns(2) - half.tick_ns(1), 500 * MS);
    let zero = only("lying-zero.json");
    assert_eq!((zero.power_instant_mw(S), zero.power_usage_mw(S)), (0, 300_000));
    let in_step = only("lying-in-step.json");
    assert_eq!(in_step.power_instant_mw(10 * S), 100_000);
    let slow_driver = shipped("lying-slow-driver.json");
    assert_eq!(slow_driver.len(), 8);
    assert!(slow_driver.iter().all(|device| format!("{:?}", device.spec.latency.fields) == "Fixed(5000000)"));
    assert!(format!("{:?}", only("lying-heavy-tail.json").spec.latency.fields).starts_with("Tail"));
}

/// The blocks of JSON in `docs/simulator.md`: the examples of format 1 and of format 2.
fn documented() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/simulator.md");
    let text = std::fs::read_to_string(path).unwrap();
    text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
}

#[test]
fn the_examples_of_the_documentation_are_valid() {
    let examples = documented();
    assert_eq!(examples.len(), 2);
    for example in &examples {
        Scenario::parse(example).unwrap_or_else(|refusal| panic!("{refusal}"));
    }
}

#[test]
fn every_key_that_a_scenario_may_have_is_in_an_example() {
    // What is not known is told with what is.
    let places = [
        ("", r#"{"version":2,"?":0}"#),
        ("devices[0]", r#"{"version":2,"devices":[{"?":0}]}"#),
        ("sensor", r#"{"version":2,"devices":[{"sensor":{"?":0}}]}"#),
        ("average", r#"{"version":2,"devices":[{"average":{"?":0}}]}"#),
        ("counter", r#"{"version":2,"devices":[{"counter":{"?":0}}]}"#),
        ("module", r#"{"version":2,"devices":[{"module":{"extra_w":1,"?":0}}]}"#),
        ("latency", r#"{"version":2,"devices":[{"call_latency_us":{"?":0}}]}"#),
        ("utilization", r#"{"version":2,"devices":[{"utilization_pct":{"?":0}}]}"#),
        ("fault", r#"{"version":2,"faults":[{"call":"all","error":"unknown","?":0}]}"#),
        ("instance", r#"{"version":2,"devices":[{"mig_instances":[{"uuid":"MIG-a","?":0}]}]}"#),
        ("process", r#"{"version":2,"devices":[{"processes":[{"pid":1,"?":0}]}]}"#),
    ];
    let text = documented().concat();
    for (place, scenario) in places {
        let refusal = Scenario::parse(scenario).unwrap_err().to_string();
        let known = refusal.split("(known here: ").nth(1).unwrap().trim_end_matches(')');
        for key in known.split(", ") {
            assert!(text.contains(&format!("{key:?}:")), "{place}: {key} is in no example");
        }
    }
}
