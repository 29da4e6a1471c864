//! Chance that every process computes alike: a function of a seed and a number (a tick, a call), with no state.

use std::f64::consts::TAU;

/// A draw from the standard normal distribution that belongs to `tick`.
pub fn gaussian(seed: u64, tick: i64) -> f64 {
    let first = mix(seed ^ mix(tick.cast_unsigned()));
    // Box and Muller 1958; the logarithm needs a number above 0.
    let radius = (-2.0 * (1.0 - unit(first)).ln()).sqrt();
    radius * (TAU * unit(mix(first))).cos()
}

/// A draw from [0, 1) that belongs to `number`.
pub fn uniform(seed: u64, number: i64) -> f64 {
    unit(mix(seed ^ mix(number.cast_unsigned())))
}

/// A draw from [-1, 1) that belongs to `number`.
pub fn symmetric(seed: u64, number: i64) -> f64 {
    2.0 * uniform(seed, number) - 1.0
}

/// The seed of another stream of numbers than that of `seed` itself.
pub fn stream(seed: u64, name: u64) -> u64 {
    mix(seed.rotate_left(17) ^ mix(name))
}

/// splitmix64 (Steele, Lea and Flood 2014): one step of the generator, which scatters neighbouring inputs.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The upper 53 bits as a number in [0, 1).
fn unit(x: u64) -> f64 {
    (x >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_standard_normal_and_belong_to_their_tick() {
        let n = 100_000_i32;
        let draws: Vec<f64> = (0..n).map(|tick| gaussian(7, i64::from(tick) - 50_000)).collect();
        let mean = draws.iter().sum::<f64>() / f64::from(n);
        let variance = draws.iter().map(|x| x * x).sum::<f64>() / f64::from(n);
        let neighbours = draws.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.015 && (variance - 1.0).abs() < 0.02, "mean {mean}, variance {variance}");
        assert!(neighbours.abs() < 0.015, "neighbours go together: {neighbours}");
        let again = gaussian(7, 3);
        assert_eq!(gaussian(7, 3).to_bits(), again.to_bits());
        assert_ne!(gaussian(8, 3).to_bits(), again.to_bits());
    }
}
