//! The library as a client of its C functions sees it.

mod support;

use std::ffi::{CStr, CString, c_char};
use std::ptr::null_mut;

use nvml_sim::{Device, Scenario, monotonic_ns};
use nvml_wrapper_sys::bindings::{
    nvmlMemory_v2_t, nvmlPciInfo_t, nvmlSample_t, nvmlTemperature_t, nvmlValue_t,
};
use support::*;

const RAMP: &str = r#""power":{"segments":[{"for_s":1000,"from_w":0,"to_w":1000000}],"repeat":false}"#;

/// The same device, in this process, without the library.
fn model(scenario: &str) -> (Device, i64) {
    let mut scenario = Scenario::parse(scenario).unwrap();
    let epoch_ns = scenario.epoch_monotonic_ns.unwrap();
    (Device { spec: scenario.devices.remove(0), index: 0 }, epoch_ns)
}

fn text(buffer: &[c_char]) -> String {
    // SAFETY: the buffers of these tests begin zeroed and are longer than what is written.
    unsafe { CStr::from_ptr(buffer.as_ptr()) }.to_str().unwrap().to_owned()
}

#[test]
fn readings_are_those_of_the_model() {
    let scenario =
        one_device(5.0, &format!(r#""sensor":{{"update_period_ms":10,"noise_w":50,"seed":9}},{RAMP}"#));
    let (device, epoch_ns) = model(&scenario);
    let nvml = Nvml::open("readings", &scenario);
    for _ in 0..200 {
        let before_ns = monotonic_ns() - epoch_ns;
        let seen = (
            nvml.power_mw().unwrap(),
            nvml.field(186).unwrap(),
            nvml.field(185).unwrap(),
            nvml.energy_mj().unwrap(),
            nvml.field(83).unwrap(),
            nvml.field(191).unwrap(),
        );
        let after_ns = monotonic_ns() - epoch_ns;
        if device.sensor_tick_ns(before_ns) != device.sensor_tick_ns(after_ns) {
            continue; // A tick fell between the calls.
        }
        let energy_mj = device.total_energy_mj(before_ns).unwrap();
        let average_mw = device.power_average_mw(before_ns);
        let instant_mw = u64::from(device.power_instant_mw(before_ns));
        assert_eq!(seen, (average_mw, instant_mw, average_mw.into(), energy_mj, energy_mj, energy_mj));
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[test]
fn two_processes_with_one_epoch_see_one_signal() {
    let scenario =
        one_device(5.0, &format!(r#""sensor":{{"update_period_ms":3600000,"noise_w":50}},{RAMP}"#));
    let (a, b) = (Nvml::open("one_signal_a", &scenario), Nvml::open("one_signal_b", &scenario));
    assert_eq!(a.field(186), b.field(186));
    assert_eq!(a.energy_mj(), b.energy_mj());
}

#[test]
fn a_signal_that_has_not_begun_holds_its_first_value() {
    let nvml = Nvml::open("future", &one_device(-3600.0, r#""power":{"segments":[{"for_s":1,"w":42}]}"#));
    assert_eq!((nvml.power_mw(), nvml.energy_mj()), (Ok(42_000), Ok(0)));
}

#[test]
fn fields_have_types_scopes_and_errors_of_their_own() {
    let throttle = r#""throttle":[{"from_s":1,"to_s":2,"reasons":["sw_power_cap","sw_thermal_slowdown"]},
        {"from_s":3,"to_s":3.5,"reasons":["hw_thermal_slowdown"]},
        {"from_s":4,"to_s":4.25,"reasons":["hw_power_brake_slowdown","sync_boost"]}]"#;
    let nvml = Nvml::open("fields", &one_device(100.0, &format!("{throttle},{RAMP}")));
    for (id, expected) in [
        (187, Ok(200_000)),
        (188, Ok(700_000)),
        (189, Ok(700_000)),
        (190, Ok(700_000)),
        (192, Ok(700_000)),
        (74, Ok(1_000_000_000)),
        (76, Ok(250_000_000)),
        (269, Ok(1_000_000_000)),
        (270, Ok(500_000_000)),
        (271, Ok(250_000_000)),
        (251, Err(NOT_SUPPORTED)),
        (252, Err(NOT_SUPPORTED)),
        (253, Err(NOT_SUPPORTED)),
        (9999, Err(NOT_SUPPORTED)),
    ] {
        assert_eq!(nvml.field(id), expected, "field {id}");
    }
    for (scope, expected) in [(0, SUCCESS), (1, NOT_SUPPORTED), (2, NOT_SUPPORTED), (3, NOT_SUPPORTED)] {
        for value in nvml.fields(&[(185, scope), (186, scope), (191, scope)]).unwrap() {
            assert_eq!(value.nvmlReturn, expected, "field {} scope {scope}", value.fieldId);
        }
    }
    let values = nvml.fields(&[(186, 0), (83, 0), (9999, 0), (74, 0)]).unwrap();
    let types: Vec<u32> =
        values.iter().filter(|value| value.nvmlReturn == SUCCESS).map(|v| v.valueType).collect();
    assert_eq!(types, [1, 3, 3], "unsigned int, unsigned long long twice");
    let unix_us = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros();
    assert!(unix_us.abs_diff(values[0].timestamp.try_into().unwrap()) < 5_000_000);
}

#[test]
fn only_boards_with_hbm_tell_the_temperature_of_their_memory() {
    for (architecture, told) in [("hopper", Ok(46)), ("ampere", Err(NOT_SUPPORTED))] {
        let nvml = Nvml::open(
            &format!("memory_{architecture}"),
            &format!(
                r#"{{"devices":[{{"architecture":"{architecture}","power":{{"segments":[{{"for_s":1,"w":100}}]}}}}]}}"#
            ),
        );
        assert_eq!(nvml.field(82), told, "{architecture}");
    }
}

#[test]
fn old_drivers_have_the_throttle_fields_at_their_old_ids() {
    let throttle = r#""throttle":[{"from_s":1,"to_s":2,"reasons":["sw_thermal_slowdown"]}]"#;
    let scenario = one_device(100.0, throttle).replacen('{', r#"{"driver_version":"570.172.08","#, 1);
    let nvml = Nvml::open("old_driver", &scenario);
    assert_eq!((nvml.field(251), nvml.field(269)), (Ok(1_000_000_000), Err(NOT_SUPPORTED)));
}

#[test]
fn a_device_is_found_by_index_uuid_and_bus_id() {
    let devices = r#"{"devices":[{},{"uuid":"GPU-two","pci_bus_id":"0000:1a:00.0","name":"second"}]}"#;
    let nvml = Nvml::open("handles", devices);
    let lib = &nvml.lib;
    let mut count = 0;
    // SAFETY: every pointer of this test is valid for what its function writes.
    unsafe {
        assert_eq!((lib.nvmlDeviceGetCount_v2(&raw mut count), count), (SUCCESS, 2));
        assert_eq!((lib.nvmlDeviceGetCount(&raw mut count), count), (SUCCESS, 2));
        let mut second = null_mut();
        assert_eq!(lib.nvmlDeviceGetHandleByIndex_v2(1, &raw mut second), SUCCESS);
        let mut found = null_mut();
        assert_eq!((lib.nvmlDeviceGetHandleByIndex(1, &raw mut found), found), (SUCCESS, second));
        let uuid = |text: &str| CString::new(text).unwrap();
        assert_eq!(lib.nvmlDeviceGetHandleByUUID(uuid("GPU-two").as_ptr(), &raw mut found), SUCCESS);
        assert_eq!(found, second);
        for bus_id in ["0000:1A:00.0", "00000000:1a:00.0"] {
            found = null_mut();
            assert_eq!(lib.nvmlDeviceGetHandleByPciBusId_v2(uuid(bus_id).as_ptr(), &raw mut found), SUCCESS);
            assert_eq!(found, second, "{bus_id}");
        }
        assert_eq!(lib.nvmlDeviceGetHandleByIndex_v2(2, &raw mut found), INVALID_ARGUMENT);
        assert_eq!(lib.nvmlDeviceGetHandleByUUID(uuid("GPU-three").as_ptr(), &raw mut found), NOT_FOUND);
        assert_eq!(lib.nvmlDeviceGetHandleByPciBusId_v2(uuid("0:2:0").as_ptr(), &raw mut found), NOT_FOUND);
        assert_eq!(
            lib.nvmlDeviceGetHandleByPciBusId_v2(uuid("two").as_ptr(), &raw mut found),
            INVALID_ARGUMENT
        );
        let mut index = 9;
        assert_eq!((lib.nvmlDeviceGetIndex(second, &raw mut index), index), (SUCCESS, 1));
        let mut name = [0; 96];
        assert_eq!(lib.nvmlDeviceGetName(second, name.as_mut_ptr(), 96), SUCCESS);
        assert_eq!(text(&name), "second");
        assert_eq!(lib.nvmlDeviceGetName(second, name.as_mut_ptr(), 6), INSUFFICIENT_SIZE);
        assert_eq!(lib.nvmlDeviceGetName(second, name.as_mut_ptr(), 7), SUCCESS);
    }
}

#[test]
fn older_forms_of_the_pci_info_write_no_further_than_they_reach() {
    let nvml = Nvml::open("pci", r#"{"devices":[{"pci_bus_id":"0000:1a:02.0"}]}"#);
    // SAFETY: the struct is the longest form; integers and characters may be any bytes.
    unsafe {
        let mut info: nvmlPciInfo_t = std::mem::zeroed();
        assert_eq!(nvml.lib.nvmlDeviceGetPciInfo(nvml.device(), &raw mut info), SUCCESS);
        assert_eq!((text(&info.busIdLegacy), info.bus, info.device), ("0000:1A:02.0".into(), 0x1A, 2));
        assert_eq!((info.pciDeviceId, info.pciSubSystemId), (0x2335_10DE, 0));
        assert_eq!(nvml.lib.nvmlDeviceGetPciInfo_v2(nvml.device(), &raw mut info), SUCCESS);
        assert_eq!((info.pciSubSystemId, text(&info.busId)), (0x2335_10DE, String::new()));
        assert_eq!(nvml.lib.nvmlDeviceGetPciInfo_v3(nvml.device(), &raw mut info), SUCCESS);
        assert_eq!(text(&info.busId), "00000000:1A:02.0");
    }
}

#[test]
fn the_library_is_open_until_the_last_user_closes_it() {
    let nvml = Nvml::load("life", "{}");
    let lib = &nvml.lib;
    let mut count = 0;
    // SAFETY: the pointers are valid; the handle is only ever compared.
    unsafe {
        assert_eq!(lib.nvmlDeviceGetCount_v2(&raw mut count), UNINITIALIZED);
        assert_eq!(lib.nvmlShutdown(), UNINITIALIZED);
        assert_eq!(lib.nvmlDeviceGetFanSpeed(null_mut(), &raw mut count), UNINITIALIZED);
        assert_eq!((nvml.init(), lib.nvmlInitWithFlags(1)), (SUCCESS, SUCCESS));
        let device = nvml.device();
        assert_eq!(lib.nvmlShutdown(), SUCCESS);
        assert!(nvml.power_mw().is_ok());
        assert_eq!(lib.nvmlShutdown(), SUCCESS);
        assert_eq!(lib.nvmlDeviceGetPowerUsage(device, &raw mut count), UNINITIALIZED);
        assert_eq!(lib.nvmlShutdown(), UNINITIALIZED);
        assert_eq!(nvml.init(), SUCCESS);
        assert_eq!(
            lib.nvmlDeviceGetPowerUsage(device, &raw mut count),
            SUCCESS,
            "same scenario, same handles"
        );
    }
}

#[test]
fn a_bad_pointer_is_an_invalid_argument() {
    let nvml = Nvml::open("pointers", "{}");
    let (lib, device) = (&nvml.lib, nvml.device());
    let (mut mw, mut field) = (0, blank_field(186, 0));
    // SAFETY: that these are refused is the claim; none is followed.
    unsafe {
        assert_eq!(lib.nvmlDeviceGetPowerUsage(device, null_mut()), INVALID_ARGUMENT);
        assert_eq!(lib.nvmlDeviceGetTotalEnergyConsumption(device, null_mut()), INVALID_ARGUMENT);
        assert_eq!(lib.nvmlDeviceGetFieldValues(device, 1, null_mut()), INVALID_ARGUMENT);
        assert_eq!(lib.nvmlDeviceGetFieldValues(device, 0, &raw mut field), INVALID_ARGUMENT);
        assert_eq!(lib.nvmlDeviceGetName(device, null_mut(), 96), INVALID_ARGUMENT);
        assert_eq!(lib.nvmlDeviceGetMemoryInfo_v2(device, null_mut()), INVALID_ARGUMENT);
        assert_eq!(lib.nvmlDeviceGetPciInfo_v3(device, null_mut()), INVALID_ARGUMENT);
        assert_eq!(
            lib.nvmlDeviceGetComputeRunningProcesses_v3(device, null_mut(), null_mut()),
            INVALID_ARGUMENT
        );
        assert_eq!(lib.nvmlDeviceGetHandleByUUID(std::ptr::null(), null_mut()), INVALID_ARGUMENT);
        assert_eq!(lib.nvmlDeviceGetHandleByIndex_v2(0, null_mut()), INVALID_ARGUMENT);
        for handle in [null_mut(), device.byte_add(1), device.byte_add(1 << 20), device.byte_sub(8)] {
            assert_eq!(lib.nvmlDeviceGetPowerUsage(handle, &raw mut mw), INVALID_ARGUMENT, "{handle:?}");
        }
    }
}

#[test]
fn process_lists_follow_the_two_call_protocol() {
    let processes = r#""processes":[{"pid":7,"used_mib":3},{"pid":8,"used_mib":5},{"from_s":1e8,"pid":9}]"#;
    let nvml = Nvml::open("processes", &one_device(1.0, processes));
    let (lib, device) = (&nvml.lib, nvml.device());
    let mut count = 0;
    // SAFETY: the arrays have the room that `count` says.
    unsafe {
        assert_eq!(
            lib.nvmlDeviceGetComputeRunningProcesses_v3(device, &raw mut count, null_mut()),
            INSUFFICIENT_SIZE
        );
        assert_eq!(count, 2);
        let mut v3 = [std::mem::zeroed(); 5];
        count = 5;
        assert_eq!(
            lib.nvmlDeviceGetComputeRunningProcesses_v3(device, &raw mut count, v3.as_mut_ptr()),
            SUCCESS
        );
        assert_eq!((count, v3[0].pid, v3[1].pid, v3[2].pid), (2, 7, 8, 0));
        assert_eq!((v3[1].usedGpuMemory, v3[1].gpuInstanceId), (5 << 20, u32::MAX));
        let mut v2 = [std::mem::zeroed(); 2];
        assert_eq!(
            lib.nvmlDeviceGetComputeRunningProcesses_v2(device, &raw mut count, v2.as_mut_ptr()),
            SUCCESS
        );
        assert_eq!((v2[1].pid, v2[1].computeInstanceId), (8, u32::MAX));
        let mut v1 = [std::mem::zeroed(); 2];
        assert_eq!(
            lib.nvmlDeviceGetComputeRunningProcesses(device, &raw mut count, v1.as_mut_ptr()),
            SUCCESS
        );
        assert_eq!((v1[1].pid, v1[1].usedGpuMemory), (8, 5 << 20));
        count = 1;
        assert_eq!(
            lib.nvmlDeviceGetComputeRunningProcesses(device, &raw mut count, v1.as_mut_ptr()),
            INSUFFICIENT_SIZE
        );
        count = 0;
        assert_eq!(lib.nvmlDeviceGetGraphicsRunningProcesses_v3(device, &raw mut count, null_mut()), SUCCESS);
        let mut name = [0; 64];
        assert_eq!(lib.nvmlSystemGetProcessName(7, name.as_mut_ptr(), 64), SUCCESS);
        assert_eq!(text(&name), "simulated-7");
        assert_eq!(lib.nvmlSystemGetProcessName(6, name.as_mut_ptr(), 64), NOT_FOUND);
    }
}

#[test]
fn samples_are_the_readings_of_the_last_ticks_and_none_comes_twice() {
    let scenario = one_device(60.0, &format!(r#""sensor":{{"update_period_ms":20,"window_ms":10}},{RAMP}"#));
    let (device, epoch_ns) = model(&scenario);
    let nvml = Nvml::open("samples", &scenario);
    let drain = |last_us: u64, room: u32| {
        let blank = nvmlSample_t { timeStamp: 0, sampleValue: nvmlValue_t { ullVal: u64::MAX } };
        let (mut count, mut kind, mut samples) = (room, 9, vec![blank; room as usize]);
        // SAFETY: the array has the room that `count` says.
        let code = unsafe {
            nvml.lib.nvmlDeviceGetSamples(
                nvml.device(),
                0,
                last_us,
                &raw mut kind,
                &raw mut count,
                samples.as_mut_ptr(),
            )
        };
        samples.truncate(count as usize);
        assert_eq!(kind, 1, "unsigned int");
        // SAFETY: every byte of the union was written.
        answer(
            code,
            samples.iter().map(|s| (s.timeStamp, unsafe { s.sampleValue.ullVal })).collect::<Vec<_>>(),
        )
    };
    let (mut kind, mut count) = (9, 0);
    // SAFETY: without an array only the two numbers are written.
    let code = unsafe {
        nvml.lib.nvmlDeviceGetSamples(nvml.device(), 0, 0, &raw mut kind, &raw mut count, null_mut())
    };
    assert_eq!((code, count, kind), (SUCCESS, 119, 1));

    let all = drain(0, count).unwrap();
    let last_tick_ns = device.sensor_tick_ns(monotonic_ns() - epoch_ns);
    assert_eq!(all.len(), 119);
    assert!(all.windows(2).all(|pair| (19_999..=20_001).contains(&(pair[1].0 - pair[0].0))));
    let readings: Vec<u64> =
        (0..600).map(|ago| device.power_instant_mw(last_tick_ns - ago * 20_000_000).into()).collect();
    assert!(all.iter().all(|(_, mw)| readings.contains(mw)));

    let (last_us, _) = all[118];
    std::thread::sleep(std::time::Duration::from_millis(100));
    let newer = drain(last_us, 3).unwrap();
    assert_eq!(newer.len(), 3, "short room, the oldest first");
    assert!((19_999..=20_001).contains(&(newer[0].0 - last_us)));
    assert_eq!(drain(u64::MAX, 119), Err(NOT_FOUND));
    assert_eq!(drain(0, 0), Err(INVALID_ARGUMENT));
    // SAFETY: as above.
    let utilization = unsafe {
        nvml.lib.nvmlDeviceGetSamples(nvml.device(), 1, 0, &raw mut kind, &raw mut count, null_mut())
    };
    assert_eq!(utilization, NOT_SUPPORTED);
}

#[test]
fn versioned_structs_are_checked() {
    let nvml = Nvml::open("versions", r#"{"devices":[{"power":{"segments":[{"for_s":1,"w":500}]}}]}"#);
    // SAFETY: both structs are valid, and integers throughout.
    unsafe {
        let mut memory: nvmlMemory_v2_t = std::mem::zeroed();
        assert_eq!(
            nvml.lib.nvmlDeviceGetMemoryInfo_v2(nvml.device(), &raw mut memory),
            ARGUMENT_VERSION_MISMATCH
        );
        memory.version = 0x0200_0028;
        assert_eq!(nvml.lib.nvmlDeviceGetMemoryInfo_v2(nvml.device(), &raw mut memory), SUCCESS);
        assert_eq!((memory.total, memory.used), (143_771 << 20, 1024 << 20));
        assert_eq!(memory.free, memory.total - memory.used);
        let mut temperature: nvmlTemperature_t = std::mem::zeroed();
        assert_eq!(
            nvml.lib.nvmlDeviceGetTemperatureV(nvml.device(), &raw mut temperature),
            ARGUMENT_VERSION_MISMATCH
        );
        temperature.version = 0x0100_000C;
        assert_eq!(nvml.lib.nvmlDeviceGetTemperatureV(nvml.device(), &raw mut temperature), SUCCESS);
        assert_eq!(temperature.temperature, 60);
    }
}

#[test]
fn mig_is_there_where_the_board_has_it() {
    for (architecture, on, expected) in [
        ("hopper", "false", (SUCCESS, 0)),
        ("hopper", "true", (SUCCESS, 1)),
        ("ada", "false", (NOT_SUPPORTED, 7)),
    ] {
        let json = format!(r#"{{"devices":[{{"architecture":"{architecture}","mig_mode":{on}}}]}}"#);
        let nvml = Nvml::open(&format!("mig_{architecture}_{on}"), &json);
        let (mut now, mut next) = (7, 7);
        // SAFETY: the pointers are valid.
        let code = unsafe { nvml.lib.nvmlDeviceGetMigMode(nvml.device(), &raw mut now, &raw mut next) };
        assert_eq!((code, now), expected, "{architecture} {on}");
        assert_eq!(now, next);
    }
}

#[test]
fn many_threads_may_read_while_others_open_and_close() {
    let scenario = one_device(10.0, RAMP);
    let nvml = Nvml::open("threads", &scenario);
    let device = nvml.device().addr();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let (mut mw, mut last_mj, mut mj) = (0, 0, 0);
                for _ in 0..2000 {
                    let handle = std::ptr::with_exposed_provenance_mut(device);
                    // SAFETY: the library stays open: this test holds a user of it.
                    unsafe {
                        assert_eq!(nvml.lib.nvmlDeviceGetPowerUsage(handle, &raw mut mw), SUCCESS);
                        assert_eq!(
                            nvml.lib.nvmlDeviceGetTotalEnergyConsumption(handle, &raw mut mj),
                            SUCCESS
                        );
                    }
                    assert!(mj >= last_mj);
                    last_mj = mj;
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..2000 {
                // SAFETY: plain calls.
                let told = unsafe { (nvml.lib.nvmlInitWithFlags(0), nvml.lib.nvmlShutdown()) };
                assert_eq!(told, (SUCCESS, SUCCESS));
            }
        });
    });
}

#[test]
fn a_power_reading_costs_microseconds() {
    let segments = (1..2000).map(|w| format!(r#"{{"for_s":0.01,"w":{w}}}"#)).collect::<Vec<_>>().join(",");
    let nvml = Nvml::open("cost", &one_device(7.0, &format!(r#""power":{{"segments":[{segments}]}}"#)));
    let device = nvml.device();
    let mut field = blank_field(186, 0);
    let start_ns = monotonic_ns();
    for _ in 0..10_000 {
        // SAFETY: the struct is valid.
        assert_eq!(unsafe { nvml.lib.nvmlDeviceGetFieldValues(device, 1, &raw mut field) }, SUCCESS);
    }
    let each_ns = (monotonic_ns() - start_ns) / 10_000;
    // Unoptimised and on a shared machine; a linear search over the segments would take several times as
    // long.
    assert!(each_ns < 20_000, "{each_ns} ns");
}
