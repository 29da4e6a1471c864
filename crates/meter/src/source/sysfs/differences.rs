//! The power of a device that tells its energy only: what the counter moved over the time that it took.

use crate::clock::{NS_PER_MS, NS_PER_S};
use crate::read_error::ReadError;

/// How long one value is the mean of: short enough for a live display and long enough for a counter of 10 ms.
pub(super) const SPAN_NS: u64 = 100 * NS_PER_MS;
/// A counter that does not move for so long has stopped.
const STANDSTILL_NS: u64 = 1500 * NS_PER_MS;

/// Holds the last value until the next one is due, as a sensor does.
#[derive(Debug)]
pub(super) struct Differences {
    last: Option<(u64, u64)>,
    power_mw: Result<u32, ReadError>,
}

impl Default for Differences {
    fn default() -> Self {
        Self { last: None, power_mw: Err(ReadError::NotSupported) }
    }
}

impl Differences {
    /// Takes the counter in microjoules and answers the power in milliwatts.
    pub fn power_mw(&mut self, at_ns: u64, energy_uj: u64) -> Result<u32, ReadError> {
        let Some((last_ns, last_uj)) = self.last else {
            self.last = Some((at_ns, energy_uj));
            return self.power_mw;
        };
        let span_ns = at_ns.saturating_sub(last_ns);
        if energy_uj < last_uj {
            // It began anew: nobody knows what it counted meanwhile.
            (self.last, self.power_mw) = (Some((at_ns, energy_uj)), Err(ReadError::NotANumber));
        } else if energy_uj == last_uj {
            if span_ns >= STANDSTILL_NS {
                self.power_mw = Err(ReadError::StandsStill);
            }
        } else if span_ns >= SPAN_NS {
            let power_mw =
                u128::from(energy_uj - last_uj) * u128::from(NS_PER_S) / u128::from(span_ns) / 1000;
            self.power_mw = match u32::try_from(power_mw) {
                Ok(0) => Err(ReadError::ZeroPower),
                Ok(power_mw) => Ok(power_mw),
                Err(_) => Err(ReadError::NotANumber),
            };
            self.last = Some((at_ns, energy_uj));
        }
        self.power_mw
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = NS_PER_MS;

    #[test]
    fn a_value_is_the_mean_of_the_span_before_it_and_stands_until_the_next() {
        let mut power = Differences::default();
        assert_eq!(power.power_mw(0, 5_000_000), Err(ReadError::NotSupported));
        assert_eq!(power.power_mw(50 * MS, 6_000_000), Err(ReadError::NotSupported), "too early");
        assert_eq!(power.power_mw(100 * MS, 15_000_000), Ok(100_000));
        assert_eq!(power.power_mw(150 * MS, 90_000_000), Ok(100_000));
        assert_eq!(power.power_mw(300 * MS, 75_000_000 + 15_000_000), Ok(375_000));
    }

    #[test]
    fn a_counter_that_stops_or_begins_anew_tells_no_power() {
        let mut power = Differences::default();
        let _ = power.power_mw(0, 1_000_000);
        assert_eq!(power.power_mw(100 * MS, 11_000_000), Ok(100_000));
        assert_eq!(power.power_mw(1500 * MS, 11_000_000), Ok(100_000));
        assert_eq!(power.power_mw(1600 * MS, 11_000_000), Err(ReadError::StandsStill));
        assert_eq!(power.power_mw(1700 * MS, 2_000_000), Err(ReadError::NotANumber));
        assert_eq!(power.power_mw(1800 * MS, 12_000_000), Ok(100_000));
    }
}
