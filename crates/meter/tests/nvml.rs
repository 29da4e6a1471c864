//! What the meter makes of a driver's answers: the real library calls, over copies of the simulated library, each with a
//! scenario of its own.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use llem_meter::source::nvml::NvmlSource;
use llem_meter::source::nvml::health::HealthWatch;
use llem_meter::source::{PowerDomain, ReadError, Source};

const UUID: &str = "GPU-00000000-0000-0000-0000-000000000001";

/// The library that cargo built for this test: beside the test binary, or one folder up.
fn built_library() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a file");
    let folders = test.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join("libnvml_sim.so")).find(|path| path.exists());
    found.expect("cargo builds the simulated library for this test")
}

/// Opens something over a copy of the library: the loader shares what is one file, and a test wants a scenario of its
/// own. `device`: keys of the only GPU; `driver`: its version.
fn over<T>(name: &str, driver: &str, device: &str, open: impl FnOnce(Option<&str>, &[String]) -> T) -> T {
    static ENVIRONMENT: Mutex<()> = Mutex::new(());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("nvml-{name}"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (library, scenario) = (folder.join("library.so"), folder.join("scenario.json"));
    std::fs::copy(built_library(), &library).expect("a copy");
    let text = format!(r#"{{"driver_version":"{driver}","devices":[{{{device}}}]}}"#);
    std::fs::write(&scenario, text).expect("a file");
    let _alone = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: no other thread of this test touches the environment without the lock, which is held until the library
    // has read it.
    unsafe { std::env::set_var("LLEM_NVML_SIM", &scenario) };
    open(library.to_str(), &[UUID.to_owned()])
}

fn source(name: &str, driver: &str, device: &str) -> NvmlSource {
    over(name, driver, device, |library, uuids| NvmlSource::open(library, uuids).expect("it opens"))
}

/// Keys of a GPU with so many processes, from the id 1001 on.
fn crowd(count: u32) -> String {
    let processes: Vec<_> =
        (1..=count).map(|k| format!(r#"{{"pid":{},"used_mib":{k}}}"#, 1000 + k)).collect();
    format!(r#""processes":[{}]"#, processes.join(","))
}

/// One for each layout of the struct that drivers have had.
const DRIVERS: [&str; 3] = ["530.41.03", "535.54.03", "580.95.05"];

#[test]
fn processes_are_the_same_whatever_struct_the_driver_writes() {
    for driver in DRIVERS {
        let mut source = source(&format!("pids-{driver}"), driver, &crowd(32));
        let processes = source.processes(0).expect("a list");
        assert_eq!(processes.count, 32);
        assert!(processes.pids.iter().copied().eq(1001..=1032), "{driver}: {:?}", processes.pids);
    }
}

#[test]
fn a_crowd_is_counted_by_the_sampler_and_named_by_the_health_check() {
    for driver in DRIVERS {
        let mut source = source(&format!("crowd-{driver}"), driver, &crowd(70));
        assert_eq!(source.processes(0).map(|processes| processes.count), Ok(70));
        let mut watch = over(&format!("watch-{driver}"), driver, &crowd(70), |library, uuids| {
            HealthWatch::open(library, uuids).expect("it opens")
        });
        let look = watch.look().swap_remove(0);
        let told = look.processes.expect("a list");
        let expected = (1..=70).map(|k| (1000 + k, Some(u64::from(k) << 20)));
        assert!(
            told.iter().map(|it| (it.tenant.pid, it.memory_used_bytes)).eq(expected),
            "{driver}: {told:?}"
        );
    }
}

/// Keys of a GPU of 100 W whose calls of a kind answer an error for ever.
fn failing(calls: &[&str], error: &str) -> String {
    let fault = |call: &&str| format!(r#"{{"call":"{call}","error":"{error}"}}"#);
    let faults: Vec<_> = calls.iter().map(fault).collect();
    format!(r#""power":{{"segments":[{{"for_s":1,"w":100}}]}},"faults":[{}]"#, faults.join(","))
}

#[test]
fn a_field_that_is_refused_for_whatever_reason_leaves_the_other_power_reading() {
    for error in
        ["not_supported", "invalid_argument", "no_permission", "argument_version_mismatch", "deprecated"]
    {
        let mut source = source(&format!("refused-{error}"), "525.147.05", &failing(&["fields"], error));
        assert_eq!(source.power_domain(0), PowerDomain::PowerUsageAveraged, "{error}");
        assert_eq!(source.power_mw(0), Ok(100_000), "{error}");
    }
}

const ERRORS: [(&str, ReadError); 5] = [
    ("unknown", ReadError::Driver(999)),
    ("timeout", ReadError::Driver(10)),
    ("gpu_is_lost", ReadError::GpuLost),
    ("reset_required", ReadError::Driver(16)),
    ("in_use", ReadError::Driver(19)),
];

#[test]
fn a_fault_that_passes_does_not_change_the_power_reading() {
    for (error, expected) in ERRORS {
        let device = failing(&["fields"], error).replace(r#"{"call""#, r#"{"to_s":0.3,"call""#);
        let mut source = source(&format!("passing-{error}"), "580.95.05", &device);
        assert_eq!(source.power_domain(0), PowerDomain::Instant, "{error}");
        assert_eq!(source.power_mw(0), Ok(100_000), "{error}: it has passed, not {expected}");
    }
}

#[test]
fn a_fault_that_lasts_leaves_the_other_power_reading() {
    for (error, _) in ERRORS {
        let mut source = source(&format!("lasting-{error}"), "580.95.05", &failing(&["fields"], error));
        assert_eq!(source.power_domain(0), PowerDomain::PowerUsageAveraged, "{error}");
        assert_eq!(source.power_mw(0), Ok(100_000), "{error}");
    }
}

#[test]
fn where_both_power_readings_fail_neither_is_waited_for() {
    for (error, expected) in ERRORS {
        let device = failing(&["fields", "power"], error);
        let before = std::time::Instant::now();
        let mut source = source(&format!("both-{error}"), "580.95.05", &device);
        assert!(before.elapsed().as_millis() < 300, "{error}: {:?}", before.elapsed());
        assert_eq!(source.power_domain(0), PowerDomain::Instant, "{error}");
        assert_eq!(source.power_mw(0), Err(expected), "{error}");
    }
}

#[test]
fn a_gpu_that_refuses_both_power_and_energy_is_said_to() {
    for error in ["not_supported", "no_permission"] {
        let device = failing(&["fields", "power", "energy"], error);
        let opened = over(&format!("nothing-{error}"), "580.95.05", &device, NvmlSource::open);
        assert_eq!(opened.err().map(|error| error.code()), Some("GPU_POWER_UNSUPPORTED"), "{error}");
    }
}

#[test]
fn a_gpu_that_is_there_and_broken_is_not_called_unknown() {
    for error in ["gpu_is_lost", "unknown", "no_permission"] {
        let device = failing(&["all"], error);
        let opened = over(&format!("broken-{error}"), "580.95.05", &device, NvmlSource::open);
        let error = opened.err().expect("it cannot be opened");
        assert_eq!(error.code(), "NVML_QUERY_FAILED", "{error}");
        assert!(error.to_string().starts_with(&format!("the GPU {UUID} could not be read: ")), "{error}");
    }
    let opened = over("missing", "580.95.05", r#""uuid":"GPU-other""#, NvmlSource::open);
    assert_eq!(opened.err().map(|error| error.code()), Some("GPU_NOT_FOUND"));
}

#[test]
fn the_largest_number_is_no_power() {
    // The simulated driver has no larger number for 5 MW than the one that means "not available".
    let too_much = r#""power":{"segments":[{"for_s":1,"w":5000000}]}"#;
    let mut source = source("not-available", "580.95.05", too_much);
    assert_eq!(source.power_mw(0), Err(ReadError::NotSupported));
}
