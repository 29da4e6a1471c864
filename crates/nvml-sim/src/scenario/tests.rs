use std::time::Duration;

use super::*;

fn problems(text: &str) -> Vec<String> {
    Scenario::parse(text).expect_err("should be refused").problems
}

/// The one problem of a scenario whose first device is `device`.
fn problem_of_device(device: &str) -> String {
    let mut list = problems(&format!(r#"{{"devices":[{device}]}}"#));
    assert_eq!(list.len(), 1, "{list:?}");
    list.remove(0)
}

const EVERY_KEY: &str = r#"{
  "version": 1, "epoch_monotonic_ns": 123456789, "driver_version": "580.95.05", "cuda_version": 13000,
  "devices": [{
    "name": "NVIDIA H200", "uuid": "GPU-00000000-0000-0000-0000-000000000001", "pci_bus_id": "00000000:01:00.0",
    "architecture": "hopper", "memory_total_mib": 143771, "memory_used_mib": 1024,
    "power_limit_w": 700, "persistence_mode": true, "mig_mode": false,
    "power": { "segments": [
      { "for_s": 7, "w": 75 },
      { "for_s": 0.5, "from_w": 75, "to_w": 600 },
      { "for_s": 10, "sine": { "mean_w": 500, "amplitude_w": 150, "period_s": 0.07 } },
      { "for_s": 10, "square": { "low_w": 100, "high_w": 650, "period_s": 0.13, "duty": 0.5 } }
    ], "repeat": true },
    "sensor": { "update_period_ms": 100, "window_ms": 25, "phase_ms": 0, "gain": 1.0, "noise_w": 0, "seed": 1 },
    "average": { "window_ms": 1000 },
    "counter": { "update_period_ms": 100, "offset_mj": 0, "supported": true },
    "call_latency_us": { "power": 20, "fields": 20, "energy": 200, "other": 5 },
    "temperature_c": { "base": 35, "per_100_w": 5 },
    "utilization_pct": { "idle_below_w": 100, "idle": 0, "busy": 95 },
    "throttle": [ { "from_s": 3, "to_s": 4, "reasons": ["sw_power_cap", "hw_thermal_slowdown"] } ],
    "processes": [ { "from_s": 0, "to_s": 1e9, "pid": 4242, "used_mib": 512 } ],
    "faults": [
      { "from_s": 2.0, "to_s": 2.5, "call": "power",  "error": "unknown" },
      { "from_s": 6.0, "to_s": 1e9, "call": "all",    "error": "gpu_is_lost" },
      { "from_s": 8.0, "to_s": 8.3, "call": "energy", "error": "not_supported" },
      { "from_s": 9.0, "to_s": 9.1, "call": "fields", "stall_ms": 250 }
    ],
    "memory": [ { "from_s": 2, "to_s": 4, "used_mib": 9000 } ],
    "xids": [ { "at_s": 6.0, "xid": 79 }, { "at_s": 5.0, "xid": 48 } ]
  }]
}"#;

#[test]
fn every_documented_key_is_read() {
    let scenario = Scenario::parse(EVERY_KEY).unwrap();
    assert_eq!(scenario.epoch_monotonic_ns, Some(123_456_789));
    let device = &scenario.devices[0];
    assert_eq!(device.throttle[0].reasons, 0x44);
    assert_eq!(device.processes[0].pid, 4242);
    assert_eq!(device.faults.len(), 4);
    assert_eq!(device.faults[3].stall, Duration::from_millis(250));
    assert_eq!(device.faults[1].to_ns, 1_000_000_000_000_000_000);
    assert_eq!(device.memory[0].used_mib, 9000);
    assert_eq!(device.xids.iter().map(|xid| xid.xid).collect::<Vec<_>>(), [48, 79]);
}

#[test]
fn an_absent_key_means_the_documented_value() {
    let mut documented = Scenario::parse(EVERY_KEY).unwrap();
    let mut built_in = Scenario::built_in();
    documented.epoch_monotonic_ns = None;
    // Nothing that disturbs happens unless a scenario asks for it.
    let device = &mut documented.devices[0];
    (device.throttle, device.processes, device.faults) = (vec![], vec![], vec![]);
    (device.memory, device.xids) = (vec![], vec![]);
    assert_eq!(format!("{documented:?}"), format!("{built_in:?}"));
    built_in.devices = Scenario::parse(r#"{"devices":[{},{}]}"#).unwrap().devices;
    assert_eq!(built_in.devices[1].uuid, "GPU-00000000-0000-0000-0000-000000000002");
    assert_eq!(built_in.devices[1].pci.to_string(), "00000000:02:00.0");
}

#[test]
fn an_unknown_key_is_named_with_its_place() {
    for (text, place) in [
        (r#"{"foo":1}"#, "foo"),
        (r#"{"devices":[{"foo":1}]}"#, "devices[0].foo"),
        (r#"{"devices":[{},{"sensor":{"foo":1}}]}"#, "devices[1].sensor.foo"),
        (r#"{"devices":[{"average":{"foo":1}}]}"#, "devices[0].average.foo"),
        (r#"{"devices":[{"counter":{"foo":1}}]}"#, "devices[0].counter.foo"),
        (r#"{"devices":[{"power":{"foo":1}}]}"#, "devices[0].power.foo"),
        (
            r#"{"devices":[{"power":{"segments":[{"for_s":1,"w":1,"foo":1}]}}]}"#,
            "devices[0].power.segments[0].foo",
        ),
        (
            r#"{"devices":[{"power":{"segments":[{"for_s":1,"square":{"low_w":1,"high_w":2,"period_s":1,"foo":1}}]}}]}"#,
            "devices[0].power.segments[0].square.foo",
        ),
        (r#"{"devices":[{"processes":[{"pid":1,"foo":1}]}]}"#, "devices[0].processes[0].foo"),
    ] {
        let list = problems(text);
        assert_eq!(list.len(), 1, "{list:?}");
        assert!(list[0].starts_with(&format!("{place} is not a known key")), "{}", list[0]);
    }
}

#[test]
fn a_wrong_value_is_refused_with_its_place() {
    for (device, expected) in [
        (r#"{"architecture":"fermi"}"#, "devices[0].architecture must be one of volta, turing, ga100"),
        (r#"{"sensor":{"update_period_ms":0}}"#, "devices[0].sensor.update_period_ms must be from 0.001"),
        (r#"{"sensor":{"gain":"1"}}"#, "devices[0].sensor.gain must be a number, not \"1\""),
        (r#"{"power":{"segments":[]}}"#, "devices[0].power.segments must have at least one segment"),
        (
            r#"{"power":{"segments":[{"for_s":0,"w":1}]}}"#,
            "devices[0].power.segments[0].for_s must be more than 0",
        ),
        (r#"{"power":{"segments":[{"w":1}]}}"#, "devices[0].power.segments[0].for_s is missing"),
        (
            r#"{"power":{"segments":[{"for_s":1,"w":-1}]}}"#,
            "devices[0].power.segments[0].w must not be negative",
        ),
        (r#"{"power":{"segments":[{"for_s":1}]}}"#, "devices[0].power.segments[0] must have exactly one of"),
        (
            r#"{"power":{"segments":[{"for_s":1,"w":1,"from_w":1,"to_w":2}]}}"#,
            "devices[0].power.segments[0] must have exactly one of",
        ),
        (
            r#"{"power":{"segments":[{"for_s":1,"from_w":1}]}}"#,
            "devices[0].power.segments[0].to_w is missing",
        ),
        (
            r#"{"power":{"segments":[{"for_s":1,"sine":{"mean_w":1,"amplitude_w":2,"period_s":1}}]}}"#,
            "devices[0].power.segments[0].sine.amplitude_w must not be more than mean_w",
        ),
        (
            r#"{"throttle":[{"reasons":["hot"]}]}"#,
            "devices[0].throttle[0].reasons[0] must be one of gpu_idle",
        ),
        (r#"{"throttle":[{"from_s":1,"to_s":2}]}"#, "devices[0].throttle[0].reasons is missing"),
        (r#"{"faults":[{"call":"power","error":"oops"}]}"#, "devices[0].faults[0].error must be one of"),
        (
            r#"{"faults":[{"call":"fan","error":"unknown"}]}"#,
            "devices[0].faults[0].call must be one of power",
        ),
        (r#"{"faults":[{"error":"unknown"}]}"#, "devices[0].faults[0].call is missing"),
        (r#"{"faults":[{"call":"power"}]}"#, "devices[0].faults[0] must have error, stall_ms or both"),
        (
            r#"{"faults":[{"call":"power","error":"unknown","from_s":2,"to_s":1}]}"#,
            "devices[0].faults[0].to_s must be later than from_s",
        ),
        (r#"{"memory_total_mib":1,"memory_used_mib":2}"#, "devices[0].memory_used_mib must not be more than"),
        (r#"{"processes":[{"pid":-1}]}"#, "devices[0].processes[0].pid must be a whole number"),
        (r#"{"pci_bus_id":"first"}"#, "devices[0].pci_bus_id must look like"),
        (r#"{"counter":{"offset_mj":0.5}}"#, "devices[0].counter.offset_mj must be a whole number"),
        (r#"{"utilization_pct":{"busy":101}}"#, "devices[0].utilization_pct.busy must be a whole number"),
        (r#"{"power":7}"#, "devices[0].power must be an object, not 7"),
        (r#"{"persistence_mode":1}"#, "devices[0].persistence_mode must be true or false, not 1"),
    ] {
        let problem = problem_of_device(device);
        assert!(problem.starts_with(expected), "{device}: {problem}");
    }
}

#[test]
fn a_wrong_frame_is_refused() {
    for (text, expected) in [
        ("{", "not valid JSON: "),
        ("// no comments\n{}", "not valid JSON: "),
        ("[]", "the scenario must be an object"),
        (r#"{"version":3}"#, "version must be 1 or 2"),
        (r#"{"driver_version":"new"}"#, "driver_version must be numbers"),
        (r#"{"devices":{}}"#, "devices must be an array"),
        (
            r#"{"devices":[{"uuid":"GPU-1"},{"uuid":"GPU-1"}]}"#,
            "devices[1].uuid GPU-1 is another device's too",
        ),
        (
            r#"{"devices":[{},{"pci_bus_id":"0000:01:00.0"}]}"#,
            "devices[1].pci_bus_id 00000000:01:00.0 is another device's too",
        ),
    ] {
        let list = problems(text);
        assert!(list.len() == 1 && list[0].starts_with(expected), "{text}: {list:?}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let list = problems(r#"{"foo":1,"devices":[{"sensor":{"gain":-1,"foo":2}},{"faults":[{"call":"x"}]}]}"#);
    assert_eq!(list.len(), 5, "{list:?}");
}

#[test]
fn a_whole_number_may_be_written_as_a_float() {
    assert_eq!(Scenario::parse(r#"{"epoch_monotonic_ns":5e3}"#).unwrap().epoch_monotonic_ns, Some(5000));
    assert!(Scenario::parse(r#"{"devices":[]}"#).unwrap().devices.is_empty());
}
