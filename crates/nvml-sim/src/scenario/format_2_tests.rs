//! What format 2 adds is read in files of format 2, and refused in those of format 1.

use super::*;

/// Every key that format 2 adds.
const EVERY_KEY: &str = r#"{
  "version": 2, "description": "everything at once",
  "faults": [
    { "from_s": 1, "to_s": 2, "call": "init", "error": "driver_not_loaded" },
    { "from_s": 5, "call": "nvmlSystemGetDriverVersion", "hang": true }
  ],
  "call_latency_us": { "init": 1e6, "count": { "p50": 1, "p99": 2, "max": 3 }, "seed": 4 },
  "locked": [ { "from_s": 3, "to_s": 4 } ],
  "absent_symbols": [ "nvmlDeviceGetFieldValues", "nvmlDeviceGetFanSpeed" ],
  "devices": [{
    "name_bytes_hex": "4e5649444941ff1b", "index": 5, "cuda_index": 0, "state": "no_power_sensor",
    "architecture": "ga100", "power_usage": "average",
    "mig_instances": [
      { "uuid": "MIG-a", "profile": "1g.10gb", "memory_mib": 9856, "gpu_instance_id": 9, "compute_instance_id": 2 },
      { "uuid": "MIG-b" }
    ],
    "module": { "extra_w": 100, "power_limit_w": 1000 },
    "sensor": {
      "delay_ms": 60, "jitter_ms": 20, "quantum_w": 1, "offset_w": -3, "shape": "exponential",
      "stuck": [ { "from_s": 1, "to_s": 2 } ], "zero": [ { "from_s": 3, "to_s": 4 } ],
      "spikes": [ { "at_s": 5, "w": 31000 } ], "spike_every": { "readings": 100, "w": 31000 },
      "wrong_type": "double", "period_changes": [ { "at_s": 9, "update_period_ms": 50 } ]
    },
    "average": { "mode": "blind", "noise_w": 2, "delay_ms": 10 },
    "counter": {
      "gain": 1.25, "quantum_mj": 1000, "delay_ms": 20, "jitter_ms": 5, "phase_ms": 17, "mode": "sum_of_readings",
      "extra_w": 40, "resets": [ { "at_s": 5, "to_mj": 3 } ], "jumps": [ { "at_s": 6, "mj": -5 } ],
      "freezes": [ { "from_s": 7, "to_s": 8, "catch_up": true } ], "wrap_mj": 4294967296
    },
    "call_latency_us": {
      "power": { "p50": 20, "p99": 2000, "max": 50000 }, "handle_by_index": 1000, "nvmlDeviceGetName": 7, "seed": 3
    },
    "utilization_pct": { "share_of_ms": 1000 },
    "processes": [ { "pid": 7, "mig_instance": 1 } ],
    "faults": [ { "call": "instant", "error": "not_supported" }, { "call": "nvmlDeviceGetName", "hang": true } ]
  }]
}"#;

fn problems(text: &str) -> Vec<String> {
    Scenario::parse(text).expect_err("should be refused").problems
}

/// The one problem of a file of format 2 whose only device has these keys.
fn problem_of(keys: &str) -> String {
    let mut list = problems(&format!(r#"{{"version":2,"devices":[{{{keys}}}]}}"#));
    assert_eq!(list.len(), 1, "{list:?}");
    list.remove(0)
}

#[test]
fn every_key_is_read() {
    let scenario = Scenario::parse(EVERY_KEY).unwrap_or_else(|refusal| panic!("{refusal}"));
    let device = &scenario.devices[0];
    assert_eq!(device.name_bytes, b"NVIDIA\xff\x1b");
    assert_eq!(
        (device.index, device.cuda_index, device.state),
        (Some(5), Some(0), DeviceState::NoPowerSensor)
    );
    assert!(device.mig_mode, "where there are instances, MIG is on");
    let ids: Vec<_> = device.mig_instances.iter().map(|i| (i.gpu_instance, i.compute_instance)).collect();
    assert_eq!(ids, [(9, 2), (2, 0)]);
    assert_eq!(device.sensor.wrong_type, Some(ValueType::Double));
    assert_eq!(device.average.mode, AverageMode::Blind);
    assert_eq!((device.counter.mode, device.counter.wrap_mj), (CounterMode::SumOfReadings, Some(1 << 32)));
    assert_eq!((device.latency.named.len(), scenario.latency.named.len()), (2, 2));
    assert_eq!(scenario.locked_until_ns(3_500_000_000), Some(4_000_000_000));
    assert_eq!(scenario.absent_symbols.len(), 2);
    assert!(scenario.faults[1].hangs && device.faults[1].hangs);
}

#[test]
fn a_file_of_format_1_may_say_none_of_it() {
    let list = problems(&EVERY_KEY.replace(r#""version": 2"#, r#""version": 1"#));
    for place in [
        "description",
        "faults",
        "call_latency_us",
        "locked",
        "absent_symbols",
        "devices[0].name_bytes_hex",
        "devices[0].index",
        "devices[0].cuda_index",
        "devices[0].state",
        "devices[0].mig_instances",
        "devices[0].power_usage",
        "devices[0].module",
        "devices[0].sensor.delay_ms",
        "devices[0].sensor.shape",
        "devices[0].sensor.period_changes",
        "devices[0].average.mode",
        "devices[0].counter.gain",
        "devices[0].counter.freezes",
        "devices[0].call_latency_us.seed",
        "devices[0].utilization_pct.share_of_ms",
        "devices[0].processes[0].mig_instance",
        "devices[0].faults[1].hang",
        r#"devices[0].faults[0].call "instant""#,
    ] {
        let expected = format!("{place} is of format 2: such a file begins with \"version\": 2");
        assert!(list.contains(&expected), "{place}: {list:#?}");
    }
    let is_plain = |problem: &&String| !problem.contains("is of format 2");
    let rest: Vec<&String> = list.iter().filter(is_plain).collect();
    assert!(
        rest.iter().any(|p| p.starts_with("devices[0].call_latency_us.power must be a number")),
        "{rest:#?}"
    );
    assert!(
        rest.iter().any(|p| p.starts_with("devices[0].call_latency_us.handle_by_index is not a known key"))
    );
    assert!(rest.iter().any(|p| p.starts_with("devices[0].faults[1] must have error, stall_ms or both")));
    assert_eq!(rest.len(), 4, "{rest:#?}");
}

#[test]
fn what_is_not_known_does_not_name_keys_of_a_later_format() {
    let old = problems(r#"{"devices":[{"sensor":{"foo":1}}]}"#);
    assert!(
        old[0].ends_with("(known here: update_period_ms, window_ms, phase_ms, seed, gain, noise_w)"),
        "{old:?}"
    );
    assert!(problem_of(r#""sensor":{"foo":1}"#).contains("delay_ms"));
}

#[test]
fn an_absent_key_means_what_it_means_in_format_1() {
    let (old, new) =
        (Scenario::parse(r#"{"version":1}"#).unwrap(), Scenario::parse(r#"{"version":2}"#).unwrap());
    assert_eq!(format!("{old:?}"), format!("{new:?}"));
}

#[test]
fn a_wrong_value_is_refused_with_its_place() {
    for (keys, expected) in [
        (
            r#""state":"gone""#,
            "devices[0].state must be one of ok, lost, no_permission, no_power_sensor, not \"gone\"",
        ),
        (
            r#""architecture":"fermi""#,
            "devices[0].architecture must be one of volta, turing, ga100, ampere, ada, hopper, blackwell, not \"fermi\"; or pascal",
        ),
        (r#""name_bytes_hex":"4e00""#, "devices[0].name_bytes_hex must be 1 to 95 bytes"),
        (r#""name_bytes_hex":"4e","name":"x""#, "devices[0].name_bytes_hex stands in place of name"),
        (r#""name_bytes_hex":"4x""#, "devices[0].name_bytes_hex must be 1 to 95 bytes"),
        (r#""mig_instances":[{"uuid":"GPU-a"}]"#, "devices[0].mig_instances[0].uuid must begin with MIG-"),
        (r#""mig_instances":[{}]"#, "devices[0].mig_instances[0].uuid is missing"),
        (r#""mig_mode":false,"mig_instances":[{"uuid":"MIG-a"}]"#, "devices[0].mig_mode must be true"),
        (
            r#""mig_instances":[{"uuid":"MIG-a"},{"uuid":"MIG-a"}]"#,
            "devices[0].mig_instances[1].uuid MIG-a is another's too",
        ),
        (
            r#""processes":[{"pid":1,"mig_instance":0}]"#,
            "devices[0].processes[0].mig_instance must be the place of one",
        ),
        (r#""module":{}"#, "devices[0].module must have extra_w or power"),
        (r#""sensor":{"jitter_ms":50}"#, "devices[0].sensor.jitter_ms must be less than half"),
        (r#""sensor":{"shape":"round"}"#, "devices[0].sensor.shape must be one of boxcar, exponential"),
        (r#""sensor":{"wrong_type":"unsigned_int"}"#, "devices[0].sensor.wrong_type must be one of double"),
        (
            r#""sensor":{"spike_every":{"readings":0,"w":1}}"#,
            "devices[0].sensor.spike_every.readings must be more than 0",
        ),
        (r#""sensor":{"spikes":[{"at_s":1}]}"#, "devices[0].sensor.spikes[0].w is missing"),
        (
            r#""sensor":{"stuck":[{"from_s":2,"to_s":1}]}"#,
            "devices[0].sensor.stuck[0].to_s must be later than from_s",
        ),
        (
            r#""sensor":{"period_changes":[{"at_s":2,"update_period_ms":5},{"at_s":1,"update_period_ms":5}]}"#,
            "devices[0].sensor.period_changes[1].at_s must be later",
        ),
        (
            r#""sensor":{"update_period_ms":0.5},"average":{"mode":"blind"}"#,
            "devices[0].average.mode adds up the sensor's readings",
        ),
        (
            r#""sensor":{"update_period_ms":0.5},"counter":{"mode":"sum_of_readings"}"#,
            "devices[0].counter.mode adds up the sensor's readings",
        ),
        (r#""counter":{"quantum_mj":0}"#, "devices[0].counter.quantum_mj must be more than 0"),
        (
            r#""counter":{"jumps":[{"at_s":1,"mj":0.5}]}"#,
            "devices[0].counter.jumps[0].mj must be a whole number, not 0.5",
        ),
        (r#""counter":{"jumps":[{"at_s":1}]}"#, "devices[0].counter.jumps[0].mj is missing"),
        (r#""counter":{"freezes":[{"to_s":5},{"from_s":4}]}"#, "devices[0].counter.freezes must not overlap"),
        (
            r#""architecture":"kepler","counter":{"supported":true}"#,
            "devices[0].counter.supported must be false",
        ),
        (
            r#""call_latency_us":{"power":{"p50":5,"p99":4,"max":9}}"#,
            "devices[0].call_latency_us.power must have p50 <= p99 <= max",
        ),
        (
            r#""call_latency_us":{"init":5}"#,
            "devices[0].call_latency_us.init belongs into call_latency_us at the top of the file",
        ),
        (r#""call_latency_us":{"instant":5}"#, "devices[0].call_latency_us.instant is a part of a call"),
        (
            r#""call_latency_us":{"nvmlDeviceGetNam":5}"#,
            "devices[0].call_latency_us.nvmlDeviceGetNam is not a known key",
        ),
        (
            r#""faults":[{"call":"fan","error":"unknown"}]"#,
            "devices[0].faults[0].call must be one of power, fields, energy, other, all, not \"fan\"; or init",
        ),
        (
            r#""faults":[{"call":"power"}]"#,
            "devices[0].faults[0] must have error, stall_ms or both (or hang, or crash)",
        ),
        (
            r#""cuda_index":1"#,
            "devices: cuda_index must be on every device and hold each number from 0 to 0 once",
        ),
    ] {
        let problem = problem_of(keys);
        assert!(problem.starts_with(expected), "{keys}: {problem}");
    }
}

#[test]
fn a_wrong_frame_is_refused() {
    for (keys, expected) in [
        (
            r#""call_latency_us":{"handle_by_index":5}"#,
            "call_latency_us.handle_by_index belongs into call_latency_us on a device",
        ),
        (r#""locked":[{"from_s":1,"to_s":62}]"#, "locked[0] must be over within 60 s"),
        (r#""locked":[{"from_s":1}]"#, "locked[0] must be over within 60 s"),
        (r#""absent_symbols":["nvmlFly"]"#, "absent_symbols[0] \"nvmlFly\" is no function of nvml.h"),
        (r#""absent_symbols":["nvmlShutdown"]"#, "absent_symbols[0]"),
        (r#""absent_symbols":[7]"#, "absent_symbols[0] must be a string, not 7"),
        (r#""devices":[{"cuda_index":0},{}]"#, "devices: cuda_index must be on every device"),
        (r#""devices":[{"cuda_index":0},{"cuda_index":0}]"#, "devices: cuda_index must be on every device"),
    ] {
        let list = problems(&format!(r#"{{"version":2,{keys}}}"#));
        assert!(list.len() == 1 && list[0].starts_with(expected), "{keys}: {list:?}");
    }
}

#[test]
fn a_call_that_costs_more_than_a_second_is_an_error_of_the_file() {
    for version in [1, 2] {
        let list = problems(&format!(
            r#"{{"version":{version},"devices":[{{"call_latency_us":{{"power":1000001}}}}]}}"#
        ));
        assert!(
            list[0].starts_with("devices[0].call_latency_us.power must be from 0 to 1000000"),
            "{list:?}"
        );
    }
    let tail = r#""call_latency_us":{"power":{"p50":1,"p99":1,"max":2e6}}"#;
    assert!(
        problem_of(tail).starts_with("devices[0].call_latency_us.power.max must be from 0.001 to 1000000")
    );
}
