//! Files of the kernel below /sys: GPUs of AMD and Intel with their `hwmon` sensors and amdgpu's `gpu_metrics`, the ACPI
//! power meters of Grace, the INA3221 of Jetson. A file is opened once and read again from its beginning. How often one
//! changes, and what its counter counts, the estimator finds out as it does of every sensor.
//!
//! The kernel's documentation: `Documentation/gpu/amdgpu/thermal.rst`, `sysfs-driver-intel-xe-hwmon`,
//! `sysfs-driver-intel-i915-hwmon`, `Documentation/hwmon/{acpi_power_meter,ina3221,sysfs-interface}.rst`.

mod attribute;
mod card;
mod clients;
mod describe;
mod differences;
mod gpu_metrics;
mod meter;
mod sensors;
#[cfg(test)]
mod tests;
mod throttling;
mod unwrapped;

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

pub use card::Vendor;
pub use describe::{GpuInfo, list_gpus};
pub use sensors::{SensorInfo, SensorKind};

use clients::Clients;
use meter::Meter;

use super::{PowerDomain, ReadError, Source};
use crate::error::MeterError;
use crate::sample::{SlowSignals, ThrottleTimes};
use crate::sensor::{Origin, Sensor};
use crate::tenancy::{Limits, Processes};

/// Readings of a chosen set of GPUs, or of all other sensors.
pub struct SysfsSource {
    meters: Vec<Meter>,
    /// Who computes on them, and the place of the first one there; `None` where nobody looks.
    clients: Option<(Arc<Clients>, usize)>,
}

/// Whether a GPU is one of those below /sys, by its UUID.
pub fn is_of_sysfs(uuid: &str) -> bool {
    uuid.starts_with("AMD-") || uuid.starts_with("PCI-")
}

impl SysfsSource {
    /// Finds the GPUs by UUID below a root, normally /sys.
    pub fn open(root: &Path, uuids: &[String]) -> Result<Self, MeterError> {
        let cards = card::cards(root);
        let find = |uuid: &String| {
            let card = cards.iter().find(|card| card.uuid() == *uuid).ok_or_else(|| {
                let present: Vec<String> = cards.iter().map(card::Card::uuid).collect();
                let present = if present.is_empty() { "none".to_owned() } else { present.join(", ") };
                MeterError::DeviceNotFound { uuid: uuid.clone(), present }
            })?;
            Meter::of_card(card).map_err(|cause| MeterError::NoPower { uuid: uuid.clone(), cause })
        };
        Ok(Self::warmed_up(uuids.iter().map(find).collect::<Result<_, _>>()?))
    }

    /// Also looks who computes on these GPUs, by the processes below `proc_root`, normally /proc.
    #[must_use]
    pub fn listing_processes(mut self, root: &Path, proc_root: &Path, uuids: &[String]) -> Self {
        let cards = card::cards(root);
        let chosen: Vec<_> =
            uuids.iter().filter_map(|uuid| cards.iter().find(|card| card.uuid() == *uuid)).collect();
        // Else the lists would be those of other GPUs.
        if chosen.len() == self.meters.len() {
            self.clients = Clients::watch(root, proc_root, &chosen).map(|clients| (Arc::new(clients), 0));
        }
        self
    }

    /// The sensors below a root that are of no GPU alone; `None` where there is none.
    pub fn of_sensors(root: &Path) -> Option<(Self, Vec<SensorInfo>)> {
        let (infos, meters): (Vec<_>, Vec<_>) = sensors::find(root).into_iter().unzip();
        (!meters.is_empty()).then(|| (Self::warmed_up(meters), infos))
    }

    fn warmed_up(mut meters: Vec<Meter>) -> Self {
        let warm_up_ns = meters.iter_mut().map(Meter::warm_up_ns).max().unwrap_or(0);
        thread::sleep(Duration::from_nanos(warm_up_ns));
        Self { meters, clients: None }
    }
}

impl Source for SysfsSource {
    fn device_count(&self) -> usize {
        self.meters.len()
    }

    fn power_domain(&self, device: usize) -> PowerDomain {
        PowerDomain::Sysfs(self.meters[device].power_name)
    }

    fn sensor(&self, device: usize) -> Sensor {
        let origin =
            if self.meters[device].unit_is_assumed { Origin::SysfsUnitAssumed } else { Origin::Sysfs };
        Sensor { origin, ..Sensor::UNTRIED }
    }

    fn power_mw(&mut self, device: usize) -> Result<u32, ReadError> {
        self.meters[device].power_mw()
    }

    fn counter_mj(&mut self, device: usize) -> Result<u64, ReadError> {
        self.meters[device].counter_mj()
    }

    fn slow_signals(&mut self, device: usize) -> SlowSignals {
        self.meters[device].slow_signals()
    }

    fn throttle_times(&mut self, _device: usize) -> ThrottleTimes {
        ThrottleTimes::default()
    }

    fn processes(&mut self, device: usize) -> Result<Processes, ReadError> {
        let (clients, first) = self.clients.as_ref().ok_or(ReadError::NotSupported)?;
        clients.of(first + device)
    }

    fn limits(&mut self, device: usize) -> Limits {
        self.meters[device].limits()
    }

    fn calls(&self) -> u64 {
        self.meters.iter().map(|meter| meter.calls).sum()
    }

    fn apart(self) -> Vec<Box<dyn Source>> {
        let Self { meters, clients } = self;
        let alone = |(place, meter)| -> Box<dyn Source> {
            let clients = clients.as_ref().map(|(clients, first)| (Arc::clone(clients), first + place));
            Box::new(Self { meters: vec![meter], clients })
        };
        meters.into_iter().enumerate().map(alone).collect()
    }
}
