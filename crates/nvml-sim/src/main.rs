//! `nvml-sim`: the truth about a scenario, and whether it is one.

use std::fmt::Write as _;
use std::process::ExitCode;

use nvml_sim::{Device, Scenario};
use serde_json::json;

const HELP: &str = "\
What a simulated GPU truly consumed, in closed form.

Usage:
  nvml-sim truth <scenario.json> --from-ns <ns> --to-ns <ns> [--epoch-ns <ns>]
  nvml-sim check <scenario.json>

truth   prints the exact energy of each device between two moments as JSON
check   says whether a scenario is valid, and everything that is wrong with it

  --from-ns, --to-ns   the window, in nanoseconds of CLOCK_MONOTONIC
  --epoch-ns           t = 0 of the scenario on the same clock; needed if the file has no epoch_monotonic_ns,
                       and stronger than it
  -h, --help           print this

Exit code 0, or 2 if the arguments or the scenario are wrong.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(output) => {
            print!("{output}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("nvml-sim: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<String, String> {
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        return Ok(HELP.to_owned());
    }
    match arguments {
        [command, rest @ ..] if command == "truth" => truth(rest),
        [command, path] if command == "check" => check(path),
        [command, ..] if command == "check" => Err("check takes one scenario file".to_owned()),
        [command, ..] => Err(format!("there is no command {command:?}; see nvml-sim --help")),
        [] => Err(format!("a command is missing\n\n{HELP}")),
    }
}

fn check(path: &str) -> Result<String, String> {
    let scenario = load(path)?;
    let mut output = format!("{path} is valid\n");
    for (index, device) in scenario.devices.iter().enumerate() {
        let cuda = device.cuda_index.map_or_else(String::new, |index| format!(", number {index} for CUDA"));
        let name = device.name.escape_debug();
        let _ = writeln!(output, "  device {index}: {name}, {}, at {}{cuda}", device.uuid, device.pci);
        for instance in &device.mig_instances {
            let _ = writeln!(output, "    {} {}", instance.profile, instance.uuid);
        }
    }
    Ok(output)
}

fn load(path: &str) -> Result<Scenario, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path} cannot be read: {error}"))?;
    Scenario::parse(&text).map_err(|refusal| {
        refusal
            .problems
            .iter()
            .map(|problem| format!("{path}: {problem}"))
            .collect::<Vec<_>>()
            .join("\nnvml-sim: ")
    })
}

fn truth(arguments: &[String]) -> Result<String, String> {
    let (mut path, mut from_ns, mut to_ns, mut epoch_ns) = (None, None, None, None);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let slot = match argument.as_str() {
            "--from-ns" => &mut from_ns,
            "--to-ns" => &mut to_ns,
            "--epoch-ns" => &mut epoch_ns,
            option if option.starts_with('-') => return Err(format!("truth has no option {option}")),
            file if path.is_none() => {
                path = Some(file);
                continue;
            }
            more => return Err(format!("truth takes one scenario file; {more:?} is one too many")),
        };
        let value = arguments.next().ok_or_else(|| format!("{argument} needs a number of nanoseconds"))?;
        *slot = Some(nanoseconds(argument, value)?);
    }
    let scenario = load(path.ok_or("truth needs a scenario file")?)?;
    let from_ns = from_ns.ok_or("truth needs --from-ns")?;
    let to_ns = to_ns.ok_or("truth needs --to-ns")?;
    if to_ns <= from_ns {
        return Err(format!("--to-ns must be later than --from-ns ({to_ns} is not later than {from_ns})"));
    }
    let epoch_ns = epoch_ns.or(scenario.epoch_monotonic_ns).ok_or(
        "when t = 0 was is not known: add epoch_monotonic_ns to the scenario or give --epoch-ns \
         (without it every process has its own t = 0)",
    )?;
    Ok(report(scenario, from_ns.saturating_sub(epoch_ns), to_ns.saturating_sub(epoch_ns)))
}

fn nanoseconds(option: &str, text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("{option} must be a whole number of nanoseconds, not {text:?}"))
}

/// One JSON object, a device to a line.
fn report(scenario: Scenario, from_ns: i64, to_ns: i64) -> String {
    let window_s = to_ns.saturating_sub(from_ns) as f64 / 1e9;
    let mut total_j = 0.0;
    let mut lines = Vec::new();
    for (spec, index) in scenario.devices.into_iter().zip(0..) {
        let device = Device { spec, index };
        let true_j = device.true_energy_j(from_ns, to_ns);
        total_j += true_j;
        let line = json!({
            "index": index, "uuid": device.spec.uuid, "true_j": true_j, "mean_w": true_j / window_s,
        });
        lines.push(format!("    {line}"));
    }
    let devices = if lines.is_empty() { String::new() } else { format!("\n{}\n  ", lines.join(",\n")) };
    format!("{{\n  \"devices\": [{devices}],\n  \"total_j\": {}\n}}\n", json!(total_j))
}
