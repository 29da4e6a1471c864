//! Devices of several sources as those of one.

use super::{PowerDomain, ReadError, Source};
use crate::sample::{SlowSignals, ThrottleTimes};
use crate::sensor::Sensor;
use crate::tenancy::{Limits, Processes};

/// Several sources, and where each device is.
pub struct JoinedSource {
    sources: Vec<Box<dyn Source>>,
    /// The source, and the position there.
    places: Vec<(usize, usize)>,
}

impl JoinedSource {
    /// `of`: the number of the source of each device, in the order in which they are to be; each source has its own in
    /// that order too.
    pub fn new(sources: Vec<Box<dyn Source>>, of: impl IntoIterator<Item = usize>) -> Self {
        let mut next = vec![0; sources.len()];
        let places = of
            .into_iter()
            .map(|source| {
                next[source] += 1;
                (source, next[source] - 1)
            })
            .collect();
        Self { sources, places }
    }

    fn at(&mut self, device: usize) -> (&mut dyn Source, usize) {
        let (source, position) = self.places[device];
        (self.sources[source].as_mut(), position)
    }
}

impl Source for JoinedSource {
    fn device_count(&self) -> usize {
        self.places.len()
    }

    fn power_domain(&self, device: usize) -> PowerDomain {
        let (source, position) = self.places[device];
        self.sources[source].power_domain(position)
    }

    fn sensor(&self, device: usize) -> Sensor {
        let (source, position) = self.places[device];
        self.sources[source].sensor(position)
    }

    fn power_mw(&mut self, device: usize) -> Result<u32, ReadError> {
        let (source, position) = self.at(device);
        source.power_mw(position)
    }

    fn counter_mj(&mut self, device: usize) -> Result<u64, ReadError> {
        let (source, position) = self.at(device);
        source.counter_mj(position)
    }

    fn slow_signals(&mut self, device: usize) -> SlowSignals {
        let (source, position) = self.at(device);
        source.slow_signals(position)
    }

    fn throttle_times(&mut self, device: usize) -> ThrottleTimes {
        let (source, position) = self.at(device);
        source.throttle_times(position)
    }

    fn processes(&mut self, device: usize) -> Result<Processes, ReadError> {
        let (source, position) = self.at(device);
        source.processes(position)
    }

    fn limits(&mut self, device: usize) -> Limits {
        let (source, position) = self.at(device);
        source.limits(position)
    }

    fn calls(&self) -> u64 {
        self.sources.iter().map(|source| source.calls()).sum()
    }
}
