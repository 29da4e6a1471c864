//! Which call it is: what faults and costs are told apart by.

/// The kinds of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// `nvmlDeviceGetPowerUsage`, the power fields 185 and 186, and samples of power.
    Power,
    /// `nvmlDeviceGetFieldValues` as a whole.
    Fields,
    /// `nvmlDeviceGetTotalEnergyConsumption` and the energy fields 83 and 191.
    Energy,
    /// Every other call on a device, among them the ones that find it.
    Other,
    /// Calls that are no device's: init, count, versions.
    System,
}

/// One call: its kind, and the name of the function, or of the field where one call reads several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The kind.
    pub group: Group,
    /// `nvmlDeviceGetName`, or one of [`INSTANT`], [`AVERAGE`], [`ENERGY_FIELD`].
    pub name: &'static str,
}

/// Field 186, `POWER_INSTANT`.
pub const INSTANT: Call = Call { group: Group::Power, name: "instant" };
/// Field 185, `POWER_AVERAGE`.
pub const AVERAGE: Call = Call { group: Group::Power, name: "average" };
/// The fields 83 and 191.
pub const ENERGY_FIELD: Call = Call { group: Group::Energy, name: "energy_fields" };
/// A fields call as a whole.
pub const FIELDS: Call = Call { group: Group::Fields, name: "nvmlDeviceGetFieldValues" };

/// Which calls a fault or a cost is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Every one.
    All,
    /// Those of a kind.
    Group(Group),
    /// Those of these names. A name without a version is that of every version: `nvmlInit` is `nvmlInit_v2` too.
    Named(&'static [&'static str]),
}

impl Target {
    /// Whether `call` is meant.
    pub fn hits(self, call: Call) -> bool {
        match self {
            Self::All => true,
            Self::Group(group) => group == call.group,
            Self::Named(names) => {
                names.iter().any(|name| *name == call.name || *name == unversioned(call.name))
            }
        }
    }

    /// Whether it names calls that are no device's.
    pub fn is_of_the_system(self) -> bool {
        matches!(self, Self::Named(names) if names.iter().any(|name| {
            SYSTEM_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || COUNT.contains(name)
        }))
    }

    /// Whether it names a part of a fields call, which has no cost of its own.
    pub fn is_a_field(self) -> bool {
        let fields = [INSTANT, AVERAGE, ENERGY_FIELD];
        matches!(self, Self::Named([name]) if fields.iter().any(|field| field.name == *name))
    }

    /// By the name in a scenario of format 2: a short one, or a function of the library.
    pub fn named(name: &str) -> Option<Self> {
        let short = NAMED.iter().find(|(known, _)| *known == name).map(|(_, names)| *names);
        short.or_else(|| crate::abi::simulated_function(name).map(std::slice::from_ref)).map(Self::Named)
    }
}

/// The names of format 1.
pub const GROUPS: [(&str, Target); 5] = [
    ("power", Target::Group(Group::Power)),
    ("fields", Target::Group(Group::Fields)),
    ("energy", Target::Group(Group::Energy)),
    ("other", Target::Group(Group::Other)),
    ("all", Target::All),
];

/// What a message says of the names that format 2 adds.
pub const MORE_NAMES: &str = "init, count, handle_by_index, power_usage, instant, average, energy_fields, samples; or a function such as \
     nvmlDeviceGetName";

const COUNT: &[&str] = &["nvmlDeviceGetCount"];
const SYSTEM_PREFIXES: [&str; 3] = ["nvmlInit", "nvmlSystem", "nvmlEventSet"];

/// Short names of format 2.
const NAMED: [(&str, &[&str]); 8] = [
    ("init", &["nvmlInit", "nvmlInitWithFlags"]),
    ("count", COUNT),
    ("handle_by_index", &["nvmlDeviceGetHandleByIndex"]),
    ("power_usage", &["nvmlDeviceGetPowerUsage"]),
    ("instant", &[INSTANT.name]),
    ("average", &[AVERAGE.name]),
    ("energy_fields", &[ENERGY_FIELD.name]),
    ("samples", &["nvmlDeviceGetSamples"]),
];

/// `nvmlInit` of `nvmlInit_v2`.
fn unversioned(name: &str) -> &str {
    match name.rsplit_once("_v") {
        Some((base, version)) if version.bytes().all(|b| b.is_ascii_digit()) => base,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn other(name: &'static str) -> Call {
        Call { group: Group::Other, name }
    }

    #[test]
    fn a_name_without_a_version_means_every_version() {
        let name = Target::named("nvmlDeviceGetPciInfo").unwrap();
        for call in ["nvmlDeviceGetPciInfo", "nvmlDeviceGetPciInfo_v2", "nvmlDeviceGetPciInfo_v3"] {
            assert!(name.hits(other(call)), "{call}");
        }
        assert!(!name.hits(other("nvmlDeviceGetPciInfoExt")));
        let third = Target::named("nvmlDeviceGetPciInfo_v3").unwrap();
        assert!(
            third.hits(other("nvmlDeviceGetPciInfo_v3")) && !third.hits(other("nvmlDeviceGetPciInfo_v2"))
        );
    }

    #[test]
    fn names_are_those_of_functions_that_answer() {
        assert!(Target::named("nvmlDeviceGetName").is_some());
        assert_eq!(Target::named("nvmlDeviceGetFanSpeed"), None, "not simulated");
        assert_eq!(Target::named("nvmlDeviceGetNam"), None);
        let of_system = |name| Target::named(name).unwrap().is_of_the_system();
        assert!(of_system("init") && of_system("count") && of_system("nvmlSystemGetDriverVersion"));
        assert!(!of_system("handle_by_index") && !of_system("nvmlDeviceGetName"));
    }
}
