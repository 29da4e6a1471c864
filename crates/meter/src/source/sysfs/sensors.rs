//! Sensors below `class/hwmon` that are of no GPU alone: the ACPI power meters of Grace and of servers, and the INA3221 of
//! Jetson modules. They overlap, so nothing here adds them up.

use std::path::{Path, PathBuf};

use super::attribute::Attribute;
use super::card::{names, text};
use super::meter::Meter;

/// What a sensor measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SensorKind {
    /// A module: CPU, GPU and memory together.
    Module,
    /// The cores of a CPU.
    Cpu,
    /// A GPU, perhaps with more that hangs on its rail.
    Gpu,
    /// A chip, or what of it is neither CPU nor GPU.
    Soc,
    /// Input and output.
    Io,
    /// All that comes in.
    Input,
    /// What its name does not say.
    Other,
}

impl SensorKind {
    /// Its name in results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Module => "module",
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::Soc => "soc",
            Self::Io => "io",
            Self::Input => "input",
            Self::Other => "other",
        }
    }

    /// By the label of an ACPI power meter (NVIDIA Grace performance tuning guide) or of a rail (Jetson developer guide).
    fn of(label: &str) -> Self {
        let starts = |start: &str| label.starts_with(start);
        let holds = |part: &str| label.contains(part);
        if starts("Module Power") {
            Self::Module
        } else if starts("CPU Power") {
            Self::Cpu
        } else if starts("SysIO Power") {
            Self::Io
        } else if ["VDD_IN", "POM_5V_IN", "VIN"].contains(&label) {
            Self::Input
        } else if starts("Grace Power") || (holds("CPU") && holds("GPU")) {
            Self::Soc
        } else if holds("GPU") {
            Self::Gpu
        } else if holds("CPU") {
            Self::Cpu
        } else if holds("SOC") {
            Self::Soc
        } else {
            Self::Other
        }
    }
}

/// A sensor, and how it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SensorInfo {
    /// "Module Power Socket 0", "VDD_CPU_CV".
    pub name: String,
    /// By its name.
    pub kind: SensorKind,
    /// The files, by their name.
    pub source: &'static str,
}

const ACPI: &str = "hwmon power_meter power1_average";
const INA3221: &str = "hwmon ina3221, in_input x curr_input";
/// An INA3221 has so many rails; what it shows beyond them are sums.
const RAILS: u32 = 3;

/// Those below a root, normally /sys, in the order of their names.
pub(super) fn find(root: &Path) -> Vec<(SensorInfo, Meter)> {
    let all = root.join("class/hwmon");
    let mut monitors: Vec<(Option<u32>, String)> = names(&all)
        .map(|name| (name.strip_prefix("hwmon").and_then(|number| number.parse().ok()), name))
        .collect();
    monitors.sort();
    let mut found: Vec<(SensorInfo, Meter)> = Vec::new();
    for (_, monitor) in monitors {
        let folder = all.join(&monitor);
        // Older drivers have their files one folder further.
        let places = [folder.clone(), folder.join("device")];
        let Some((place, name)) = places.iter().find_map(|place| Some((place, text(&place.join("name"))?)))
        else {
            continue;
        };
        let sensors = match name.as_str() {
            "power_meter" => power_meter(&places, &monitor).into_iter().collect(),
            "ina3221" => rails(place),
            _ => Vec::new(),
        };
        for (mut info, meter) in sensors {
            if found.iter().any(|(other, _)| other.name == info.name) {
                info.name = format!("{} ({monitor})", info.name);
            }
            found.push((info, meter));
        }
    }
    found
}

fn power_meter(places: &[PathBuf], monitor: &str) -> Option<(SensorInfo, Meter)> {
    let place = places.iter().find(|place| place.join("power1_average").exists())?;
    let file = Attribute::find(&place.join("power1_average"))?;
    let label = ["power1_oem_info", "power1_label"].iter().find_map(|label| text(&place.join(label)));
    let name = label.filter(|label| !label.is_empty()).unwrap_or_else(|| format!("power_meter {monitor}"));
    let info = SensorInfo { kind: SensorKind::of(&name), name, source: ACPI };
    Some((info, Meter::of_file(file, ACPI)))
}

fn rails(place: &Path) -> Vec<(SensorInfo, Meter)> {
    let rail = |number: u32| {
        let name = text(&place.join(format!("in{number}_label")))?;
        // Not connected, or switched off.
        let is_off = text(&place.join(format!("in{number}_enable"))).is_some_and(|enabled| enabled == "0");
        if name.is_empty() || name == "NC" || is_off {
            return None;
        }
        let voltage = Attribute::find(&place.join(format!("in{number}_input")))?;
        let current = Attribute::find(&place.join(format!("curr{number}_input")))?;
        let info = SensorInfo { kind: SensorKind::of(&name), name, source: INA3221 };
        Some((info, Meter::of_rail(voltage, current, INA3221)))
    };
    (1..=RAILS).filter_map(rail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_says_what_is_measured() {
        use SensorKind::{Cpu, Gpu, Input, Io, Module, Other, Soc};
        for (label, kind) in [
            ("Module Power Socket 0", Module),
            ("Grace Power Socket 1", Soc),
            ("CPU Power Socket 0", Cpu),
            ("SysIO Power Socket 0", Io),
            ("VDD_GPU_SOC", Gpu),
            ("VDD_CPU_CV", Cpu),
            ("VDD_CPU_GPU_CV", Soc),
            ("VDD_SOC", Soc),
            ("VDD_IN", Input),
            ("VIN_SYS_5V0", Other),
            ("power_meter hwmon3", Other),
        ] {
            assert_eq!(SensorKind::of(label), kind, "{label}");
        }
    }
}
