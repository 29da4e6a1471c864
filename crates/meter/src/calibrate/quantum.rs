//! In which steps an energy counter counts.

use std::collections::BTreeSet;

/// So many different increments rarely have a common divisor by chance: less than once in two hundred times.
const MIN_INCREMENTS: usize = 8;

/// The greatest step of which all increments of a counter are multiples. Constant size.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_field_names, reason = "the unit is in every name")]
pub(super) struct Quantum {
    last_mj: Option<u64>,
    /// The first few different ones.
    increments_mj: BTreeSet<u64>,
    divisor_mj: u64,
}

impl Quantum {
    /// Takes an answer of the counter.
    pub fn push(&mut self, energy_mj: u64) {
        let before_mj = self.last_mj.replace(energy_mj);
        // A counter that fell began anew.
        let Some(increment_mj) = before_mj.and_then(|before_mj| energy_mj.checked_sub(before_mj)) else {
            return;
        };
        self.divisor_mj = greatest_common_divisor(self.divisor_mj, increment_mj);
        if increment_mj > 0 && self.increments_mj.len() < MIN_INCREMENTS {
            self.increments_mj.insert(increment_mj);
        }
    }

    /// `None` before increments have differed often enough: a constant power counts the same in each period.
    pub fn millijoules(&self) -> Option<u64> {
        (self.increments_mj.len() >= MIN_INCREMENTS).then_some(self.divisor_mj)
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Random;

    /// What a counter of this quantum answers, each value twice.
    fn listen(quantum: &mut Quantum, quantum_mj: u64, increments: impl Iterator<Item = u64>) {
        let mut energy_mj = 7 * quantum_mj;
        for increment in increments {
            energy_mj += increment * quantum_mj;
            quantum.push(energy_mj);
            quantum.push(energy_mj);
        }
    }

    #[test]
    fn the_step_is_found_where_the_power_changes() {
        for quantum_mj in [1, 16, 1000] {
            let (mut quantum, mut random) = (Quantum::default(), Random::new(3));
            listen(&mut quantum, quantum_mj, (0..40).map(|_| 100 + random.ns_below(900)));
            assert_eq!(quantum.millijoules(), Some(quantum_mj));
        }
    }

    #[test]
    fn a_constant_power_does_not_show_the_step() {
        let mut quantum = Quantum::default();
        listen(&mut quantum, 1, std::iter::repeat_n(7500, 40));
        assert_eq!(quantum.millijoules(), None);
    }

    #[test]
    fn a_counter_that_begins_anew_does_not_hide_it() {
        let (mut quantum, mut random) = (Quantum::default(), Random::new(5));
        for _ in 0..2 {
            listen(&mut quantum, 16, (0..20).map(|_| 100 + random.ns_below(900)));
        }
        assert_eq!(quantum.millijoules(), Some(16));
    }
}
