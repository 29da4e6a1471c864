//! What one device or sensor is read from. Each of the two, power and energy, fails alone.

use std::path::Path;

use super::attribute::Attribute;
use super::card::Card;
use super::differences::{Differences, SPAN_NS};
use super::gpu_metrics::GpuMetrics;
use super::throttling::Throttling;
use super::unwrapped::Unwrapped;
use crate::clock::monotonic_ns;
use crate::read_error::ReadError;
use crate::sample::SlowSignals;
use crate::tenancy::Limits;

/// Where a power reading comes from.
enum Power {
    /// Microwatts.
    File(Attribute),
    /// Millivolts and milliamperes of one rail.
    Rail(Attribute, Attribute),
    /// `gpu_metrics`.
    Metrics,
    /// The energy counter, which is all that there is.
    Energy(Differences),
}

/// Where the energy counter is.
enum Counter {
    /// Microjoules.
    File(Attribute),
    /// `gpu_metrics`, in units of 2^-16 J.
    Metrics(Unwrapped),
}

/// The files of one device or sensor, opened.
pub(super) struct Meter {
    power: Option<Power>,
    /// The power's file, by its name.
    pub power_name: &'static str,
    counter: Option<Counter>,
    /// Whether the unit of the counter is what others take it for, and stated nowhere.
    pub unit_is_assumed: bool,
    metrics: Option<GpuMetrics>,
    throttling: Throttling,
    signals: Signals,
    limit: Option<Attribute>,
    /// Files that were read so far.
    pub calls: u64,
}

/// The files of the slow signals.
#[derive(Default)]
struct Signals {
    temperature: Option<Attribute>,
    memory_temperature: Option<Attribute>,
    memory_used: Option<Attribute>,
    memory_total: Option<Attribute>,
    busy: Option<Attribute>,
    clock: Option<Attribute>,
    memory_clock: Option<Attribute>,
}

/// In the order in which they are preferred: the one that is not averaged by the firmware comes first.
const POWER_FILES: [(&str, &str); 2] =
    [("power1_input", "hwmon power1_input"), ("power1_average", "hwmon power1_average")];
const NO_POWER: &str = "nothing";

impl Meter {
    /// A sensor with one file in microwatts.
    pub fn of_file(file: Attribute, power_name: &'static str) -> Self {
        Self::of_power(Power::File(file), power_name)
    }

    /// A rail of which voltage (millivolts) and current (milliamperes) are known.
    pub fn of_rail(voltage: Attribute, current: Attribute, power_name: &'static str) -> Self {
        Self::of_power(Power::Rail(voltage, current), power_name)
    }

    fn of_power(power: Power, power_name: &'static str) -> Self {
        Self { power: Some(power), power_name, ..Self::empty() }
    }

    fn empty() -> Self {
        Self {
            power: None,
            power_name: NO_POWER,
            counter: None,
            unit_is_assumed: false,
            metrics: None,
            throttling: Throttling::default(),
            signals: Signals::default(),
            limit: None,
            calls: 0,
        }
    }

    /// A GPU, or why it tells neither power nor energy.
    pub fn of_card(card: &Card) -> Result<Self, String> {
        let mut meter = Self {
            metrics: GpuMetrics::open(&card.folder.join("gpu_metrics")).ok(),
            signals: Signals::of(card),
            limit: limit_of(card),
            ..Self::empty()
        };
        let energy = meter.find_counter(card);
        meter.find_power(card, energy);
        if meter.power.is_some() || meter.counter.is_some() {
            return Ok(meter);
        }
        Err(if card.is_partition {
            "it is a partition, and the sensor of the whole GPU measures all of them together".to_owned()
        } else {
            let place = card.hwmon.as_ref().unwrap_or(&card.folder).display().to_string();
            let driver = card.driver.as_deref().unwrap_or("its driver");
            format!("{driver} shows no power and no energy in {place}")
        })
    }

    /// Finds the counter, and what the power is called that is taken from it where there is nothing better.
    fn find_counter(&mut self, card: &Card) -> Option<&'static str> {
        let by_metrics = self.metrics.as_mut().and_then(|metrics| {
            let table = metrics.read().ok()?;
            table.energy_units().is_ok().then(|| table.states_unit())
        });
        if let Some(states_unit) = by_metrics {
            self.unit_is_assumed = !states_unit;
            self.counter = Some(Counter::Metrics(Unwrapped::default()));
            return None;
        }
        let hwmon = card.hwmon.as_ref()?;
        // xe has one for the card and one for the package, which is less: without the memory.
        let files = [
            (card.labelled("energy", "card"), ["", "hwmon energy1_input", "hwmon energy2_input"]),
            (Some(1), ["", "hwmon energy1_input", ""]),
            (
                card.labelled("energy", "pkg"),
                ["", "hwmon energy1_input (package alone)", "hwmon energy2_input (package alone)"],
            ),
        ];
        let open = |number: u32| Attribute::find(&hwmon.join(format!("energy{number}_input")));
        let (number, name) = files.into_iter().find_map(|(number, names)| {
            let number = number?;
            let name = names.get(usize::try_from(number).ok()?).filter(|name| !name.is_empty())?;
            // A file of a quantity that this GPU does not have says 0, or nothing.
            open(number)?.number().ok().filter(|energy_uj| *energy_uj > 0).map(|_| (number, *name))
        })?;
        self.counter = open(number).map(Counter::File);
        Some(name)
    }

    /// The first one that answers, else the first one that is there: it may answer later.
    fn find_power(&mut self, card: &Card, energy: Option<&'static str>) {
        let hwmon = card.hwmon.as_deref();
        let files = || {
            POWER_FILES.iter().filter_map(|(file, name)| Some((Attribute::find(&hwmon?.join(file))?, *name)))
        };
        let by_metrics = self.metrics.as_mut().and_then(|metrics| {
            let table = metrics.read().ok()?;
            table.power_mw().ok().map(|_| table.power_name())
        });
        let answering = files().find(|(file, _)| microwatts(file).is_ok());
        let (power, name) = if let Some((file, name)) = answering {
            (Power::File(file), name)
        } else if let Some(name) = by_metrics {
            (Power::Metrics, name)
        } else if let Some((file, name)) = files().next() {
            (Power::File(file), name)
        } else if let Some(name) = energy {
            (Power::Energy(Differences::default()), name)
        } else {
            return;
        };
        (self.power, self.power_name) = (Some(power), name);
    }

    /// How long it takes until there is a first power, nanoseconds.
    pub fn warm_up_ns(&mut self) -> u64 {
        if !matches!(self.power, Some(Power::Energy(_))) {
            return 0;
        }
        let _ = self.power_mw();
        SPAN_NS
    }

    /// Milliwatts, never 0.
    pub fn power_mw(&mut self) -> Result<u32, ReadError> {
        self.calls += 1;
        match self.power.as_mut().ok_or(ReadError::NotSupported)? {
            Power::File(file) => microwatts(file),
            Power::Rail(voltage, current) => {
                self.calls += 1;
                let (voltage_mv, current_ma) = (voltage.number()?, current.number()?);
                let power_uw = voltage_mv.checked_mul(current_ma).ok_or(ReadError::NotANumber)?;
                milliwatts(power_uw)
            }
            Power::Metrics => self.metrics.as_mut().ok_or(ReadError::NotSupported)?.read()?.power_mw(),
            Power::Energy(differences) => {
                let Some(Counter::File(file)) = &self.counter else { return Err(ReadError::NotSupported) };
                let energy_uj = file.number()?;
                differences.power_mw(monotonic_ns(), energy_uj)
            }
        }
    }

    /// Millijoules since the driver was loaded, or the GPU was.
    pub fn counter_mj(&mut self) -> Result<u64, ReadError> {
        self.calls += 1;
        match self.counter.as_mut().ok_or(ReadError::NotSupported)? {
            Counter::File(file) => file.number().map(|energy_uj| energy_uj / 1000),
            Counter::Metrics(unwrapped) => {
                let units = self.metrics.as_mut().ok_or(ReadError::NotSupported)?.read()?.energy_units()?;
                let energy_mj = (u128::from(unwrapped.advance(units)) * 1000) >> 16;
                u64::try_from(energy_mj).map_err(|_| ReadError::NotANumber)
            }
        }
    }

    /// Whether there is a file for it.
    pub fn has_counter(&self) -> bool {
        self.counter.is_some()
    }

    pub fn slow_signals(&mut self) -> SlowSignals {
        let Self { signals, metrics, throttling, calls, .. } = self;
        let throttle_reasons = metrics.as_mut().and_then(|metrics| {
            *calls += 1;
            throttling.reasons(&metrics.read().ok()?)
        });
        let mut read = |file: &Option<Attribute>| {
            let number = file.as_ref()?.number().ok()?;
            *calls += 1;
            Some(number)
        };
        let whole = |number: u64| u32::try_from(number).ok();
        // Thousandths of a degree, hertz.
        SlowSignals {
            temperature_c: read(&signals.temperature).and_then(|mc| whole(mc / 1000)),
            memory_temperature_c: read(&signals.memory_temperature).and_then(|mc| whole(mc / 1000)),
            memory_used_bytes: read(&signals.memory_used),
            memory_total_bytes: read(&signals.memory_total),
            sm_utilisation_pct: read(&signals.busy).filter(|percent| *percent <= 100).and_then(whole),
            sm_clock_mhz: read(&signals.clock).and_then(|hz| whole(hz / 1_000_000)),
            memory_clock_mhz: read(&signals.memory_clock).and_then(|hz| whole(hz / 1_000_000)),
            throttle_reasons,
            ..SlowSignals::default()
        }
    }

    pub fn limits(&mut self) -> Limits {
        self.calls += u64::from(self.limit.is_some());
        // 0: there is none in force.
        let power_mw = self.limit.as_ref().and_then(|limit| microwatts(limit).ok());
        Limits { power_mw, ..Limits::default() }
    }
}

impl Signals {
    fn of(card: &Card) -> Self {
        let own = |file: &str| Attribute::find(&card.folder.join(file));
        let sensor = |file: String| Attribute::find(&card.hwmon.as_ref()?.join(file));
        let labelled = |kind: &str, labels: &[&str]| {
            let number = labels.iter().find_map(|label| card.labelled(kind, label))?;
            sensor(format!("{kind}{number}_input"))
        };
        Self {
            temperature: labelled("temp", &["edge", "junction", "pkg"]),
            memory_temperature: labelled("temp", &["mem", "vram"]),
            memory_used: own("mem_info_vram_used"),
            memory_total: own("mem_info_vram_total"),
            busy: own("gpu_busy_percent"),
            clock: labelled("freq", &["sclk"]),
            memory_clock: labelled("freq", &["mclk"]),
        }
    }
}

/// What amdgpu and Intel's drivers call the limit that lasts.
fn limit_of(card: &Card) -> Option<Attribute> {
    Attribute::find(&card.hwmon.as_ref()?.join(limit_file(card)))
}

/// In microwatts.
pub(super) fn limit_file(card: &Card) -> &'static Path {
    Path::new(match card.vendor {
        super::Vendor::Amd => "power1_cap",
        // There `power1_cap` is the one for bursts (sysfs-driver-intel-xe-hwmon).
        super::Vendor::Intel => "power1_max",
    })
}

fn microwatts(file: &Attribute) -> Result<u32, ReadError> {
    milliwatts(file.number()?)
}

/// From microwatts, rounded. What draws less than half a milliwatt draws nothing, which no device does.
fn milliwatts(microwatts: u64) -> Result<u32, ReadError> {
    match u32::try_from(microwatts.saturating_add(500) / 1000) {
        Ok(0) => Err(ReadError::ZeroPower),
        Ok(power_mw) => Ok(power_mw),
        Err(_) => Err(ReadError::NotANumber),
    }
}
