//! Counters that are one counter, shown twice.
//!
//! On CPUs of several dies the kernel may show a package zone for each die while all of them read one register of the
//! socket (Threadripper and EPYC of AMD's Zen 1 and 2; codecarbon issues 1274 and 1379). Their sum would be twice what
//! was drawn. Names do not tell: `package-0-die-1` may also be a die with a counter of its own. The counts do: what
//! two of them have counted since the beginning differs by the same microjoules at look after look, while of two dies
//! that are two the difference wanders, by thousands of a counter's units (15 or 61 uJ) in a quarter of a second.

use std::collections::{HashMap, VecDeque};

use crate::clock::NS_PER_MS;

/// Looks that are kept: the last 8 s.
const KEPT: usize = 32;
/// Looks that are closer are one: in a millisecond two idle sockets may well count the same.
const APART_NS: u64 = 50 * NS_PER_MS;
/// How many looks must agree.
const ENOUGH: usize = 3;
/// So much is not counted twice by chance, to the microjoule: two looks that have it between them are enough.
const MUCH_UJ: u64 = 10_000_000;

/// What every zone had counted at the last looks, in microjoules; `None` where it could not be read.
#[derive(Default)]
pub(super) struct Looks {
    last: VecDeque<Vec<Option<u64>>>,
    last_ns: Option<u64>,
}

impl Looks {
    /// Keeps a look, unless it comes right after the one before.
    pub fn keep(&mut self, at_ns: u64, counted_uj: impl Iterator<Item = Option<u64>>) {
        if self.last_ns.is_some_and(|last_ns| at_ns < last_ns + APART_NS) {
            return;
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(counted_uj.collect());
        self.last_ns = Some(at_ns);
    }

    /// For each zone the place of the first one whose counter it shows once more. `alike`: which may be one at all.
    pub fn mirrors(&self, count: usize, alike: impl Fn(usize, usize) -> bool) -> Vec<Option<usize>> {
        let mut found: Vec<Option<usize>> = vec![None; count];
        for zone in 1..count {
            found[zone] = (0..zone)
                .find(|&other| found[other].is_none() && alike(other, zone) && self.agree(other, zone));
        }
        found
    }

    /// Most looks must agree and not all: one that falls between two updates of the register sees it twice.
    fn agree(&self, a: usize, b: usize) -> bool {
        let mut moved: Vec<(u64, u64)> = Vec::new();
        for look in &self.last {
            if let (Some(a), Some(b)) = (look[a], look[b])
                && moved.last() != Some(&(a, b))
            {
                moved.push((a, b));
            }
        }
        let mut agreeing: HashMap<i128, Vec<u64>> = HashMap::new();
        for &(a, b) in &moved {
            agreeing.entry(i128::from(b) - i128::from(a)).or_default().push(a);
        }
        let Some(most) = agreeing.into_values().max_by_key(Vec::len) else { return false };
        let between_uj = most[most.len() - 1].saturating_sub(most[0]);
        2 * most.len() > moved.len() && (most.len() >= ENOUGH || (most.len() == 2 && between_uj >= MUCH_UJ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What two counters show at looks a quarter of a second apart -> whether they are taken for one.
    fn is_one(counted: &[(u64, u64)]) -> bool {
        let mut looks = Looks::default();
        for (index, &(a, b)) in counted.iter().enumerate() {
            looks.keep(index as u64 * 250 * NS_PER_MS, [Some(a), Some(b)].into_iter());
        }
        looks.mirrors(2, |_, _| true)[1] == Some(0)
    }

    #[test]
    fn counters_that_move_by_the_same_microjoules_are_one() {
        assert!(is_one(&[(0, 0), (17_000_015, 17_000_015), (34_000_061, 34_000_061)]));
        assert!(is_one(&[(0, 0), (142_250_000, 142_250_000)]));
    }

    #[test]
    fn a_look_between_two_updates_does_not_make_them_two() {
        let counted = [(0, 0), (1000, 1000), (2000, 2017), (3017, 3017), (4000, 4000)];
        assert!(is_one(&counted));
    }

    #[test]
    fn two_sockets_that_draw_nearly_the_same_are_two() {
        // 0.01 % apart in all, and in one quarter of a second alike.
        assert!(!is_one(&[(0, 0), (1_250_000, 1_250_061), (2_500_000, 2_500_061), (3_750_061, 3_750_000)]));
        // A little in one look, the same to the microjoule.
        assert!(!is_one(&[(0, 0), (5000, 5000)]));
    }

    #[test]
    fn counters_that_stand_still_say_nothing() {
        assert!(!is_one(&[(0, 0); 9]));
        assert!(!is_one(&[(0, 0), (50_000_000, 0), (90_000_000, 0)]));
    }

    #[test]
    fn what_could_not_be_read_is_no_look() {
        let mut looks = Looks::default();
        for index in 0..9 {
            looks.keep(index * 250 * NS_PER_MS, [Some(index * 1000), None].into_iter());
        }
        assert_eq!(looks.mirrors(2, |_, _| true), [None, None]);
    }

    #[test]
    fn a_look_right_after_another_is_none() {
        let mut looks = Looks::default();
        for index in 0..9 {
            looks.keep(index * NS_PER_MS, [Some(index * 60), Some(index * 60)].into_iter());
        }
        assert_eq!(looks.mirrors(2, |_, _| true), [None, None]);
    }

    #[test]
    fn three_dies_of_one_counter_mirror_the_first() {
        let mut looks = Looks::default();
        for index in 0..4 {
            let uj = index * 1_000_000;
            looks.keep(index * 250 * NS_PER_MS, [uj, uj / 2, uj, uj].map(Some).into_iter());
        }
        assert_eq!(looks.mirrors(4, |_, _| true), [None, None, Some(0), Some(0)]);
    }
}
