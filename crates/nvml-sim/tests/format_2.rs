//! What format 2 adds, as a client of the C functions sees it.

mod support;

use std::ffi::{CStr, CString, c_char};
use std::ptr::null_mut;
use std::time::Duration;

use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlDeviceAttributes_t, nvmlMemory_t, nvmlProcessInfo_t, nvmlReturn_t, nvmlUtilization_t,
};
use support::*;

const EVEN: &str = r#""power":{"segments":[{"for_s":1,"w":100}]}"#;

fn open(name: &str, top: &str, keys: &str) -> Nvml {
    Nvml::open(name, &one_device_2(100.0, top, &format!("{keys},{EVEN}")))
}

/// What a function that fills 96 bytes says of a handle.
fn text_of(
    handle: nvmlDevice_t,
    function: unsafe fn(&nvml_wrapper_sys::bindings::NvmlLib, nvmlDevice_t, *mut c_char, u32) -> nvmlReturn_t,
    nvml: &Nvml,
) -> Result<Vec<u8>, nvmlReturn_t> {
    let mut buffer = [0; 96];
    // SAFETY: the buffer has 96 bytes, and what is written ends with a NUL.
    unsafe {
        answer(function(&nvml.lib, handle, buffer.as_mut_ptr(), 96), ())?;
        Ok(CStr::from_ptr(buffer.as_ptr()).to_bytes().to_vec())
    }
}

fn name_of(nvml: &Nvml, handle: nvmlDevice_t) -> Result<Vec<u8>, nvmlReturn_t> {
    // SAFETY: as in `text_of`.
    text_of(handle, |lib, handle, out, length| unsafe { lib.nvmlDeviceGetName(handle, out, length) }, nvml)
}

fn uuid_of(nvml: &Nvml, handle: nvmlDevice_t) -> String {
    // SAFETY: as in `text_of`.
    let uuid = text_of(
        handle,
        |lib, handle, out, length| unsafe { lib.nvmlDeviceGetUUID(handle, out, length) },
        nvml,
    );
    String::from_utf8(uuid.unwrap()).unwrap()
}

fn by_uuid(nvml: &Nvml, uuid: &str) -> Result<nvmlDevice_t, nvmlReturn_t> {
    let (uuid, mut handle) = (CString::new(uuid).unwrap(), null_mut());
    // SAFETY: both pointers are valid.
    answer(unsafe { nvml.lib.nvmlDeviceGetHandleByUUID(uuid.as_ptr(), &raw mut handle) }, ()).map(|()| handle)
}

fn by_index(nvml: &Nvml, index: u32) -> Result<nvmlDevice_t, nvmlReturn_t> {
    let mut handle = null_mut();
    // SAFETY: the pointer is valid.
    answer(unsafe { nvml.lib.nvmlDeviceGetHandleByIndex_v2(index, &raw mut handle) }, ()).map(|()| handle)
}

#[test]
fn field_186_185_and_power_usage_fail_apart() {
    for (call, expected) in [
        ("instant", [Err(UNKNOWN), Ok(100_000), Ok(100_000)]),
        ("average", [Ok(100_000), Err(UNKNOWN), Ok(100_000)]),
        ("power_usage", [Ok(100_000), Ok(100_000), Err(UNKNOWN)]),
        ("power", [Err(UNKNOWN); 3]),
        ("nvmlDeviceGetPowerUsage", [Ok(100_000), Ok(100_000), Err(UNKNOWN)]),
    ] {
        let nvml = open(
            &format!("apart_{call}"),
            "",
            &format!(r#""faults":[{{"call":"{call}","error":"unknown"}}]"#),
        );
        let seen = [nvml.field(186), nvml.field(185), nvml.power_mw().map(u64::from)];
        assert_eq!(seen, expected, "{call}");
    }
    let zero = open("zero", "", r#""sensor":{"zero":[{}]}"#);
    assert_eq!((zero.field(186), zero.power_mw()), (Ok(0), Ok(100_000)));
}

#[test]
fn values_can_come_in_the_wrong_type() {
    for (name, value_type, expected) in [
        ("double", 0, 100_000_f64.to_bits()),
        ("unsigned_long", 2, 100_000),
        ("unsigned_long_long", 3, 100_000),
        ("signed_long_long", 4, 100_000),
        ("signed_int", 5, 100_000),
    ] {
        let nvml = open(&format!("type_{name}"), "", &format!(r#""sensor":{{"wrong_type":"{name}"}}"#));
        for field in nvml.fields(&[(186, 0), (185, 0)]).unwrap() {
            // SAFETY: every byte of the union was written.
            assert_eq!((field.valueType, unsafe { field.value.ullVal }), (value_type, expected), "{name}");
        }
        assert_eq!(nvml.fields(&[(188, 0)]).unwrap()[0].valueType, 1, "{name}: a limit is what it was");
    }
}

#[test]
fn the_scope_of_the_module_is_another_one() {
    let nvml = open("module", "", r#""module":{"extra_w":150,"power_limit_w":1000}"#);
    let values = nvml.fields(&[(186, 0), (186, 1), (185, 1), (189, 1), (186, 2), (191, 1)]).unwrap();
    // SAFETY: every byte of the union was written.
    let seen: Vec<_> = values.iter().map(|v| answer(v.nvmlReturn, unsafe { v.value.ullVal })).collect();
    assert_eq!(seen[..5], [Ok(100_000), Ok(250_000), Ok(250_000), Ok(1_000_000), Err(NOT_SUPPORTED)]);
    assert!(seen[5].unwrap() >= 25_000_000, "100 s of 250 W: {:?}", seen[5]);
    let no_limit = open("module_no_limit", "", r#""module":{"extra_w":150}"#);
    assert_eq!(no_limit.fields(&[(189, 1)]).unwrap()[0].nvmlReturn, NOT_SUPPORTED);
}

#[test]
fn a_device_can_be_lost_forbidden_or_without_a_sensor_from_the_start() {
    let devices = r#"{"version":2,"devices":[{"state":"lost"},{"state":"no_permission"},{"state":"no_power_sensor"},{}]}"#;
    let nvml = Nvml::open("states", devices);
    let mut count = 0;
    // SAFETY: the pointers of this test are valid.
    unsafe {
        assert_eq!((nvml.lib.nvmlDeviceGetCount_v2(&raw mut count), count), (SUCCESS, 4));
        assert_eq!(
            (by_index(&nvml, 0).err(), by_index(&nvml, 1).err()),
            (Some(GPU_IS_LOST), Some(NO_PERMISSION))
        );
        let (mut mw, mut mj, mut limit_mw, mut field) = (0, 0, 0, blank_field(186, 0));
        let blind = by_index(&nvml, 2).unwrap();
        assert_eq!(nvml.lib.nvmlDeviceGetPowerUsage(blind, &raw mut mw), NOT_SUPPORTED);
        assert_eq!(nvml.lib.nvmlDeviceGetTotalEnergyConsumption(blind, &raw mut mj), NOT_SUPPORTED);
        assert_eq!(nvml.lib.nvmlDeviceGetFieldValues(blind, 1, &raw mut field), SUCCESS);
        assert_eq!(field.nvmlReturn, NOT_SUPPORTED);
        assert_eq!(nvml.lib.nvmlDeviceGetEnforcedPowerLimit(blind, &raw mut limit_mw), SUCCESS);
        assert_eq!(nvml.lib.nvmlDeviceGetPowerUsage(by_index(&nvml, 3).unwrap(), &raw mut mw), SUCCESS);
    }
}

#[test]
fn a_split_gpu_has_instances_with_handles_of_their_own() {
    let keys = r#""name":"NVIDIA A100","architecture":"ga100",
        "mig_instances":[{"uuid":"MIG-one","profile":"1g.10gb","memory_mib":9856,"gpu_instance_id":9},
                         {"uuid":"MIG-two","gpu_instance_id":11}],
        "processes":[{"pid":1,"mig_instance":0,"used_mib":100},{"pid":2,"mig_instance":1},{"pid":3}]"#;
    let nvml = open("mig", "", keys);
    let (gpu, lib) = (nvml.device(), &nvml.lib);
    let one = by_uuid(&nvml, "MIG-one").unwrap();
    let mut number = 0;
    // SAFETY: the pointers of this test are valid.
    unsafe {
        assert_eq!((lib.nvmlDeviceGetMaxMigDeviceCount(gpu, &raw mut number), number), (SUCCESS, 7));
        let (mut current, mut pending) = (0, 0);
        assert_eq!(lib.nvmlDeviceGetMigMode(gpu, &raw mut current, &raw mut pending), SUCCESS);
        assert_eq!((current, pending), (1, 1));
        let mut two = null_mut();
        assert_eq!(lib.nvmlDeviceGetMigDeviceHandleByIndex(gpu, 1, &raw mut two), SUCCESS);
        assert_eq!(lib.nvmlDeviceGetMigDeviceHandleByIndex(gpu, 2, &raw mut two), NOT_FOUND);
        assert_eq!((uuid_of(&nvml, one), uuid_of(&nvml, two)), ("MIG-one".into(), "MIG-two".into()));
        assert_eq!(name_of(&nvml, one).unwrap(), b"NVIDIA A100 MIG 1g.10gb");
        let mut parent = null_mut();
        assert_eq!(lib.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(two, &raw mut parent), SUCCESS);
        assert_eq!(parent, gpu);
        assert_eq!(lib.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(gpu, &raw mut parent), INVALID_ARGUMENT);
        for (handle, is_mig, id) in [(gpu, 0, Err(NOT_SUPPORTED)), (one, 1, Ok(9)), (two, 1, Ok(11))] {
            assert_eq!((lib.nvmlDeviceIsMigDeviceHandle(handle, &raw mut number), number), (SUCCESS, is_mig));
            assert_eq!(
                answer(lib.nvmlDeviceGetGpuInstanceId(handle, &raw mut number), ()).map(|()| number),
                id
            );
        }
        let mut attributes: nvmlDeviceAttributes_t = std::mem::zeroed();
        assert_eq!(lib.nvmlDeviceGetAttributes_v2(one, &raw mut attributes), SUCCESS);
        assert_eq!((attributes.gpuInstanceSliceCount, attributes.multiprocessorCount), (1, 16));
        assert_eq!(lib.nvmlDeviceGetAttributes_v2(gpu, &raw mut attributes), NOT_SUPPORTED);
        let mut mw = 0;
        assert_eq!(
            (lib.nvmlDeviceGetPowerUsage(two, &raw mut mw), mw),
            (SUCCESS, 100_000),
            "that of the GPU"
        );
        let mut memory: nvmlMemory_t = std::mem::zeroed();
        assert_eq!(lib.nvmlDeviceGetMemoryInfo(one, &raw mut memory), SUCCESS);
        assert_eq!((memory.total >> 20, memory.used >> 20), (9856, 100));
        let mut utilization: nvmlUtilization_t = std::mem::zeroed();
        assert_eq!(lib.nvmlDeviceGetUtilizationRates(gpu, &raw mut utilization), NOT_SUPPORTED);
        for (handle, expected) in [(gpu, vec![(1, 9), (2, 11), (3, u32::MAX)]), (two, vec![(2, 11)])] {
            let (mut count, mut infos) = (8, [std::mem::zeroed::<nvmlProcessInfo_t>(); 8]);
            assert_eq!(
                lib.nvmlDeviceGetComputeRunningProcesses_v3(handle, &raw mut count, infos.as_mut_ptr()),
                SUCCESS
            );
            let seen: Vec<_> =
                infos[..count as usize].iter().map(|info| (info.pid, info.gpuInstanceId)).collect();
            assert_eq!(seen, expected);
        }
    }
    assert_eq!(by_uuid(&nvml, "MIG-three").err(), Some(NOT_FOUND));
}

#[test]
fn indices_and_names_are_what_the_scenario_says() {
    let devices = r#"{"version":2,"devices":[{"index":3,"name_bytes_hex":"471b5b326affc3"},{"index":3,"name":"a\u001b\nb"}]}"#;
    let nvml = Nvml::open("indices", devices);
    for position in 0..2 {
        let (handle, mut index) = (by_index(&nvml, position).unwrap(), 0);
        // SAFETY: the pointer is valid.
        assert_eq!((unsafe { nvml.lib.nvmlDeviceGetIndex(handle, &raw mut index) }, index), (SUCCESS, 3));
    }
    assert_eq!(name_of(&nvml, by_index(&nvml, 0).unwrap()).unwrap(), b"G\x1b[2j\xff\xc3");
    assert_eq!(name_of(&nvml, by_index(&nvml, 1).unwrap()).unwrap(), b"a\x1b\nb");
}

#[test]
fn a_fault_at_the_top_hits_the_start_the_count_and_every_device() {
    let failing = |call: &str| format!(r#""faults":[{{"call":"{call}","error":"driver_not_loaded"}}]"#);
    let load = |call: &str| Nvml::load(&format!("top_{call}"), &one_device_2(1.0, &failing(call), EVEN));
    assert_eq!(load("init").init(), DRIVER_NOT_LOADED);
    let of_count = load("count");
    assert_eq!(of_count.init(), SUCCESS);
    let mut count = 0;
    // SAFETY: the pointer is valid.
    assert_eq!(unsafe { of_count.lib.nvmlDeviceGetCount_v2(&raw mut count) }, DRIVER_NOT_LOADED);
    assert_eq!(of_count.power_mw(), Ok(100_000));
    let of_power = load("power");
    assert_eq!((of_power.init(), of_power.power_mw(), of_power.field(186)), (SUCCESS, Err(9), Err(9)));
    let of_finding = load("handle_by_index");
    assert_eq!((of_finding.init(), by_index(&of_finding, 0).err()), (SUCCESS, Some(DRIVER_NOT_LOADED)));
    assert!(by_uuid(&of_finding, "GPU-00000000-0000-0000-0000-000000000001").is_ok());
}

#[test]
fn a_start_that_fails_for_a_while_works_after_it() {
    let faults = r#""faults":[{"call":"init","error":"unknown","to_s":1}]"#;
    let nvml = Nvml::load("late_start", &one_device_2(0.6, faults, EVEN));
    assert_eq!(nvml.init(), UNKNOWN);
    // SAFETY: the pointer is valid.
    let counted = unsafe { nvml.lib.nvmlDeviceGetCount_v2(&mut 0) };
    assert_eq!(counted, UNINITIALIZED, "a failed start opens nothing");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!((nvml.init(), nvml.power_mw()), (SUCCESS, Ok(100_000)));
}

#[test]
fn single_functions_fail_and_cost_by_name() {
    let nvml = open(
        "by_name",
        r#""call_latency_us":{"count":30000,"init":40000}"#,
        r#""faults":[{"call":"nvmlDeviceGetName","error":"timeout"}],
           "call_latency_us":{"power":0,"fields":0,"energy":0,"other":0,"nvmlDeviceGetUUID":50000,"handle_by_index":20000}"#,
    );
    let (handle, finding) = timed(|| nvml.device());
    assert_eq!(name_of(&nvml, handle), Err(TIMEOUT));
    let (_, reading_uuid) = timed(|| uuid_of(&nvml, handle));
    // SAFETY: the pointer is valid.
    let (_, counting) = timed(|| unsafe { nvml.lib.nvmlDeviceGetCount_v2(&mut 0) });
    let (_, starting) = timed(|| nvml.init());
    for (took, expected_ms) in [(finding, 20), (reading_uuid, 50), (counting, 30), (starting, 40)] {
        assert!(
            (expected_ms..expected_ms + 200).contains(&took.as_millis()),
            "{took:?} for {expected_ms} ms"
        );
    }
}

#[test]
fn a_heavy_tail_is_in_the_calls() {
    let tail =
        r#""call_latency_us":{"power":{"p50":20,"p99":5000,"max":20000},"fields":0,"energy":0,"other":0}"#;
    let nvml = open("tail", "", tail);
    let mut took: Vec<u128> = (0..400).map(|_| timed(|| nvml.power_mw().unwrap()).1.as_micros()).collect();
    took.sort_unstable();
    assert!(took[200] < 500, "median {} us", took[200]);
    assert!(took[399] >= 5000, "slowest {} us", took[399]);
}

#[test]
fn a_call_waits_for_the_lock_that_others_hold() {
    // The moments themselves, and no durations: a machine that is busy makes a call later, never earlier.
    let scenario =
        one_device_2(0.0, r#""locked":[{"from_s":-5,"to_s":0.7},{"from_s":0.7,"to_s":1.2}]"#, EVEN);
    let epoch_ns = nvml_sim::Scenario::parse(&scenario).unwrap().epoch_monotonic_ns.unwrap();
    let nvml = Nvml::open("locked", &scenario);
    assert!(nvml_sim::monotonic_ns() - epoch_ns >= 1_200_000_000, "the start waits for both");
    let soon = (0..20).map(|_| timed(|| nvml.power_mw().unwrap()).1).min();
    assert!(soon < Some(Duration::from_millis(100)), "a free lock holds nobody: {soon:?}");
}

#[test]
fn an_absent_symbol_says_that_it_is_not_found() {
    let names = [
        "nvmlDeviceGetFieldValues",
        "nvmlDeviceGetHandleByIndex_v2",
        "nvmlDeviceGetTotalEnergyConsumption",
        "nvmlSystemGetDriverVersion",
        "nvmlDeviceGetFanSpeed",
    ];
    let nvml = open("absent", &format!(r#""absent_symbols":{names:?}"#), r#""name":"x""#);
    let (mut device, mut mj) = (null_mut(), 0);
    // SAFETY: the pointers of this test are valid.
    unsafe {
        assert_eq!(nvml.lib.nvmlDeviceGetHandleByIndex_v2(0, &raw mut device), FUNCTION_NOT_FOUND);
        assert_eq!(
            nvml.lib.nvmlDeviceGetHandleByIndex(0, &raw mut device),
            SUCCESS,
            "the first form is there"
        );
        assert_eq!(nvml.lib.nvmlDeviceGetTotalEnergyConsumption(device, &raw mut mj), FUNCTION_NOT_FOUND);
        let mut field = blank_field(186, 0);
        assert_eq!(nvml.lib.nvmlDeviceGetFieldValues(device, 1, &raw mut field), FUNCTION_NOT_FOUND);
        let mut text = [0; 96];
        assert_eq!(nvml.lib.nvmlSystemGetDriverVersion(text.as_mut_ptr(), 96), FUNCTION_NOT_FOUND);
        assert_eq!(nvml.lib.nvmlDeviceGetFanSpeed(device, &mut 0), FUNCTION_NOT_FOUND);
        assert_eq!(nvml.lib.nvmlDeviceGetPowerUsage(device, &mut 0), SUCCESS);
    }
    let no_start = Nvml::load("absent_init", &one_device_2(1.0, r#""absent_symbols":["nvmlInit_v2"]"#, EVEN));
    assert_eq!(no_start.init(), FUNCTION_NOT_FOUND);
}

#[test]
fn a_call_that_hangs_does_not_return_and_hangs_nobody_else() {
    let faults = r#""faults":[{"call":"power_usage","hang":true}]"#;
    // The thread that hangs lives as long as the process; so does what it uses.
    let nvml: &'static Nvml = Box::leak(Box::new(open("hang", "", faults)));
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(nvml.power_mw()));
    assert!(receiver.recv_timeout(Duration::from_millis(300)).is_err(), "it returned");
    assert_eq!(nvml.field(186), Ok(100_000));
}

#[test]
fn samples_are_the_published_readings_with_their_stamps() {
    let nvml = open("samples", "", r#""sensor":{"jitter_ms":30,"spike_every":{"readings":10,"w":9000}}"#);
    // SAFETY: numbers and a union of numbers: every bit pattern is a value.
    let (mut kind, mut count, mut samples) =
        (0, 119, [unsafe { std::mem::zeroed::<nvml_wrapper_sys::bindings::nvmlSample_t>() }; 119]);
    let device = nvml.device();
    // SAFETY: the array has 119 samples.
    let code = unsafe {
        nvml.lib.nvmlDeviceGetSamples(device, 0, 0, &raw mut kind, &raw mut count, samples.as_mut_ptr())
    };
    assert_eq!((code, count), (SUCCESS, 119));
    // SAFETY: every sample was written as an unsigned int.
    let spikes = samples.iter().filter(|sample| unsafe { sample.sampleValue.uiVal } == 9_000_000).count();
    assert!((11..=12).contains(&spikes), "{spikes} of 119");
    let gaps_ms: Vec<u64> =
        samples.windows(2).map(|pair| (pair[1].timeStamp - pair[0].timeStamp) / 1000).collect();
    assert!(
        gaps_ms.iter().all(|gap| (39..=161).contains(gap))
            && gaps_ms.iter().any(|gap| gap.abs_diff(100) > 10)
    );
}
