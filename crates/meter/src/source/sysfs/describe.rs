//! What does not change while measuring: which GPUs there are and what they can do.

use std::path::Path;
use std::thread;
use std::time::Duration;

use super::card::{Card, Vendor, cards, text};
use super::gpu_metrics::GpuMetrics;
use super::meter::{Meter, limit_file};

/// One GPU; `None` is what its files do not tell.
#[derive(Clone, Debug)]
pub struct GpuInfo {
    /// Who made it.
    pub vendor: Vendor,
    /// "AMD-..." with the number of the chip, or "PCI-..." with the place on the bus.
    pub uuid: String,
    /// E.g. "AMD Instinct MI300X", or "Intel GPU 8086:56a0".
    pub name: Option<String>,
    /// E.g. "0000:c1:00.0".
    pub pci_bus_id: Option<String>,
    /// The kernel's driver, e.g. "amdgpu".
    pub driver: Option<String>,
    /// Whether it is part of a processor, whose power is that of all of it.
    pub is_integrated: bool,
    /// Whether it is a part of another one.
    pub is_partition: bool,
    /// Device memory, bytes.
    pub memory_total_bytes: Option<u64>,
    /// Current PCIe generation.
    pub pcie_generation: Option<u32>,
    /// Current PCIe lanes.
    pub pcie_width: Option<u32>,
    /// The limit in force, watts.
    pub power_limit_w: Option<f64>,
    /// The limit that the board came with, watts.
    pub power_limit_default_w: Option<f64>,
    /// Core temperature now, degrees Celsius.
    pub temperature_c: Option<u32>,
    /// E.g. "113-M3000100-103".
    pub vbios_version: Option<String>,
    /// The file its power comes from; `None` where it tells none.
    pub power_domain: Option<&'static str>,
    /// Power now, watts.
    pub power_w: Option<f64>,
    /// Whether it has an energy counter.
    pub energy_counter: bool,
    /// Why it cannot be measured; `None` where it can.
    pub problem: Option<String>,
}

/// The GPUs of AMD and Intel below a root, normally /sys, in the kernel's order.
pub fn list_gpus(root: &Path) -> Vec<GpuInfo> {
    let mut found: Vec<(Card, Result<Meter, String>)> = cards(root)
        .into_iter()
        .map(|card| (Meter::of_card(&card), card))
        .map(|(meter, card)| (card, meter))
        .collect();
    // All of them at once.
    let warm_up_ns =
        found.iter_mut().filter_map(|(_, meter)| meter.as_mut().ok()).map(Meter::warm_up_ns).max();
    thread::sleep(Duration::from_nanos(warm_up_ns.unwrap_or(0)));
    found.into_iter().map(|(card, meter)| describe(&card, meter)).collect()
}

fn describe(card: &Card, meter: Result<Meter, String>) -> GpuInfo {
    let (mut meter, problem) = match meter {
        Ok(meter) => (Some(meter), None),
        Err(problem) => (None, Some(problem)),
    };
    let watts = |microwatts: u64| microwatts as f64 / 1e6;
    let limit_w = |file: &Path| {
        let limit_uw = text(&card.hwmon.as_ref()?.join(file))?.parse().ok()?;
        // 0: there is none in force.
        (limit_uw > 0).then(|| watts(limit_uw))
    };
    let usual_limit = match card.vendor {
        Vendor::Amd => "power1_cap_default",
        Vendor::Intel => "power1_rated_max",
    };
    let slow = meter.as_mut().map(Meter::slow_signals);
    let power_mw = meter.as_mut().and_then(|meter| meter.power_mw().ok());
    GpuInfo {
        vendor: card.vendor,
        uuid: card.uuid(),
        name: card.product(),
        pci_bus_id: card.pci_address.clone(),
        driver: card.driver.clone(),
        is_integrated: is_integrated(card),
        is_partition: card.is_partition,
        memory_total_bytes: slow.as_ref().and_then(|slow| slow.memory_total_bytes),
        pcie_generation: card.text("current_link_speed").as_deref().and_then(generation),
        pcie_width: card
            .text("current_link_width")
            .and_then(|lanes| lanes.parse().ok())
            .filter(|lanes| *lanes > 0),
        power_limit_w: limit_w(limit_file(card)),
        power_limit_default_w: limit_w(Path::new(usual_limit)),
        temperature_c: slow.and_then(|slow| slow.temperature_c),
        vbios_version: card.text("vbios_version"),
        power_domain: power_mw.and_then(|_| meter.as_ref().map(|meter| meter.power_name)),
        power_w: power_mw.map(|power_mw| f64::from(power_mw) / 1000.0),
        energy_counter: meter.is_some_and(|mut meter| meter.has_counter() && meter.counter_mj().is_ok()),
        problem,
    }
}

/// Graphics of a processor. AMD's have a voltage of the processor's north bridge, or say so in the format of their
/// metrics; Intel's are on the first bus.
fn is_integrated(card: &Card) -> bool {
    match card.vendor {
        Vendor::Amd => {
            card.labelled("in", "vddnb").is_some()
                || GpuMetrics::open(&card.folder.join("gpu_metrics"))
                    .is_ok_and(|mut metrics| metrics.read().is_ok_and(|table| table.is_of_processor()))
        }
        Vendor::Intel => {
            card.pci_address.as_ref().is_some_and(|address| address.split(':').nth(1) == Some("00"))
        }
    }
}

/// Of "16.0 GT/s PCIe".
fn generation(speed: &str) -> Option<u32> {
    let speeds = ["2.5", "5.0", "8.0", "16.0", "32.0", "64.0"];
    let number = speed.split_whitespace().next()?;
    (1..).zip(speeds).find(|(_, each)| *each == number).map(|(generation, _)| generation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_of_a_link_says_its_generation() {
        assert_eq!(generation("32.0 GT/s PCIe"), Some(5));
        assert_eq!(generation("2.5 GT/s PCIe"), Some(1));
        assert_eq!(generation("Unknown"), None);
    }
}
