//! Why amdgpu's firmware slows a GPU down, in the words of nvml.h, which every result has.
//!
//! Up to v1.3 `gpu_metrics` has the state of the throttlers now, the same bits for every chip (`SMU_THROTTLER_*` in
//! `amdgpu_smu.h`); from v1.6 on it has for how long each was active, so that one that grew was active since the last look.

use super::gpu_metrics::Table;

/// `nvmlClocksEventReasonSwPowerCap`.
const POWER_CAP: u64 = 0x4;
/// `nvmlClocksEventReasonSwThermalSlowdown`.
const THERMAL: u64 = 0x20;
/// `nvmlClocksThrottleReasonHwThermalSlowdown`.
const HOT: u64 = 0x40;

/// Bits of the throttlers: of power and current, of temperatures, of the signals that something is too hot.
const OF_STATUS: [(u64, u64); 3] =
    [(0x0000_0000_00ff_00ff, POWER_CAP), (0x0000_0fff_0000_0000, THERMAL), (0x0000_f000_0000_0000, HOT)];
/// The throttlers in the order of the table: the signal PROCHOT, power, and the temperatures of socket, regulators, memory.
const OF_RESIDENCIES: [u64; 5] = [HOT, POWER_CAP, THERMAL, THERMAL, THERMAL];

/// One GPU's.
#[derive(Debug, Default)]
pub(super) struct Throttling {
    last: Option<[u32; 5]>,
}

impl Throttling {
    /// The reasons now, or since the last look; `None` where the table tells none, and at the first look at what adds up.
    pub fn reasons(&mut self, table: &Table<'_>) -> Option<u64> {
        if let Some(status) = table.throttle_status() {
            return Some(reasons(OF_STATUS.map(|(bits, reason)| (status & bits != 0, reason))));
        }
        let now = table.throttle_residencies()?;
        let before = self.last.replace(now)?;
        let grew = |k: usize| (now[k] != before[k], OF_RESIDENCIES[k]);
        Some(reasons([0, 1, 2, 3, 4].map(grew)))
    }
}

fn reasons<const N: usize>(active: [(bool, u64); N]) -> u64 {
    active.into_iter().filter(|(is_active, _)| *is_active).fold(0, |all, (_, reason)| all | reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of v1.`content` of so many bytes, all values none but those given.
    fn told(content: u8, size: u16, values: &[(usize, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0xff; usize::from(size)];
        bytes[..2].copy_from_slice(&size.to_le_bytes());
        bytes[2..4].copy_from_slice(&[1, content]);
        for (at, value) in values {
            bytes[*at..at + value.len()].copy_from_slice(value);
        }
        bytes
    }

    fn look(throttling: &mut Throttling, bytes: &[u8]) -> Option<u64> {
        throttling.reasons(&Table::of(bytes).expect("a table"))
    }

    #[test]
    fn bits_that_are_the_same_on_every_chip_are_put_in_the_words_of_nvml() {
        for (bit, reason) in [(0, POWER_CAP), (7, POWER_CAP), (16, POWER_CAP), (35, THERMAL), (47, HOT)] {
            let bytes = told(3, 120, &[(112, &(1_u64 << bit).to_le_bytes())]);
            assert_eq!(look(&mut Throttling::default(), &bytes), Some(reason), "{bit}");
        }
        let calm = told(3, 120, &[(112, &[0; 8])]);
        assert_eq!(look(&mut Throttling::default(), &calm), Some(0));
        // What is none, and a table without them.
        assert_eq!(look(&mut Throttling::default(), &told(3, 120, &[])), None);
        assert_eq!(look(&mut Throttling::default(), &told(1, 96, &[])), None);
    }

    #[test]
    fn of_what_adds_up_one_that_grew_was_active() {
        // Behind the energy: the second layout of v1.6, then v1.7.
        for (content, size, at) in [(6, 1664, 36), (7, 2208, 44)] {
            let mut throttling = Throttling::default();
            let table = |residencies: [u32; 5]| {
                let bytes: Vec<u8> = residencies.iter().flat_map(|acc| acc.to_le_bytes()).collect();
                told(content, size, &[(at, &bytes)])
            };
            assert_eq!(look(&mut throttling, &table([1, 2, 3, 4, 5])), None, "nothing to compare with");
            assert_eq!(look(&mut throttling, &table([1, 2, 3, 4, 5])), Some(0));
            assert_eq!(look(&mut throttling, &table([1, 9, 3, 4, 5])), Some(POWER_CAP));
            assert_eq!(look(&mut throttling, &table([1, 9, 3, 4, 6])), Some(THERMAL));
            assert_eq!(look(&mut throttling, &table([2, 9, 4, 4, 6])), Some(HOT | THERMAL));
        }
    }
}
