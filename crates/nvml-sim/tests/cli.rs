//! The `nvml-sim` command.

mod support;

use std::process::{Command, Output};

use serde_json::Value;
use support::{folder, write_scenario};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nvml-sim")).args(arguments).output().unwrap()
}

/// The exit code and what stands on stderr.
fn failure(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(arguments);
    assert!(output.stdout.is_empty());
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

const TWO_DEVICES: &str = r#"{"epoch_monotonic_ns":1000000000,"devices":[
    {"power":{"segments":[{"for_s":2,"w":100},{"for_s":1,"from_w":100,"to_w":300}],"repeat":true}},
    {"uuid":"GPU-two","power":{"segments":[{"for_s":1,"w":50}]}}]}"#;

#[test]
fn truth_is_the_closed_form_of_each_device() {
    let path = write_scenario(&folder("truth"), TWO_DEVICES);
    // t = 1 s to 5 s: 1 s at 100 W, the ramp's 200 J, 2 s at 100 W.
    let output = run(&["truth", path.to_str().unwrap(), "--from-ns", "2000000000", "--to-ns", "6000000000"]);
    let truth: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |pointer: &str| truth.pointer(pointer).and_then(Value::as_f64).unwrap();
    for (pointer, expected) in [
        ("/devices/0/true_j", 500.0),
        ("/devices/0/mean_w", 125.0),
        ("/devices/1/index", 1.0),
        ("/devices/1/true_j", 200.0),
        ("/total_j", 700.0),
    ] {
        assert!((number(pointer) - expected).abs() < 1e-9, "{pointer}: {truth}");
    }
    assert_eq!(truth["devices"][1]["uuid"], "GPU-two");
    let shifted =
        run(&["truth", "--epoch-ns", "0", path.to_str().unwrap(), "--from-ns", "0", "--to-ns", "3000000000"]);
    let shifted: Value = serde_json::from_slice(&shifted.stdout).unwrap();
    assert_eq!(shifted["devices"][0]["true_j"], 400.0);
}

#[test]
fn truth_is_the_true_power_whatever_the_sensors_of_format_2_say() {
    let scenario = r#"{"version":2,"epoch_monotonic_ns":0,"devices":[{"power":{"segments":[{"for_s":1,"w":300}]},
        "sensor":{"gain":0.5,"delay_ms":60,"stuck":[{"w":75}]},"module":{"extra_w":500},
        "counter":{"mode":"sum_of_readings","gain":1.25,"extra_w":90,"jumps":[{"at_s":1,"mj":5000000}]}}]}"#;
    let path = write_scenario(&folder("truth_2"), scenario);
    let output = run(&["truth", path.to_str().unwrap(), "--from-ns", "500000000", "--to-ns", "4500000000"]);
    let truth: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!((truth["total_j"].as_f64().unwrap() - 1200.0).abs() < 1e-9, "{truth}");
}

#[test]
fn check_shows_cudas_order_the_instances_and_no_control_characters() {
    let scenario = r#"{"version":2,"devices":[{"name":"a\u001b[2J","cuda_index":1,
        "mig_instances":[{"uuid":"MIG-a","profile":"1g.10gb"}]},{"cuda_index":0}]}"#;
    let path = write_scenario(&folder("check_2"), scenario);
    let text = String::from_utf8(run(&["check", path.to_str().unwrap()]).stdout).unwrap();
    assert!(text.contains("device 0: a\\u{1b}[2J, GPU-"), "{text}");
    assert!(text.contains("at 00000000:01:00.0, number 1 for CUDA\n    1g.10gb MIG-a\n"), "{text}");
}

#[test]
fn wrong_arguments_say_what_is_missing() {
    let path = write_scenario(&folder("arguments"), TWO_DEVICES);
    let file = path.to_str().unwrap();
    let ageless = write_scenario(&folder("ageless"), "{}");
    for (arguments, expected) in [
        (&["truth"][..], "truth needs a scenario file"),
        (&["truth", file, "--to-ns", "1"], "truth needs --from-ns"),
        (&["truth", file, "--from-ns", "1"], "truth needs --to-ns"),
        (&["truth", file, "--from-ns", "1s"], "--from-ns must be a whole number of nanoseconds, not \"1s\""),
        (&["truth", file, "--from-ns"], "--from-ns needs a number of nanoseconds"),
        (&["truth", file, "--from-ns", "2", "--to-ns", "2"], "--to-ns must be later than --from-ns"),
        (&["truth", file, "--till", "2"], "truth has no option --till"),
        (&["truth", file, file], "takes one scenario file"),
        (&["truth", ageless.to_str().unwrap(), "--from-ns", "1", "--to-ns", "2"], "give --epoch-ns"),
        (&["lie"], "there is no command \"lie\""),
        (&[], "a command is missing"),
        (&["check"], "check takes one scenario file"),
        (&["check", "/nonexistent.json"], "/nonexistent.json cannot be read"),
    ] {
        let (code, message) = failure(arguments);
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}

#[test]
fn check_says_yes_or_everything_that_is_wrong() {
    let good = write_scenario(&folder("good"), TWO_DEVICES);
    let output = run(&["check", good.to_str().unwrap()]);
    assert!(output.status.success());
    assert!(
        String::from_utf8(output.stdout).unwrap().contains("device 1: NVIDIA H200, GPU-two, at 00000000:02")
    );
    let bad = write_scenario(&folder("bad"), r#"{"foo":1,"devices":[{"sensor":{"window_ms":0}}]}"#);
    let (code, message) = failure(&["check", bad.to_str().unwrap()]);
    assert_eq!((code, message.lines().count()), (Some(2), 2), "{message}");
    assert!(
        message.contains("foo is not a known key") && message.contains("devices[0].sensor.window_ms must be")
    );
}

#[test]
fn help_is_printed() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().contains("Usage:"));
}
