//! amdgpu's `gpu_metrics`: one binary file with much of what the firmware of the GPU tells. Its layouts are in
//! `drivers/gpu/drm/amd/include/kgd_pp_interface.h` of the kernel; all numbers are little-endian, and a value whose bits are
//! all set is none.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::read_error::ReadError;

/// What sysfs gives at once; the longest layout has 2.2 kB.
const PAGE: usize = 4096;
/// The second layout of v1.6 and those after it hold the statistics of eight partitions; the first one has 384 bytes.
const WITH_PARTITIONS: usize = 1024;

/// The file, and what it held when it was last read.
pub(super) struct GpuMetrics {
    file: File,
    page: Box<[u8; PAGE]>,
}

impl GpuMetrics {
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, page: Box::new([0; PAGE]) })
    }

    /// Reads it again, without an allocation.
    pub fn read(&mut self) -> Result<Table<'_>, ReadError> {
        let length =
            self.file.read_at(self.page.as_mut_slice(), 0).map_err(|error| ReadError::of_file(&error))?;
        Table::of(&self.page[..length])
    }
}

/// What the file holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'a> {
    bytes: &'a [u8],
    format: u8,
    content: u8,
}

/// Where v1.9, which is a list of attributes, has them.
const ATTRIBUTES: usize = 8;
/// `AMDGPU_METRICS_ATTR_ID_CURR_SOCKET_POWER` and `_ENERGY_ACCUMULATOR`.
const SOCKET_POWER: u64 = 3;
const ENERGY_ACCUMULATOR: u64 = 7;

impl<'a> Table<'a> {
    /// Fails with what is no such file, or is cut off.
    pub fn of(bytes: &'a [u8]) -> Result<Self, ReadError> {
        let [low, high, format, content, ..] = *bytes else { return Err(ReadError::NotANumber) };
        let bytes = bytes.get(..usize::from(u16::from_le_bytes([low, high]))).ok_or(ReadError::NotANumber)?;
        Ok(Self { bytes, format, content })
    }

    /// Whether it is of a processor with graphics, whose power is that of all of it: formats 2 and 3 of the header. One that
    /// nobody knows yet says nothing.
    pub fn is_of_processor(&self) -> bool {
        matches!(self.format, 2 | 3)
    }

    /// The energy counter in units of 2^-16 J (15.259 uJ): so the header says from v1.4 on. For those before, AMD's own
    /// tools take the same.
    pub fn energy_units(&self) -> Result<u64, ReadError> {
        let number = match (self.format, self.content) {
            (1, 0) => self.u32_at(36).map(u64::from),
            (1, 1..=4 | 7 | 8) => self.u64_at(24),
            (1, 5) => self.u64_at(88),
            (1, 6) => self.u64_at(if self.bytes.len() < WITH_PARTITIONS { 88 } else { 16 }),
            (1, 9) => self.attribute(ENERGY_ACCUMULATOR),
            _ => return Err(ReadError::NotSupported),
        };
        number.ok_or(ReadError::NotSupported)
    }

    /// The throttlers that are active now, by bits that are the same on every chip (`indep_throttle_status`).
    pub fn throttle_status(&self) -> Option<u64> {
        if (self.format, self.content) == (1, 3) { self.u64_at(112) } else { None }
    }

    /// For how long each throttler was active, in cycles of the firmware: PROCHOT, power, socket, regulators, memory.
    pub fn throttle_residencies(&self) -> Option<[u32; 5]> {
        // Behind the energy: the time, and a count of those cycles.
        let first = match (self.format, self.content) {
            (1, 6) => 20 + if self.bytes.len() < WITH_PARTITIONS { 88 } else { 16 },
            (1, 7 | 8) => 20 + 24,
            _ => return None,
        };
        let mut residencies = [0; 5];
        for (place, residency) in residencies.iter_mut().enumerate() {
            *residency = self.u32_at(first + 4 * place)?;
        }
        Some(residencies)
    }

    /// Whether the header states the unit of the energy counter.
    pub fn states_unit(&self) -> bool {
        self.content >= 4
    }

    /// The power of the board or the socket in milliwatts, from whole watts.
    pub fn power_mw(&self) -> Result<u32, ReadError> {
        let watts = match (self.format, self.content) {
            (1, 0) => self.u16_at(34).map(u64::from),
            (1, 1..=3) => self.u16_at(22).map(u64::from),
            (1, 4..=8) => self.u16_at(10).map(u64::from),
            (1, 9) => self.attribute(SOCKET_POWER),
            _ => None,
        };
        match u32::try_from(watts.ok_or(ReadError::NotSupported)?) {
            Ok(0) => Err(ReadError::ZeroPower),
            Ok(watts) => watts.checked_mul(1000).ok_or(ReadError::NotANumber),
            Err(_) => Err(ReadError::NotANumber),
        }
    }

    /// What `power_mw` is called in results.
    pub fn power_name(&self) -> &'static str {
        if self.content <= 3 { "gpu_metrics average_socket_power" } else { "gpu_metrics curr_socket_power" }
    }

    /// An attribute of v1.9 with one value: each is 64 bits that tell unit, type, number and count, then its values.
    fn attribute(&self, wanted: u64) -> Option<u64> {
        let mut at = ATTRIBUTES;
        for _ in 0..self.u32_at(4)? {
            let encoding = self.u64_at(at)?;
            let (kind, id, count) = (encoding >> 20 & 0xf, encoding >> 10 & 0x3ff, encoding & 0x3ff);
            // Signed and unsigned numbers of 1, 2, 4 and 8 bytes.
            let width = 1_usize << (kind / 2).min(3);
            at += 8;
            if id == wanted {
                return match (kind, count) {
                    (2, 1) => self.u16_at(at).map(u64::from),
                    (4, 1) => self.u32_at(at).map(u64::from),
                    (6, 1) => self.u64_at(at),
                    _ => None,
                };
            }
            at += width * usize::try_from(count).ok()?;
        }
        None
    }

    fn bytes_at<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..at + N)?.try_into().ok().filter(|bytes| *bytes != [0xff; N])
    }

    fn u16_at(&self, at: usize) -> Option<u16> {
        self.bytes_at(at).map(u16::from_le_bytes)
    }

    fn u32_at(&self, at: usize) -> Option<u32> {
        self.bytes_at(at).map(u32::from_le_bytes)
    }

    fn u64_at(&self, at: usize) -> Option<u64> {
        self.bytes_at(at).map(u64::from_le_bytes)
    }
}

#[cfg(test)]
#[path = "gpu_metrics_tests.rs"]
mod tests;
