//! Where a board sits on the PCI bus.

use std::fmt;
use std::str::FromStr;

/// Domain, bus and device; a GPU is always function 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PciAddress {
    /// PCI domain, 32 bits wide in NVML.
    pub domain: u32,
    /// Bus, 0 to 255.
    pub bus: u32,
    /// Device on the bus, 0 to 31.
    pub device: u32,
}

impl PciAddress {
    /// The form of older headers, with a domain of four digits: `0000:01:00.0`.
    pub fn legacy(&self) -> String {
        format!("{:04X}:{:02X}:{:02X}.0", self.domain & 0xFFFF, self.bus, self.device)
    }
}

/// The current form, with a domain of eight digits: `00000000:01:00.0`.
impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08X}:{:02X}:{:02X}.0", self.domain, self.bus, self.device)
    }
}

/// Reads either form, in any case; the function may be left out.
impl FromStr for PciAddress {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.strip_suffix(".0").unwrap_or(text);
        let hex = |part: Option<&str>, max: u32| {
            let part = part.filter(|part| part.bytes().all(|b| b.is_ascii_hexdigit())).ok_or(())?;
            u32::from_str_radix(part, 16).ok().filter(|number| *number <= max).ok_or(())
        };
        let mut parts = text.split(':');
        let (domain, bus, device) =
            (hex(parts.next(), u32::MAX)?, hex(parts.next(), 0xFF)?, hex(parts.next(), 0x1F)?);
        if parts.next().is_some() { Err(()) } else { Ok(Self { domain, bus, device }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_one_place() {
        let place = PciAddress { domain: 0, bus: 0x1A, device: 3 };
        for text in ["00000000:1A:03.0", "0000:1a:03.0", "0:1a:3"] {
            assert_eq!(text.parse(), Ok(place), "{text}");
        }
        assert_eq!((place.to_string(), place.legacy()), ("00000000:1A:03.0".into(), "0000:1A:03.0".into()));
        for text in ["", "01:00.0", "0:100:0", "0:1:20", "0:1:0:0", "0:+1:0", "::"] {
            assert_eq!(text.parse::<PciAddress>(), Err(()), "{text}");
        }
    }
}
