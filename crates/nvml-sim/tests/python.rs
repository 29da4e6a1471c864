//! NVIDIA's own Python bindings under this library: the layouts and names there are independent of the ones
//! here.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{built_library, folder, one_device, write_scenario};

const BINDINGS: &str = "nvidia-ml-py==13.595.45";

#[test]
fn the_python_bindings_measure_the_scenario() {
    let python = match virtual_environment() {
        Ok(python) => python,
        Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("{why}"),
        Err(why) => {
            eprintln!("SKIPPED: the_python_bindings_measure_the_scenario: {why}");
            return;
        }
    };
    let folder = folder("python");
    std::fs::copy(built_library(), folder.join("libnvidia-ml.so.1")).unwrap();
    let keys = r#""name":"Simulated board","uuid":"GPU-python","pci_bus_id":"0000:3b:00.0",
        "memory_total_mib":80000,"memory_used_mib":2000,"power_limit_w":350,
        "power":{"segments":[{"for_s":0.4,"sine":{"mean_w":300,"amplitude_w":100,"period_s":0.05}},{"for_s":0.2,"w":90}]},
        "sensor":{"update_period_ms":1,"window_ms":1},"counter":{"update_period_ms":1,"offset_mj":7000000000},
        "temperature_c":{"base":41,"per_100_w":0},
        "throttle":[{"from_s":1,"to_s":3,"reasons":["sw_power_cap"]},{"from_s":5,"reasons":["hw_slowdown"]}],
        "processes":[{"pid":4242,"used_mib":512}]"#;
    let scenario = write_scenario(&folder, &one_device(60.0, keys));
    let output = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python_client.py"))
        .arg(env!("CARGO_BIN_EXE_nvml-sim"))
        .env("LD_LIBRARY_PATH", &folder)
        .env(nvml_sim::SCENARIO_VARIABLE, scenario)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.contains("all claims hold"), "{said}");
}

/// The interpreter of a virtual environment with the bindings, kept between runs; or what is missing.
fn virtual_environment() -> Result<PathBuf, String> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("venv-{BINDINGS}"));
    let python = home.join("bin/python");
    // Written last, so that an installation that was cut off is not taken for a whole one.
    let complete = home.join("complete");
    if !complete.exists() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", BINDINGS];
        run(Command::new(&python).args(pip))?;
        std::fs::write(&complete, "").map_err(|error| error.to_string())?;
    }
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?} does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
