//! The graphics cards of AMD and Intel that the kernel lists below `class/drm`, and their files.

use std::fs;
use std::path::{Path, PathBuf};

/// Who made a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// 0x1002.
    Amd,
    /// 0x8086.
    Intel,
}

impl Vendor {
    /// Its name in results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amd => "amd",
            Self::Intel => "intel",
        }
    }

    fn of(vendor_id: &str) -> Option<Self> {
        match vendor_id {
            "0x1002" => Some(Self::Amd),
            "0x8086" => Some(Self::Intel),
            _ => None,
        }
    }
}

/// One of them.
pub(super) struct Card {
    pub vendor: Vendor,
    /// Where its files are.
    pub folder: PathBuf,
    /// Its folder below `hwmon`, where it has one.
    pub hwmon: Option<PathBuf>,
    /// E.g. "0000:c1:00.0"; a partition of a GPU has none.
    pub pci_address: Option<String>,
    /// The kernel's driver, e.g. "amdgpu".
    pub driver: Option<String>,
    /// Whether it is a part of another one, which alone has sensors.
    pub is_partition: bool,
    /// The kernel's name, e.g. "card1".
    name: String,
}

/// Those of both vendors, in the kernel's order, which is the order in which they were found on the bus.
pub(super) fn cards(root: &Path) -> Vec<Card> {
    let mut numbered: Vec<(u32, String)> = names(&root.join("class/drm"))
        .filter_map(|name| Some((name.strip_prefix("card")?.parse().ok()?, name)))
        .collect();
    numbered.sort();
    numbered.into_iter().filter_map(|(_, name)| Card::of(root, name)).collect()
}

impl Card {
    /// `None` for a card of another vendor.
    fn of(root: &Path, name: String) -> Option<Self> {
        let folder = root.join("class/drm").join(&name).join("device");
        let events = text(&folder.join("uevent")).unwrap_or_default();
        let event = |key: &str| {
            let line = events.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.map(str::to_owned)
        };
        // amdgpu gives each partition of a GPU a card of its own, which is no PCI device.
        let is_partition = event("MODALIAS").is_some_and(|alias| alias == "platform:amdgpu_xcp");
        let vendor = if is_partition {
            Vendor::Amd
        } else {
            text(&folder.join("vendor")).and_then(|id| Vendor::of(&id))?
        };
        let driver = event("DRIVER").or_else(|| link_name(&folder.join("driver")));
        let pci_address = event("PCI_SLOT_NAME")
            .or_else(|| fs::canonicalize(&folder).ok()?.file_name()?.to_str().map(str::to_owned))
            .filter(|address| is_pci_address(address));
        let hwmon = hwmon_of(&folder, driver.as_deref());
        Some(Self { vendor, folder, hwmon, pci_address, driver, is_partition, name })
    }

    /// What tells it from every other one, whatever is plugged in or loaded first.
    pub fn uuid(&self) -> String {
        let unique = self.text("unique_id").filter(|id| !id.trim_matches('0').is_empty());
        match unique {
            Some(id) if self.vendor == Vendor::Amd && !self.is_partition => format!("AMD-{id}"),
            _ => self.uuid_by_place(),
        }
    }

    /// Without a look at its files.
    pub fn uuid_by_place(&self) -> String {
        format!("PCI-{}", self.pci_address.as_ref().unwrap_or(&self.name))
    }

    /// The name that the vendor gave it, or else its numbers.
    pub fn product(&self) -> Option<String> {
        let by_numbers = || {
            let number =
                |file: &str| self.text(file).map(|id| id.strip_prefix("0x").unwrap_or(&id).to_owned());
            let maker = match self.vendor {
                Vendor::Amd => "AMD",
                Vendor::Intel => "Intel",
            };
            Some(format!("{maker} GPU {}:{}", number("vendor")?, number("device")?))
        };
        self.text("product_name").filter(|name| !name.is_empty()).or_else(by_numbers)
    }

    /// A file of the card in one line.
    pub fn text(&self, file: &str) -> Option<String> {
        text(&self.folder.join(file))
    }

    /// The first of its sensors, of one kind, that has this label: `labelled("temp", "edge")` may be 1.
    pub fn labelled(&self, kind: &str, label: &str) -> Option<u32> {
        let hwmon = self.hwmon.as_ref()?;
        (1..=9).find(|number| {
            text(&hwmon.join(format!("{kind}{number}_label"))).is_some_and(|found| found == label)
        })
    }
}

/// The folder of the driver's own sensors: others may have put theirs beside it.
fn hwmon_of(folder: &Path, driver: Option<&str>) -> Option<PathBuf> {
    let mut found: Vec<PathBuf> =
        names(&folder.join("hwmon")).map(|name| folder.join("hwmon").join(name)).collect();
    found.sort();
    let own = found.iter().position(|hwmon| text(&hwmon.join("name")).as_deref() == driver);
    let position = own.unwrap_or(0);
    (position < found.len()).then(|| found.swap_remove(position))
}

/// "0000:c1:00.0".
fn is_pci_address(text: &str) -> bool {
    let parts: Vec<&str> = text.split([':', '.']).collect();
    let is_hexadecimal = |part: &&str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    matches!(parts.as_slice(), [domain, bus, slot, function]
        if domain.len() >= 4 && bus.len() == 2 && slot.len() == 2 && function.len() == 1)
        && parts.iter().all(is_hexadecimal)
}

/// The names in a folder; none where there is none.
pub(super) fn names(folder: &Path) -> impl Iterator<Item = String> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
}

/// A short file in one line; `None` where it cannot be read.
pub(super) fn text(path: &Path) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

fn link_name(link: &Path) -> Option<String> {
    fs::read_link(link).ok()?.file_name()?.to_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pci_address_is_told_from_the_names_of_folders() {
        for address in ["0000:c1:00.0", "10000:01:00.1"] {
            assert!(is_pci_address(address), "{address}");
        }
        for other in ["card0", "device", "amdgpu_xcp_0", "0000:c1:00", "00:c1:00.0", "zzzz:c1:00.0"] {
            assert!(!is_pci_address(other), "{other}");
        }
    }
}
