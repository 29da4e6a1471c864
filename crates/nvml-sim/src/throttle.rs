//! When and why the clocks were held down: the reasons at one moment, and how long each has lasted so far.

/// The reasons a scenario may name, with their bit in `nvmlClocksEventReason*`.
pub const REASONS: [(&str, u64); 9] = [
    ("gpu_idle", 0x1),
    ("applications_clocks_setting", 0x2),
    ("sw_power_cap", SW_POWER_CAP),
    ("hw_slowdown", 0x8),
    ("sync_boost", SYNC_BOOST),
    ("sw_thermal_slowdown", SW_THERMAL),
    ("hw_thermal_slowdown", HW_THERMAL),
    ("hw_power_brake_slowdown", HW_POWER_BRAKE),
    ("display_clock_setting", 0x100),
];

/// The board is at its power limit.
pub const SW_POWER_CAP: u64 = 0x4;
/// Held to the clocks of the other boards of a sync boost group.
pub const SYNC_BOOST: u64 = 0x10;
/// The driver slows the board because it is hot.
pub const SW_THERMAL: u64 = 0x20;
/// The hardware slows itself because it is hot.
pub const HW_THERMAL: u64 = 0x40;
/// An external power brake is asserted.
pub const HW_POWER_BRAKE: u64 = 0x80;

/// Every bit of [`REASONS`].
pub fn all_reasons() -> u64 {
    REASONS.iter().fold(0, |mask, (_, bit)| mask | bit)
}

/// One stretch of throttling, from its first nanosecond up to and without its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// Start in nanoseconds since t = 0.
    pub from_ns: i64,
    /// End in nanoseconds since t = 0.
    pub to_ns: i64,
    /// The reasons' bits.
    pub reasons: u64,
}

/// The bits that are set at `t_ns`.
pub fn reasons_at(list: &[Throttle], t_ns: i64) -> u64 {
    list.iter().filter(|x| (x.from_ns..x.to_ns).contains(&t_ns)).fold(0, |mask, x| mask | x.reasons)
}

/// Nanoseconds between t = 0 and `t_ns` in which at least one bit of `mask` was set; overlaps count once.
pub fn throttled_ns(list: &[Throttle], mask: u64, t_ns: i64) -> u64 {
    // `list` is sorted by its starts when the scenario is read, so that one pass merges what overlaps.
    let (mut total_ns, mut counted_to_ns) = (0, 0);
    for stretch in list.iter().filter(|x| x.reasons & mask != 0) {
        let from_ns = stretch.from_ns.max(counted_to_ns);
        let to_ns = stretch.to_ns.min(t_ns);
        if to_ns > from_ns {
            total_ns += to_ns.abs_diff(from_ns);
            counted_to_ns = to_ns;
        }
    }
    total_ns
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn throttle(from_ns: i64, to_ns: i64, reasons: u64) -> Throttle {
        Throttle { from_ns, to_ns, reasons }
    }

    #[test]
    fn overlapping_stretches_of_one_reason_count_once() {
        let list = [
            throttle(-5, 10, SW_POWER_CAP),
            throttle(5, 20, SW_POWER_CAP | HW_THERMAL),
            throttle(6, 8, SW_POWER_CAP),
            throttle(30, 40, HW_THERMAL),
        ];
        for (mask, t_ns, expected_ns) in [
            (SW_POWER_CAP, -1, 0),
            (SW_POWER_CAP, 7, 7),
            (SW_POWER_CAP, 100, 20),
            (HW_THERMAL, 100, 25),
            (HW_THERMAL | SW_POWER_CAP, 35, 25),
            (SYNC_BOOST, 100, 0),
        ] {
            assert_eq!(throttled_ns(&list, mask, t_ns), expected_ns, "mask {mask:#x} at {t_ns} ns");
        }
    }

    #[test]
    fn a_stretch_holds_its_start_and_not_its_end() {
        let list = [throttle(10, 20, SW_POWER_CAP), throttle(15, 30, SYNC_BOOST)];
        assert_eq!(reasons_at(&list, 9), 0);
        assert_eq!(reasons_at(&list, 10), SW_POWER_CAP);
        assert_eq!(reasons_at(&list, 15), SW_POWER_CAP | SYNC_BOOST);
        assert_eq!(reasons_at(&list, 20), SYNC_BOOST);
    }
}
