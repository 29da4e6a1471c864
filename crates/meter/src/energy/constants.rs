//! Every number that the estimator rests on and that no driver tells: value, unit, meaning, evidence. Nothing here was
//! measured on hardware by this project; "bench" is the replay over simulated sensors (`examples/sensors.rs`).

/// One entry of the table.
#[derive(Clone, Copy, Debug)]
pub struct Constant {
    /// Its name in the code.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// Its unit; "1" for a share or a factor.
    pub unit: &'static str,
    /// What it says.
    pub meaning: &'static str,
    /// What speaks for it: a paper, the bench with its seed, or that it is a guess.
    pub evidence: &'static str,
}

macro_rules! table {
    ($($name:ident = $value:expr, $unit:literal, $meaning:literal, $evidence:literal;)*) => {
        $(#[doc = $meaning] pub const $name: f64 = $value;)*
        /// All of them.
        pub const TABLE: &[Constant] = &[$(Constant {
            name: stringify!($name), value: $value, unit: $unit, meaning: $meaning, evidence: $evidence,
        },)*];
    };
}

table! {
    GAIN_SHARE = 0.05, "1", "A board's sensor is off by up to this share of what it shows (k = 2).",
        "nvml.h; 0.95 to 1.06 over 70 boards, arXiv 2312.02741";
    UNTRIED_GAIN_SHARE = 0.10, "1", "A sensor below /sys is taken to be off by up to this share of what it shows (k = 2).",
        "assumption: no vendor states it, and none was tried on hardware here; twice what NVIDIA's boards show";
    STANDS_STILL_S = 5.0, "s", "The readings of such a sensor that do not change for so long are those of one that is stuck.",
        "guess: the quantum of these sensors is 1 W or less, and no load holds that for so long";
    STILL_PERIODS = 10.0, "1", "Update periods after which such a sensor that shows the same value may have stopped.",
        "guess: values of a load differ in one of ten by more than their quantum";
    COVERAGE_FACTOR = 2.0, "1", "From a standard uncertainty to the one that is quoted.", "GUM (JCGM 100:2008) 6.2";
    // What a board can do.
    TRANSIENT_FACTOR = 1.6, "1", "No reading above this many times the power limit is possible.",
        "guess: published transients of boards reach 1.2 to 1.5 of the limit for milliseconds; a lone reading below it stays in, where it adds 0.6 of the limit for one update period at most";
    UNKNOWN_LIMIT_W = 1500.0, "W", "The power limit where the driver tells none.", "highest limit of a single board, B300: 1400 W";
    UNTRIED_LIMIT_W = 20000.0, "W", "The same of a sensor below /sys, which may be one of a whole machine.", "guess: machines with eight boards draw 6 to 15 kW";
    USUAL_IDLE_SHARE = 0.12, "1", "Idle is taken to be no more than this share of the limit, before it was seen.", "H100 and H200: 70 to 80 W of 700 W";
    STEP_FACTOR = 1.15, "1", "The counter rises at most by this many times limit x time.", "guess: limit regulation over 0.1 s";
    STEP_SLACK_S = 0.15, "s", "A tick holds up to this much more time than lies between the reads around it.", "one tick of 100 ms with its jitter";
    LEAST_SHARE_OF_IDLE = 0.3, "1", "A counter that rises by less than this share of the lowest reading x time has lost energy.", "guess";
    OUTAGE_S = 1.0, "s", "After every call failed for this long the counter may be another one.", "guess: a driver reloads within seconds";
    STANDSTILL_S = 1.5, "s", "A counter that stands still for this long has stopped.", "slowest known publication 1 s (nvrm_registry.h)";
    STOOD_S = 0.3, "s", "A counter that was seen to stand for this long may have lost energy.", "usual periods: 20 to 100 ms";
    STOOD_PERIODS = 2.5, "1", "Nor does it count before it is so many times as long as its shortest step.", "a tick that was missed is two";
    LOST_SHARE = 0.7, "1", "It has where it then rises by less than this share of what the readings say.", "guess";
    MOST_LIMIT_W = 3000.0, "W", "A power limit above it is none of a board.", "GB300 module: 2900 W";
    BRIDGE_SHARE = 0.03, "1", "Readings that stand in for a step of the counter are off by this share (k = 1).", "half the board's gain, and blind time";
    BRIDGE_TICK_S = 0.03, "s", "The time of such a step is off by this much (k = 1).", "reads 0.1 s apart";
    // What a reading is.
    DRIVER_RESOLUTION_W = 0.3, "W", "A reading is known no better than this (k = 1), however steady.", "guess: quantum of 1 W / sqrt(12)";
    MOST_NOISE_W = 8.0, "W", "Readings that differ by more, at their quietest, are of a load that was never quiet (k = 1).",
        "nvml.h: within 5 W";
    VALUE_NOISE_SHARE = 0.002, "1", "Nor better than this share of itself.", "guess";
    DELAY_DEVIATION_S = 0.030, "s", "How far the age of a reading may be from what is taken for it (k = 1), before it was measured.",
        "23 to 97 ms on ten H100 boards, arXiv 2312.02741; 0 in format 1 of the simulator";
    COUNTER_QUANTUM_J = 0.0006, "J", "A difference of two values of a counter of whole millijoules (k = 1).", "two uniform roundings of 1 mJ";
    TEXTURE_SHARE = 0.05, "1", "A load whose readings are alike still varies by this share at tens of milliseconds.", "guess";
    // Stories.
    COARSE_STEPS = 24.0, "1", "Moments over three cells at which two changes of power are considered.", "bench";
    FINE_STEPS = 100.0, "1", "Moments over the cell that holds the mark at which one change is considered.", "bench";
    NO_CHANGE = 0.30, "1", "Prior of a load that does not change its level.", "bench";
    ONE_CHANGE = 0.2, "1", "Prior of one change anywhere.", "bench";
    TWO_CHANGES = 0.15, "1", "Prior of two changes.", "bench";
    OUTLOOK = 7.0, "1", "A texture and a way to read the sensor whose best story of one change is worse by a factor e^7 are left out.", "bench";
    CHANGE_NEAR_MARK = 0.57, "1", "Prior of a load that begins or ends near the mark.", "loads are started by the program that marks";
    CHANGE_BESIDE_MARK = 1.2, "1", "The same of a load that changes once more beside it.", "bench";
    NEAR_ENOUGH = 0.02, "1", "Moments near the mark that are less likely are considered for one change alone.", "choice";
    MARK_SPREAD_S = 0.0008, "s", "How near: the density falls with the distance plus this.", "marks of a busy program are late by a millisecond";
    IDLE_SHARE = 0.25, "1", "Idle is less than this share of the step above the lowest power.", "guess";
    LEVEL_SPREAD = 0.5, "1", "Prior spread of a level and of a step (k = 1), as a share of idle to limit.", "weak prior";
    BEYOND_W = 10.0, "W", "A level this far below idle or above the limit loses weight exp(-1/2).", "guess";
    LEAST_ACTIVE_W = 4.0, "W", "The least power above idle that has a texture.", "guess";
    TEXTURE_S = 0.010, "s", "The time for which a texture's strength is stated.", "definition";
    ROUND_S = 0.010, "s", "How long what a round of decode holds is remembered.", "rounds of 8 to 45 ms";
    WEAK_WHITE = 0.01, "1", "Weak texture: deviation of the mean over 10 ms, of the power above idle.", "bench";
    WEAK_ROUND = 0.005, "1", "Weak texture: deviation of a round's energy, of the power above idle x 10 ms.", "bench";
    USUAL_WHITE = 0.06, "1", "Usual texture, the same.", "bench";
    USUAL_ROUND = 0.12, "1", "Usual texture, the same.", "rounds that swing by 19 % about their mean hold 0.05 to 0.14 of 25 ms";
    STRONG_WHITE = 0.30, "1", "Strong texture, the same.", "bench";
    STRONG_ROUND = 0.25, "1", "Strong texture, the same.", "bench";
    SWING_S = 0.025, "s", "How long a round of a load that swings is remembered: its power differs by its energy over this (k = 1).", "rounds of 50 to 400 ms";
    SWING_ROUND = 2.2, "1", "Swinging texture: deviation of a round's energy, of the power above idle x 10 ms.", "a square of 150 ms between idle and load: 5.7 J at 262 W";
    SWING_PRIOR = 1.0, "1", "Prior of a load that swings, beside each of the other textures.", "bench";
    MODEL_SHARE = 0.03, "1", "No sensor is quite what it is taken for: a reading is off by this share of how the power varies around (k = 1).", "bench: exponential and overlapping means";
    READING_DISBELIEF = 0.05, "1", "Prior that the readings around a moment tell nothing.", "guess";
    MIXTURE_FACTOR = 1.4, "1", "What the mixture's deviation is multiplied with: real loads are no Gaussians.", "bench";
    RELATIVE_FLOOR = 1e-5, "1", "No energy is known better than this share of itself.", "clock and rounding";
    EVEN_SHARE = 0.85, "1", "What a load in step with the ticks may hide of a cell at an edge (k = 1), of the power above idle.", "bench";
    SWING_SHARE = 0.35, "1", "Readings further from cells that are alike, of the power above idle (k = 1), are of a load that swings within a cell.", "bench: 0.2 of rounds of decode";
    // Which kind of counter.
    INTEGRATES_UP_TO = 2.5, "1", "Ticks at most this many periods of the sensor apart are shared out by stories.", "bench";
    DEVIATES_SHARE = 0.004, "1", "A counter's step that differs from the readings' sum by more contradicts that it is their sum.", "bench";
    BLIND_PRIOR = 0.35, "1", "Prior that a counter is a sum of readings.", "one board in an open dispute (Zeus issue 181), guess";
    LOG_CONTRADICTED = -2.5, "1", "Logarithm of the odds of such a contradiction: a sum of readings makes few.", "bench: 3 of 100 against 40 of 100";
    MOST_LOG_ODDS = 15.0, "1", "More is not believed, so that later evidence counts.", "choice";
    MOST_CONTRADICTIONS = 4.0, "1", "So many ratios that no gain explains count.", "choice";
    DECIDED = 0.02, "1", "The kind of a counter is decided when the other one is less likely.", "choice";
    REMEMBERED_DOUBT = 0.0001, "1", "Doubt about the kind that an earlier run found.", "guess";
    BLIND_FACTOR = 2.0, "1", "What a counter that adds up readings misses, by their differences, is multiplied with this: bursts between readings show in none.", "bench";
    // Gain ratio.
    RATIO_AGREES = 0.02, "1", "Ratios at two levels that differ by less are one.", "bench";
    RATIO_PLAUSIBLE = 0.12, "1", "A ratio of readings to counter further from 1 is no gain of a sensor.", "arXiv 2312.02741: 0.95 to 1.06, two old boards beyond";
    APART_SHARE = 0.55, "1", "Of two candidates between which nothing decides one is quoted, with this share of their difference (k = 1).", "half, and a tenth more";
    PEAK_SLACK = 1.1, "1", "A mean above the highest reading by more contradicts it: the reading has a gain, the counter an edge.", "gain of a board and edges";
    ALIKE_SHARE = 0.06, "1", "Pairs of counter and readings, or readings, that differ by less are alike (k = 1).", "times of ticks are known to 3 % of a pair";
    // Aliasing.
    LOAD_SHARE = 0.2, "1", "A mean this share above idle is a load.", "guess";
    BUSY_SHARE = 0.2, "1", "A GPU in which a kernel ran for more of the window had a load.", "guess: utilisation is told for the last 0.17 to 1 s";
    BUSY_SLACK = 0.05, "1", "The share of a window in which kernels ran is known no better than this.", "guess: utilisation is told late";
    QUIET_SHARE = 0.5, "1", "A board in which no kernel ran, by its driver, draws less than this share of its limit.", "nvidia-smi of idle boards: 3 to 45 %";
    LEAST_UNSEEN = 0.1, "1", "No sensor is taken to see more of the time than all but this share.", "choice";
    GAPLESS_USUAL = 0.97, "1", "Prior that a sensor sees all of the time, where those of its kind do.", "arXiv 2312.02741";
    GAPLESS_UNKNOWN = 0.4, "1", "The same where its period is none that is known of its kind.", "arXiv 2312.02741: on 4 of 7 kinds of boards";
    GAPLESS_UNUSUAL = 0.05, "1", "The same where those of its kind do not.", "arXiv 2312.02741";
    OTHER_GAIN = 0.015, "1", "A counter that differs from the readings by more than this share of them, and by the same each time, is no sum of them.", "a sum has their gain";
    LOG_OTHER_GAIN = -5.0, "1", "Logarithm of the odds of such a difference.", "guess";
    BARELY_CONTRADICTED = 0.03, "1", "A sum of readings differs from them by more than it may in this share of the pairs.", "bench";
    IN_STEP_DIFFERS = 0.3, "1", "An integral differs from readings, however even, in at least this share of the pairs that could tell.", "guess: a load in step with the sensor";
    SMOOTHER = 3.0, "1", "Of every other load the readings differ by so many times what lies between them.", "bench: rounds that are longer than a reading";
    MOST_LOG_CONFIRMED = 1.5, "1", "No pair speaks for a sum of readings by more, as a logarithm of the odds.", "choice";
    MOST_LOG_CONTRADICTED = -4.0, "1", "Nor against it.", "choice";
    TOLD_SHARE = 0.01, "1", "What a load in step with the sensor may hide is told from this share of the energy on (k = 1).", "choice";
    LATE_S = 0.02, "s", "Readings that are later than the counter by more are of a board that is late.", "bench";
    MEAN_EDGE_S = 0.08, "s", "The mean over a second begins and ends as sharply as this (k = 1).", "guess: it may be a low pass; nvml.h: averaged over 1 s";
    NOISE_BENDS = 2.0, "1", "A value that is further out of line than so many deviations of noise is so by the load.", "bench";
    EVEN_TIME = 0.8, "1", "Readings that lie in line for more of a window are even.", "choice";
    STEADY_SHARE = 0.01, "1", "Readings whose second differences are below this share of the power above idle exclude no load in step.", "bench";
}

/// FNV-1a (Fowler, Noll, Vo) over names and values: results by other constants are by another estimator.
pub fn hash() -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    let mut eat = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3);
        }
    };
    for constant in TABLE {
        eat(constant.name.as_bytes());
        eat(&constant.value.to_le_bytes());
    }
    hash
}
