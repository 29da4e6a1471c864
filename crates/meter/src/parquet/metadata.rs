//! What the files say of themselves: key-value metadata, written and read back. Several values are separated by
//! commas, one for each device; the parts of one by colons; `-` is unknown.

use std::collections::HashMap;
use std::fmt::Display;
use std::io;
use std::ops::RangeInclusive;
use std::str::FromStr;

use parquet::file::metadata::KeyValue;

use crate::energy::{
    Belief, BoardGain, Calibrated, Delay, ESTIMATOR, GainRatio, Kind, Method, Sensor, Ways, constants,
};
use crate::sensor::Origin;
use crate::window::{FirstUpdate, FirstUpdates};

/// A sampler reads every 1 to 5000 ms, and between those every 5 ms near an edge.
const INTERVALS_NS: RangeInclusive<u64> = 1_000_000..=5_000_000_000;
/// Periods that a sensor or a counter may have.
const PERIODS_NS: RangeInclusive<u64> = 100_000..=60_000_000_000;
const LONGEST_HISTORY_NS: u64 = 300_000_000_000;

/// Known when a window opens.
#[derive(Clone, Debug, PartialEq)]
pub struct FileFacts {
    /// The driver's index of each device, by position.
    pub gpu_indices: Vec<i32>,
    /// UUIDs, by position.
    pub uuids: Vec<String>,
    /// The power interval in nanoseconds.
    pub interval_ns: u64,
    /// Monotonic time of the start of the window.
    pub start_ns: u64,
    /// Wall time of the same moment, nanoseconds since the Unix epoch.
    pub start_unix_ns: u64,
    /// The longest pause in the power readings that is bridged.
    pub power_gap_cap_ns: u64,
    /// The longest pause in the slow signals that is bridged.
    pub slow_gap_cap_ns: u64,
    /// How far back an edge looks.
    pub history_ns: u64,
    /// What was known of each device's sensor before it was watched, by position.
    pub sensors: Vec<Sensor>,
    /// What a calibration has measured of each device, by position; empty in files from before it was told.
    pub calibrated: Vec<Calibrated>,
}

/// Known when a window has ended: what its samples do not tell, because it rests on the time before them.
#[derive(Clone, Debug, PartialEq)]
pub struct EndFacts {
    /// Monotonic time of the end of the window.
    pub end_ns: u64,
    /// What was believed of each device when the window opened, when its left edge was judged and when its right edge
    /// was.
    pub beliefs: Vec<[Belief; 3]>,
    /// When sensor and counter of each device first published in the window; empty in files from before it was told.
    pub first_updates: Vec<FirstUpdates>,
}

impl FileFacts {
    pub(super) fn metadata(&self, schema_version: &str) -> Vec<KeyValue> {
        let sensors = list(&self.sensors, |sensor| {
            let Sensor { update_period_ns, window_ns, delay_ns, origin } = *sensor;
            format!("{update_period_ns}:{window_ns}:{delay_ns}{}", origin.as_str())
        });
        let is_calibrated = self.calibrated.iter().any(|calibrated| *calibrated != Calibrated::default());
        let calibrated = || entry("llem.calibrated", list(&self.calibrated, calibrated_text));
        let always = [
            entry("llem.schema_version", schema_version),
            entry("llem.device_uuids", self.uuids.join(",")),
            entry("llem.gpu_indices", list(&self.gpu_indices, i32::to_string)),
            entry("llem.sample_interval_ns", self.interval_ns),
            entry("llem.start_monotonic_ns", self.start_ns),
            entry("llem.start_unix_ns", self.start_unix_ns),
            entry("llem.power_gap_cap_ns", self.power_gap_cap_ns),
            entry("llem.slow_gap_cap_ns", self.slow_gap_cap_ns),
            entry("llem.history_ns", self.history_ns),
            entry("llem.sensors_ns", sensors),
        ];
        always.into_iter().chain(is_calibrated.then(calibrated)).collect()
    }

    pub(super) fn read(entries: &Entries) -> io::Result<Self> {
        Ok(Self {
            gpu_indices: entries.list("llem.gpu_indices", |text| text.parse().ok())?,
            uuids: entries.list("llem.device_uuids", |text| Some(text.to_owned()))?,
            interval_ns: entries.span_ns("llem.sample_interval_ns", INTERVALS_NS)?,
            start_ns: entries.value("llem.start_monotonic_ns")?,
            start_unix_ns: entries.value("llem.start_unix_ns")?,
            power_gap_cap_ns: entries.value("llem.power_gap_cap_ns")?,
            slow_gap_cap_ns: entries.value("llem.slow_gap_cap_ns")?,
            history_ns: entries.span_ns("llem.history_ns", 0..=LONGEST_HISTORY_NS)?,
            sensors: entries.list("llem.sensors_ns", |text| {
                let origins = [Origin::Sysfs, Origin::SysfsUnitAssumed];
                let named = |origin: Origin| Some((text.strip_suffix(origin.as_str())?, origin));
                let (text, origin) = origins.into_iter().find_map(named).unwrap_or((text, Origin::Nvml));
                let parts: Option<Vec<u64>> = text.split(':').map(|part| part.parse().ok()).collect();
                let [update_period_ns, window_ns, delay_ns] = parts?.try_into().ok()?;
                let is_sane =
                    PERIODS_NS.contains(&update_period_ns) && window_ns.max(delay_ns) <= *PERIODS_NS.end();
                is_sane.then_some(Sensor { update_period_ns, window_ns, delay_ns, origin })
            })?,
            calibrated: if entries.has("llem.calibrated") {
                entries.list("llem.calibrated", calibrated_of)?
            } else {
                Vec::new()
            },
        })
    }
}

impl EndFacts {
    pub(super) fn metadata(&self) -> Vec<KeyValue> {
        let beliefs = |beliefs: &[Belief; 3]| beliefs.map(|belief| belief_text(&belief)).join("|");
        let first_updates = |FirstUpdates { power, counter }: &FirstUpdates| {
            [power, counter]
                .map(|update| {
                    [update.map(|update| update.after_ns), update.map(|update| update.doubt_ns)]
                        .map(or_dash)
                        .join(":")
                })
                .join(":")
        };
        vec![
            entry("llem.end_monotonic_ns", self.end_ns),
            entry("llem.estimator", ESTIMATOR),
            entry("llem.constants_hash", format!("{:016x}", constants::hash())),
            entry("llem.beliefs", list(&self.beliefs, beliefs)),
            entry("llem.first_updates_ns", list(&self.first_updates, first_updates)),
        ]
    }

    pub(super) fn read(entries: &Entries) -> io::Result<Self> {
        Ok(Self {
            end_ns: entries.value("llem.end_monotonic_ns")?,
            beliefs: entries.list("llem.beliefs", |text| {
                let beliefs: Option<Vec<Belief>> = text.split('|').map(belief_of).collect();
                beliefs?.try_into().ok()
            })?,
            first_updates: if entries.has("llem.first_updates_ns") {
                entries.list("llem.first_updates_ns", |text| {
                    let found: Vec<Option<u64>> = text.split(':').map(|part| part.parse().ok()).collect();
                    let [power_ns, power_doubt_ns, counter_ns, counter_doubt_ns] = found.try_into().ok()?;
                    let update = |after_ns: Option<u64>, doubt_ns: Option<u64>| {
                        after_ns.zip(doubt_ns).map(|(after_ns, doubt_ns)| FirstUpdate { after_ns, doubt_ns })
                    };
                    Some(FirstUpdates {
                        power: update(power_ns, power_doubt_ns),
                        counter: update(counter_ns, counter_doubt_ns),
                    })
                })?
            } else {
                Vec::new()
            },
        })
    }
}

/// What was calibrated in one line.
fn calibrated_text(calibrated: &Calibrated) -> String {
    let Calibrated { sensor_delay_doubt_ns, counter_delay, gain } = *calibrated;
    let delay = [counter_delay.map(|delay| delay.ns), counter_delay.map(|delay| delay.doubt_ns)];
    let times = [sensor_delay_doubt_ns, delay[0], delay[1]].map(or_dash);
    let factor = gain.map_or_else(
        || "-:-:-".to_owned(),
        |gain| format!("{:?}:{:?}:{}", gain.ratio, gain.uncertainty, gain.method.as_str()),
    );
    format!("{}:{factor}", times.join(":"))
}

fn calibrated_of(text: &str) -> Option<Calibrated> {
    let parts: Vec<&str> = text.split(':').collect();
    let [doubt, delay, delay_doubt, ratio, uncertainty, method] = parts.try_into().ok()?;
    let time = |text: &str| text.parse::<u64>().ok();
    let number = |text: &str| text.parse::<f64>().ok();
    let gain = number(ratio).zip(number(uncertainty)).zip(Method::from_name(method));
    Some(Calibrated {
        sensor_delay_doubt_ns: time(doubt),
        counter_delay: time(delay).zip(time(delay_doubt)).map(|(ns, doubt_ns)| Delay { ns, doubt_ns }),
        gain: gain.map(|((ratio, uncertainty), method)| BoardGain { ratio, uncertainty, method }),
    })
}

/// A belief in one line. Numbers are written so that reading them gives the same bits.
fn belief_text(belief: &Belief) -> String {
    let Belief { power_ns, power_doubt_ns, counter_ns, counter_doubt_ns, .. } = *belief;
    let times = [power_ns, power_doubt_ns, counter_ns, counter_doubt_ns].map(or_dash);
    let powers =
        [Some(belief.noise_w), belief.lowest_w, belief.limit_w, Some(belief.blind_share), belief.scope_ratio];
    let gain = [belief.gain_ratio.map(|gain| gain.ratio), belief.gain_ratio.map(|gain| gain.uncertainty)];
    let later = [belief.in_step_ratio, Some(belief.mean_blind_share)];
    let numbers = powers.into_iter().chain(gain).chain(belief.ways.0.map(Some)).chain(later);
    let numbers = numbers.map(|number| number.map_or_else(|| "-".to_owned(), |number| format!("{number:?}")));
    times.into_iter().chain([belief.kind.as_str().to_owned()]).chain(numbers).collect::<Vec<_>>().join(":")
}

fn belief_of(text: &str) -> Option<Belief> {
    let mut parts = text.split(':');
    let mut time = || parts.next().map(|part| part.parse().ok());
    let times = [time()?, time()?, time()?, time()?];
    // Ticks are counted out: a period of a nanosecond would be a thousand million of them.
    let is_period = |period: Option<u64>| period.is_none_or(|period_ns| PERIODS_NS.contains(&period_ns));
    if !is_period(times[0]) || !is_period(times[2]) {
        return None;
    }
    let kind = Kind::from_name(parts.next()?)?;
    let numbers: Vec<Option<f64>> = parts.map(|part| part.parse().ok()).collect();
    let [noise_w, lowest_w, limit_w, blind_share, scope_ratio, ratio, uncertainty, ways @ ..] =
        numbers.as_slice()
    else {
        return None;
    };
    let (ways, later) = ways.split_at_checked(Ways::default().0.len())?;
    let ways: Option<Vec<f64>> = ways.iter().copied().collect();
    Some(Belief {
        power_ns: times[0],
        power_doubt_ns: times[1],
        counter_ns: times[2],
        counter_doubt_ns: times[3],
        noise_w: (*noise_w)?,
        lowest_w: *lowest_w,
        limit_w: *limit_w,
        gain_ratio: ratio.zip(*uncertainty).map(|(ratio, uncertainty)| GainRatio { ratio, uncertainty }),
        kind,
        blind_share: (*blind_share)?,
        scope_ratio: *scope_ratio,
        // Files from before they were told lack them.
        in_step_ratio: later.first().copied().flatten(),
        mean_blind_share: later.get(1).copied().flatten().unwrap_or(Belief::default().mean_blind_share),
        ways: Ways(ways?.try_into().ok()?),
    })
}

/// The metadata of a file that is read.
pub(super) struct Entries(HashMap<String, String>);

impl Entries {
    pub fn of(metadata: Option<&Vec<KeyValue>>) -> Self {
        let entries = metadata.into_iter().flatten();
        Self(entries.filter_map(|entry| Some((entry.key.clone(), entry.value.clone()?))).collect())
    }

    pub fn text(&self, key: &str) -> io::Result<&str> {
        self.0
            .get(key)
            .map(String::as_str)
            .ok_or_else(|| invalid(&format!("it has no {key} in its metadata")))
    }

    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub fn value<T: FromStr>(&self, key: &str) -> io::Result<T> {
        let text = self.text(key)?;
        text.parse().map_err(|_| invalid(&format!("{key} is {text} in its metadata")))
    }

    /// A time that can be: what is built on it takes memory.
    fn span_ns(&self, key: &str, possible: RangeInclusive<u64>) -> io::Result<u64> {
        let span_ns = self.value(key)?;
        let text = self.text(key)?;
        if possible.contains(&span_ns) {
            Ok(span_ns)
        } else {
            Err(invalid(&format!("{key} is {text} in its metadata")))
        }
    }

    fn list<T>(&self, key: &str, read: impl Fn(&str) -> Option<T>) -> io::Result<Vec<T>> {
        let text = self.text(key)?;
        let items: Option<Vec<T>> = text.split(',').map(read).collect();
        items.ok_or_else(|| invalid(&format!("{key} is {text} in its metadata")))
    }
}

pub(super) fn entry<T: Display>(key: &str, value: T) -> KeyValue {
    KeyValue::new(key.to_owned(), format!("{value}"))
}

pub(super) fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn list<T>(items: &[T], text: impl Fn(&T) -> String) -> String {
    items.iter().map(text).collect::<Vec<_>>().join(",")
}

fn or_dash<T: Display>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
#[path = "metadata_tests.rs"]
mod tests;
