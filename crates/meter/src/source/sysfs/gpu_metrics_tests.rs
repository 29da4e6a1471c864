//! The layouts of `kgd_pp_interface.h` as structs of C, so that the compiler says where a field is.

#![allow(dead_code, reason = "fields stand for their size")]

use std::mem::{offset_of, size_of};

use super::*;

#[repr(C)]
struct Header(u16, u8, u8);

#[repr(C)]
struct V1_0 {
    header: Header,
    system_clock_counter: u64,
    temperatures: [u16; 6],
    activities: [u16; 3],
    power: u16,
    energy: u32,
    rest: [u16; 20],
}

/// Up to v1.3 only the end differs.
#[repr(C)]
struct V1_1 {
    header: Header,
    temperatures: [u16; 6],
    activities: [u16; 3],
    power: u16,
    energy: u64,
    rest: [u64; 11],
}

#[repr(C)]
struct V1_4 {
    header: Header,
    temperatures: [u16; 3],
    power: u16,
    activities: [u16; 2],
    vcn_activity: [u16; 4],
    energy: u64,
    rest: [u64; 32],
}

/// The first layout of v1.6 begins likewise.
#[repr(C)]
struct V1_5 {
    header: Header,
    temperatures: [u16; 3],
    power: u16,
    activities: [u16; 2],
    vcn_activity: [u16; 4],
    jpeg_activity: [u16; 32],
    energy: u64,
    rest: [u64; 36],
}

#[repr(C)]
struct V1_6 {
    header: Header,
    temperatures: [u16; 3],
    power: u16,
    activities: [u16; 2],
    energy: u64,
    rest: [u64; 205],
}

/// That of v1.8 begins likewise.
#[repr(C)]
struct V1_7 {
    header: Header,
    temperatures: [u16; 3],
    power: u16,
    activities: [u16; 2],
    mem_max_bandwidth: u64,
    energy: u64,
    rest: [u64; 272],
}

fn table(size: usize, content: u8, fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; size];
    bytes[..2].copy_from_slice(&u16::try_from(size).expect("a small table").to_le_bytes());
    (bytes[2], bytes[3]) = (1, content);
    for (at, field) in fields {
        bytes[*at..at + field.len()].copy_from_slice(field);
    }
    bytes
}

const ENERGY: u64 = 0x0123_4567_89ab;

#[track_caller]
fn assert_reads(size: usize, content: u8, power: usize, energy: usize) {
    let (watts, units) = (742_u16.to_le_bytes(), ENERGY.to_le_bytes());
    let bytes = table(size, content, &[(power, &watts), (energy, &units)]);
    let read = Table::of(&bytes).expect("a table");
    assert_eq!((read.power_mw(), read.energy_units()), (Ok(742_000), Ok(ENERGY)), "v1.{content}");
    assert_eq!(read.states_unit(), content >= 4, "v1.{content}");
    let bytes = table(size, content, &[(power, &[0xff; 2]), (energy, &[0xff; 8])]);
    let none = Table::of(&bytes).expect("a table");
    assert_eq!(none.power_mw(), Err(ReadError::NotSupported), "v1.{content}");
    assert_eq!(none.energy_units(), Err(ReadError::NotSupported), "v1.{content}");
    let bytes = table(size, content, &[]);
    assert_eq!(Table::of(&bytes).expect("a table").power_mw(), Err(ReadError::ZeroPower));
}

#[test]
fn power_and_energy_are_where_the_header_has_them() {
    for content in 1..=3 {
        assert_reads(size_of::<V1_1>(), content, offset_of!(V1_1, power), offset_of!(V1_1, energy));
    }
    assert_reads(size_of::<V1_4>(), 4, offset_of!(V1_4, power), offset_of!(V1_4, energy));
    assert_reads(size_of::<V1_5>(), 5, offset_of!(V1_5, power), offset_of!(V1_5, energy));
    assert_reads(384, 6, offset_of!(V1_5, power), offset_of!(V1_5, energy));
    assert_reads(size_of::<V1_6>(), 6, offset_of!(V1_6, power), offset_of!(V1_6, energy));
    for content in [7, 8] {
        assert_reads(size_of::<V1_7>(), content, offset_of!(V1_7, power), offset_of!(V1_7, energy));
    }
    let units = 0x89ab_cdef_u32.to_le_bytes();
    let bytes = table(
        size_of::<V1_0>(),
        0,
        &[(offset_of!(V1_0, power), &[200, 0]), (offset_of!(V1_0, energy), &units)],
    );
    let read = Table::of(&bytes).expect("a table");
    assert_eq!((read.power_mw(), read.energy_units()), (Ok(200_000), Ok(0x89ab_cdef)));
}

/// `AMDGPU_METRICS_ENC_ATTR`.
fn encoded(kind: u64, id: u64, count: u64) -> [u8; 8] {
    (kind << 20 | id << 10 | count).to_le_bytes()
}

#[test]
fn the_list_of_v1_9_is_walked_past_numbers_and_arrays_of_any_width() {
    let mut list = vec![0, 0, 1, 9, 4, 0, 0, 0];
    list.extend(encoded(3, 0, 1));
    list.extend(45_i16.to_le_bytes());
    list.extend(encoded(0, 41, 5));
    list.extend([1, 2, 3, 4, 5]);
    list.extend(encoded(2, SOCKET_POWER, 1));
    list.extend(742_u16.to_le_bytes());
    list.extend(encoded(6, ENERGY_ACCUMULATOR, 1));
    list.extend(ENERGY.to_le_bytes());
    let size = u16::try_from(list.len()).expect("a short list").to_le_bytes();
    list[..2].copy_from_slice(&size);
    let read = Table::of(&list).expect("a table");
    assert_eq!((read.power_mw(), read.energy_units()), (Ok(742_000), Ok(ENERGY)));
    // Cut off, or with a count that is too high.
    list[4] = 200;
    assert_eq!(Table::of(&list).expect("a table").attribute(99), None);
    assert_eq!(Table::of(&list[..list.len() - 1]).map(|_| ()), Err(ReadError::NotANumber));
}

#[test]
fn what_is_no_table_tells_nothing() {
    for junk in [&b""[..], b"N/A", &[0xff; 8]] {
        assert_eq!(Table::of(junk).map(|_| ()), Err(ReadError::NotANumber));
    }
    let of_processor = [16, 0, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let read = Table::of(&of_processor).expect("a table");
    assert!(read.is_of_processor());
    assert_eq!(
        (read.power_mw(), read.energy_units()),
        (Err(ReadError::NotSupported), Err(ReadError::NotSupported))
    );
    let unknown = table(64, 77, &[]);
    assert_eq!(Table::of(&unknown).expect("a table").energy_units(), Err(ReadError::NotSupported));
}
