//! What goes wrong on purpose: errors, stalls, slow calls, scenarios that are none.

mod support;

use std::process::Command;
use std::time::Duration;

use support::*;

#[test]
fn a_power_fault_hits_the_call_and_the_power_fields_and_nothing_else() {
    let nvml =
        Nvml::open("power_fault", &one_device(1.0, r#""faults":[{"call":"power","error":"unknown"}]"#));
    assert_eq!(nvml.power_mw(), Err(UNKNOWN));
    let codes: Vec<u32> = nvml
        .fields(&[(186, 0), (83, 0), (185, 0), (190, 0)])
        .unwrap()
        .iter()
        .map(|value| value.nvmlReturn)
        .collect();
    assert_eq!(codes, [UNKNOWN, SUCCESS, UNKNOWN, SUCCESS]);
    assert!(nvml.energy_mj().is_ok());
}

#[test]
fn an_energy_fault_hits_the_counter_and_the_energy_fields() {
    let faults = r#""faults":[{"call":"energy","error":"not_supported"}]"#;
    let nvml = Nvml::open("energy_fault", &one_device(1.0, faults));
    assert_eq!((nvml.energy_mj(), nvml.field(83), nvml.field(191)), (Err(3), Err(3), Err(3)));
    assert!(nvml.power_mw().is_ok() && nvml.field(186).is_ok());
}

#[test]
fn a_fields_fault_hits_the_fields_call_as_a_whole() {
    let nvml =
        Nvml::open("fields_fault", &one_device(1.0, r#""faults":[{"call":"fields","error":"timeout"}]"#));
    assert_eq!(nvml.fields(&[(186, 0)]).err(), Some(10));
    assert!(nvml.power_mw().is_ok() && nvml.energy_mj().is_ok());
}

#[test]
fn a_lost_gpu_answers_nothing() {
    let faults = r#""faults":[{"from_s":1.5,"call":"all","error":"gpu_is_lost"}]"#;
    let nvml = Nvml::open("lost", &one_device(0.0, faults));
    let device = nvml.device();
    let mut count = 0;
    std::thread::sleep(Duration::from_millis(1600));
    let mut field = blank_field(186, 0);
    let (mut mw, mut mj, mut percent) = (0, 0, 0);
    let mut again = std::ptr::null_mut();
    // SAFETY: the pointers are valid.
    unsafe {
        assert_eq!(nvml.lib.nvmlDeviceGetPowerUsage(device, &raw mut mw), GPU_IS_LOST);
        assert_eq!(nvml.lib.nvmlDeviceGetTotalEnergyConsumption(device, &raw mut mj), GPU_IS_LOST);
        assert_eq!(nvml.lib.nvmlDeviceGetFieldValues(device, 1, &raw mut field), GPU_IS_LOST);
        assert_eq!(nvml.lib.nvmlDeviceGetTemperature(device, 0, &raw mut percent), GPU_IS_LOST);
        assert_eq!(nvml.lib.nvmlDeviceGetHandleByIndex_v2(0, &raw mut again), GPU_IS_LOST);
        assert_eq!((nvml.lib.nvmlDeviceGetCount_v2(&raw mut count), count), (SUCCESS, 1));
    }
}

#[test]
fn used_memory_is_that_of_the_stretch_that_holds_the_moment() {
    let keys = r#""memory_used_mib":1000,"memory":[{"from_s":10,"to_s":20,"used_mib":5000}]"#;
    for (age_s, expected_mib) in [(9.0, 1000), (10.5, 5000), (21.0, 1000)] {
        let nvml = Nvml::open(&format!("memory_{age_s}"), &one_device(age_s, keys));
        // SAFETY: the pointer is valid.
        let used = unsafe {
            let mut memory = std::mem::zeroed::<nvml_wrapper_sys::bindings::nvmlMemory_t>();
            assert_eq!(nvml.lib.nvmlDeviceGetMemoryInfo(nvml.device(), &raw mut memory), SUCCESS);
            memory.used
        };
        assert_eq!(used >> 20, expected_mib, "{age_s} s after the start");
    }
}

#[test]
fn an_xid_is_delivered_once_to_a_set_that_was_there_before_it() {
    let xids = r#""xids":[{"at_s":0.5,"xid":13},{"at_s":1.3,"xid":48},{"at_s":1.4,"xid":79}]"#;
    let nvml = Nvml::open("xids", &one_device(1.0, xids));
    let device = nvml.device();
    // SAFETY: the pointers are valid, and the set is freed once.
    unsafe {
        let mut set = std::ptr::null_mut();
        assert_eq!(nvml.lib.nvmlEventSetCreate(&raw mut set), SUCCESS);
        assert_eq!(nvml.lib.nvmlDeviceRegisterEvents(device, 16, set), NOT_SUPPORTED);
        assert_eq!(nvml.lib.nvmlDeviceRegisterEvents(device, 8, set), SUCCESS);
        let wait = |timeout_ms| {
            let mut data = std::mem::zeroed::<nvml_wrapper_sys::bindings::nvmlEventData_t>();
            let code = nvml.lib.nvmlEventSetWait_v2(set, &raw mut data, timeout_ms);
            answer(code, (data.device == device, data.eventType, data.eventData))
        };
        assert_eq!(wait(0), Err(TIMEOUT), "what was before the registration is not delivered");
        let ((first, second), took) = timed(|| (wait(5000), wait(5000)));
        assert_eq!((first, second), (Ok((true, 8, 48)), Ok((true, 8, 79))));
        assert!(took < Duration::from_secs(3), "a waiting call returns when there is something: {took:?}");
        assert_eq!(wait(0), Err(TIMEOUT));
        assert_eq!(nvml.lib.nvmlEventSetFree(set), SUCCESS);
    }
}

#[test]
fn a_fault_is_over_when_its_time_is() {
    let faults = r#""faults":[{"from_s":0,"to_s":60,"call":"power","error":"no_data"}]"#;
    for (age_s, expected) in [(-60.0, true), (0.0, false), (61.0, true)] {
        let nvml = Nvml::open(&format!("over_{age_s}"), &one_device(age_s, faults));
        assert_eq!(nvml.power_mw().is_ok(), expected, "{age_s} s after the start");
    }
}

#[test]
fn a_stalled_call_hangs_once_and_then_answers() {
    let faults = r#""faults":[{"call":"fields","stall_ms":400},{"call":"all","stall_ms":500}]"#;
    let scenario = one_device(1.0, faults);
    let nvml = Nvml::open("stall", &scenario);
    let device = nvml.device();
    let mut fields = [blank_field(186, 0), blank_field(83, 0)];
    // SAFETY: the array holds two structs.
    let (code, took) = timed(|| unsafe { nvml.lib.nvmlDeviceGetFieldValues(device, 2, fields.as_mut_ptr()) });
    assert_eq!((code, fields[0].nvmlReturn, fields[1].nvmlReturn), (SUCCESS, SUCCESS, SUCCESS));
    assert!((500..850).contains(&took.as_millis()), "{took:?}");
    assert!(fields[0].latencyUsec >= 500_000, "{} us", fields[0].latencyUsec);
}

#[test]
fn calls_cost_what_the_scenario_says() {
    let latency = r#""call_latency_us":{"power":1000,"fields":2000,"energy":4000,"other":0}"#;
    let nvml = Nvml::open("latency", &one_device(1.0, latency));
    // The fastest of a few: the machine may take longer, the library must not.
    let cost_us = |call: &dyn Fn() -> bool| (0..20).map(|_| timed(call).1.as_micros()).min().unwrap();
    for (name, expected_us, call) in [
        ("power", 1000, &(|| nvml.power_mw().is_ok()) as &dyn Fn() -> bool),
        ("energy", 4000, &|| nvml.energy_mj().is_ok()),
        ("fields", 2000, &|| nvml.field(186).is_ok()),
        ("fields with energy", 6000, &|| nvml.fields(&[(186, 0), (83, 0)]).is_ok()),
    ] {
        let us = cost_us(call);
        assert!((expected_us..expected_us + 500).contains(&us), "{name}: {us} us");
    }
}

#[test]
fn init_refuses_a_scenario_with_a_message_on_stderr() {
    for (name, text, expected) in [
        ("not_json", "{", "not valid JSON"),
        ("unknown_key", r#"{"devices":[{"sensor":{"foo":1}}]}"#, "devices[0].sensor.foo is not a known key"),
    ] {
        let path = write_scenario(&folder(name), text);
        let output = init_in_child(path.to_str().unwrap());
        assert!(output.contains("init returned 999"), "{output}");
        assert!(output.contains(expected) && output.contains(path.to_str().unwrap()), "{output}");
    }
    let output = init_in_child("/nonexistent/scenario.json");
    assert!(output.contains("init returned 999") && output.contains("cannot be read"), "{output}");
}

#[test]
fn without_a_scenario_one_gpu_is_simulated() {
    let output = init_in_child("");
    assert!(output.contains("init returned 0"), "{output}");
}

/// What a process that initialises the library says on both streams.
fn init_in_child(scenario: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_initialises", "--ignored", "--nocapture"])
        .env(nvml_sim::SCENARIO_VARIABLE, scenario)
        .output()
        .unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
#[ignore = "a part of other tests, which start it as a process"]
fn child_that_initialises() {
    // SAFETY: the library has no constructors, and the call no arguments.
    let code = unsafe { nvml_wrapper_sys::bindings::NvmlLib::new(built_library()).unwrap().nvmlInit_v2() };
    println!("init returned {code}");
}
