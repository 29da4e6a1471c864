//! What does not change while measuring: which GPUs there are and what they can do.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

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

/// The GPUs of AMD and Intel below a root, normally /sys, in the kernel's order. Each is asked by a thread of its own; one whose
/// files do not answer within `patience` is listed with that, and its thread is left behind.
pub fn list_gpus(root: &Path, patience: Duration) -> Vec<GpuInfo> {
    let (answers, answered) = channel();
    let cards: Vec<Arc<Card>> = cards(root).into_iter().map(Arc::new).collect();
    for (position, card) in cards.iter().enumerate() {
        let (card, answers) = (Arc::clone(card), answers.clone());
        let asks = move || {
            let mut meter = Meter::of_card(&card);
            thread::sleep(Duration::from_nanos(meter.as_mut().map_or(0, Meter::warm_up_ns)));
            // Nobody may wait any more.
            let _ = answers.send((position, describe(&card, meter)));
        };
        // Where there can be no thread, the card is one that does not answer.
        drop(thread::Builder::new().name("llem-asks-gpu".to_owned()).spawn(asks));
    }
    drop(answers);
    let give_up = Instant::now() + patience;
    let mut described: Vec<Option<GpuInfo>> = vec![None; cards.len()];
    while described.iter().any(Option::is_none)
        && let Ok((position, info)) = answered.recv_timeout(give_up.saturating_duration_since(Instant::now()))
    {
        described[position] = Some(info);
    }
    let silent = |card: &Card| GpuInfo::silent(card, patience);
    described.into_iter().zip(&cards).map(|(info, card)| info.unwrap_or_else(|| silent(card))).collect()
}

impl GpuInfo {
    fn silent(card: &Card, patience: Duration) -> Self {
        Self {
            vendor: card.vendor,
            uuid: card.uuid_by_place(),
            name: None,
            pci_bus_id: card.pci_address.clone(),
            driver: card.driver.clone(),
            is_integrated: false,
            is_partition: card.is_partition,
            memory_total_bytes: None,
            pcie_generation: None,
            pcie_width: None,
            power_limit_w: None,
            power_limit_default_w: None,
            temperature_c: None,
            vbios_version: None,
            power_domain: None,
            power_w: None,
            energy_counter: false,
            problem: Some(format!(
                "the files in {} have not answered for {} s",
                card.folder.display(),
                patience.as_secs_f64()
            )),
        }
    }
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
