//! What differs between GPU generations: the meaning of a power reading and a few identity numbers.

use nvml_wrapper_sys::bindings as nvml;

/// A GPU generation, as `nvmlDeviceGetArchitecture` tells them apart, except that GA100 is not the rest of
/// Ampere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// K40, K80.
    Kepler,
    /// M40.
    Maxwell,
    /// P100, GTX 10.
    Pascal,
    /// V100.
    Volta,
    /// T4, RTX 20.
    Turing,
    /// A100: Ampere by name, but its power usage is instantaneous.
    Ga100,
    /// A10, A40, RTX 30.
    Ampere,
    /// L4, L40, RTX 40.
    Ada,
    /// H100, H200.
    Hopper,
    /// B200, RTX 50.
    Blackwell,
}

/// The names that format 2 adds: the generations without an energy counter.
pub const OLDER_ARCHITECTURES: [(&str, Architecture); 3] =
    [("kepler", Architecture::Kepler), ("maxwell", Architecture::Maxwell), ("pascal", Architecture::Pascal)];

/// The names a scenario may use.
pub const ARCHITECTURES: [(&str, Architecture); 7] = [
    ("volta", Architecture::Volta),
    ("turing", Architecture::Turing),
    ("ga100", Architecture::Ga100),
    ("ampere", Architecture::Ampere),
    ("ada", Architecture::Ada),
    ("hopper", Architecture::Hopper),
    ("blackwell", Architecture::Blackwell),
];

impl Architecture {
    /// Whether `nvmlDeviceGetPowerUsage` is an average over a second: "Ampere (except GA100) or newer", says
    /// nvml.h.
    pub fn power_usage_is_average(self) -> bool {
        !matches!(self, Self::Volta | Self::Turing | Self::Ga100) && self.has_energy_counter()
    }

    /// Whether it counts its energy: "Volta or newer", says nvml.h.
    pub fn has_energy_counter(self) -> bool {
        !matches!(self, Self::Kepler | Self::Maxwell | Self::Pascal)
    }

    /// Whether the board can be split into MIG instances.
    pub fn has_mig(self) -> bool {
        matches!(self, Self::Ga100 | Self::Hopper | Self::Blackwell)
    }

    /// Whether its memory is HBM, whose temperature the driver tells.
    pub fn has_memory_sensor(self) -> bool {
        matches!(self, Self::Volta | Self::Ga100 | Self::Hopper | Self::Blackwell)
    }

    /// `nvmlDeviceArchitecture_t`.
    pub fn nvml_id(self) -> u32 {
        match self {
            Self::Kepler => nvml::NVML_DEVICE_ARCH_KEPLER,
            Self::Maxwell => nvml::NVML_DEVICE_ARCH_MAXWELL,
            Self::Pascal => nvml::NVML_DEVICE_ARCH_PASCAL,
            Self::Volta => nvml::NVML_DEVICE_ARCH_VOLTA,
            Self::Turing => nvml::NVML_DEVICE_ARCH_TURING,
            Self::Ga100 | Self::Ampere => nvml::NVML_DEVICE_ARCH_AMPERE,
            Self::Ada => nvml::NVML_DEVICE_ARCH_ADA,
            Self::Hopper => nvml::NVML_DEVICE_ARCH_HOPPER,
            Self::Blackwell => nvml::NVML_DEVICE_ARCH_BLACKWELL,
        }
    }

    /// CUDA compute capability, major and minor.
    pub fn compute_capability(self) -> (i32, i32) {
        match self {
            Self::Kepler => (3, 5),
            Self::Maxwell => (5, 2),
            Self::Pascal => (6, 0),
            Self::Volta => (7, 0),
            Self::Turing => (7, 5),
            Self::Ga100 => (8, 0),
            Self::Ampere => (8, 6),
            Self::Ada => (8, 9),
            Self::Hopper => (9, 0),
            Self::Blackwell => (10, 0),
        }
    }

    /// CUDA cores of the generation's usual data-centre board.
    pub fn cuda_cores(self) -> u32 {
        match self {
            Self::Kepler => 2880,
            Self::Maxwell => 3072,
            Self::Pascal => 3584,
            Self::Volta => 5120,
            Self::Turing => 2560,
            Self::Ga100 => 6912,
            Self::Ampere => 9216,
            Self::Ada => 18176,
            Self::Hopper => 16896,
            Self::Blackwell => 18944,
        }
    }

    /// PCI device and vendor id (10DE is NVIDIA) of the generation's usual data-centre board.
    pub fn pci_device_id(self) -> u32 {
        match self {
            Self::Kepler => 0x1023_10DE,
            Self::Maxwell => 0x17FD_10DE,
            Self::Pascal => 0x15F8_10DE,
            Self::Volta => 0x1DB6_10DE,
            Self::Turing => 0x1EB8_10DE,
            Self::Ga100 => 0x20B2_10DE,
            Self::Ampere => 0x2236_10DE,
            Self::Ada => 0x26B9_10DE,
            Self::Hopper => 0x2335_10DE,
            Self::Blackwell => 0x2901_10DE,
        }
    }

    /// PCI Express generation of the board.
    pub fn pcie_generation(self) -> u32 {
        match self {
            Self::Kepler | Self::Maxwell | Self::Pascal | Self::Volta | Self::Turing => 3,
            Self::Ga100 | Self::Ampere | Self::Ada => 4,
            Self::Hopper | Self::Blackwell => 5,
        }
    }
}
