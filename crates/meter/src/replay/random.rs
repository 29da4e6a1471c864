//! The dice of the replay: the same numbers in every build.

/// SplitMix64 (Steele et al. 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The same seed gives the same numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Whether something of this probability happens.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.between(0.0, 1.0) < probability
    }

    /// Uniform in `[0, limit_ns)`, 0 where the limit is 0.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive times")]
    pub fn ns_below(&mut self, limit_ns: u64) -> u64 {
        self.between(0.0, limit_ns as f64) as u64
    }

    /// Uniform in `[low_ns, high_ns)`.
    pub fn ns_between(&mut self, low_ns: u64, high_ns: u64) -> u64 {
        low_ns + self.ns_below(high_ns - low_ns)
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.between(f64::MIN_POSITIVE, 1.0).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.between(0.0, 1.0)).cos()
    }

    /// Exponential with this mean, at most `most_ns`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by `most_ns`")]
    pub fn exponential_ns(&mut self, mean_ns: u64, most_ns: u64) -> u64 {
        let drawn = -(mean_ns as f64) * self.between(f64::MIN_POSITIVE, 1.0).ln();
        drawn.min(most_ns as f64) as u64
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.ns_below(of.len() as u64)).unwrap_or(0)]
    }
}
