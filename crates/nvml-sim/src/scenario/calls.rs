//! What calls cost and what goes wrong with them: `call_latency_us`, `faults`, `locked`, `absent_symbols`.

use std::collections::HashSet;
use std::time::Duration;

use super::stretch::{Stretch, read_bounds, read_stretches};
use crate::abi::exported_function;
use crate::call::{GROUPS, MORE_NAMES, Target};
use crate::clock::ns_from_s;
use crate::fault::{ERRORS, Fault};
use crate::json::{Object, Range};
use crate::latency::{Latency, LatencySpec};

/// No call costs more than a second, in microseconds: a slower one is a fault with `stall_ms`.
const COST_US: Range = Range::Between(0.0, 1e6);
/// Nobody holds the lock for longer, in nanoseconds: a call that never returns is a fault with `hang`.
const LONGEST_LOCK_NS: i64 = 60_000_000_000;

/// `call_latency_us` of a device.
pub fn read_latency(mut latency: Object) -> LatencySpec {
    latency.since_format_2(&["seed"]);
    let spec = LatencySpec {
        power: read_cost(&mut latency, "power", 20.0),
        fields: read_cost(&mut latency, "fields", 20.0),
        energy: read_cost(&mut latency, "energy", 200.0),
        other: read_cost(&mut latency, "other", 5.0),
        named: read_named(&mut latency, false),
        seed: latency.whole("seed", 1, u64::MAX),
    };
    latency.finish();
    spec
}

/// `call_latency_us` at the top of the file: of the calls that are no device's.
pub fn read_system_latency(mut latency: Object) -> LatencySpec {
    let named = read_named(&mut latency, true);
    let spec = LatencySpec { named, seed: latency.whole("seed", 1, u64::MAX), ..LatencySpec::free() };
    latency.finish();
    spec
}

/// The costs of single functions; in a file of format 1 their names are unknown keys.
fn read_named(latency: &mut Object, of_the_system: bool) -> Vec<(Target, Latency)> {
    if !latency.takes_format_2() {
        return Vec::new();
    }
    let keys = latency.keys_that(|key| Target::named(key).is_some());
    let mut named = Vec::new();
    for key in keys {
        let cost = read_cost(latency, key, 0.0);
        match Target::named(key) {
            Some(target) if target.is_a_field() => {
                latency.refuse(key, "is a part of a call and costs nothing of its own; see fields");
            }
            Some(target) if target.is_of_the_system() != of_the_system => {
                let where_to = if of_the_system { "on a device" } else { "at the top of the file" };
                latency.refuse(key, &format!("belongs into call_latency_us {where_to}"));
            }
            Some(target) => named.push((target, cost)),
            None => {}
        }
    }
    named
}

fn read_cost<'a>(latency: &mut Object<'a>, key: &'a str, default_us: f64) -> Latency {
    let ns = |us: f64| us * 1e3;
    if !latency.takes_format_2() || !latency.holds_object(key) {
        return Latency::Fixed(ns_from_s(latency.number(key, default_us, COST_US) / 1e6));
    }
    let mut tail = latency.child(key);
    let mut quantile = |key| tail.number(key, None, Range::Between(0.001, 1e6));
    let (p50, p99, max) = (quantile("p50"), quantile("p99"), quantile("max"));
    if !(p50 <= p99 && p99 <= max) {
        tail.refuse_whole("must have p50 <= p99 <= max");
    }
    tail.finish();
    Latency::Tail { p50_ns: ns(p50), p99_ns: ns(p99), max_ns: ns(max) }
}

/// `faults`, in the order of the file.
pub fn read_faults(object: &mut Object) -> Vec<Fault> {
    object.children("faults").unwrap_or_default().into_iter().map(read_fault).collect()
}

fn read_fault(mut fault: Object) -> Fault {
    fault.since_format_2(&["hang", "crash"]);
    let Stretch { from_ns, to_ns } = read_bounds(&mut fault);
    if !fault.has("call") {
        fault.refuse("call", "is missing");
    }
    let target = fault.name_in_formats("call", &GROUPS, Target::named, MORE_NAMES).unwrap_or(Target::All);
    if !(fault.has("error") | fault.has("stall_ms") | fault.has("hang") | fault.has("crash")) {
        let or_hang = if fault.takes_format_2() { " (or hang, or crash)" } else { "" };
        fault.refuse_whole(&format!("must have error, stall_ms or both{or_hang}"));
    }
    let error = fault.name_in("error", &ERRORS);
    let stall_s = fault.number("stall_ms", 0.0, Range::Between(0.0, 1e9)) / 1e3;
    let (hangs, crashes) = (fault.flag("hang", false), fault.flag("crash", false));
    fault.finish();
    Fault { from_ns, to_ns, target, error, stall: Duration::from_secs_f64(stall_s), hangs, crashes }
}

/// `locked`: sorted, each within the limit.
pub fn read_locked(top: &mut Object) -> Vec<Stretch> {
    let mut list = read_stretches(top, "locked");
    for (i, stretch) in list.iter().enumerate() {
        if stretch.to_ns.saturating_sub(stretch.from_ns) > LONGEST_LOCK_NS {
            top.refuse(
                &format!("locked[{i}]"),
                "must be over within 60 s; a call that never returns is a fault with hang",
            );
        }
    }
    list.sort_by_key(|stretch| stretch.from_ns);
    list
}

/// `absent_symbols`: any function of the library.
pub fn read_absent_symbols(top: &mut Object) -> HashSet<&'static str> {
    let mut absent = HashSet::new();
    for (i, name) in top.texts("absent_symbols") {
        if let Some(function) = exported_function(name) {
            absent.insert(function);
        } else {
            top.refuse(&format!("absent_symbols[{i}]"), &format!("{name:?} is no function of nvml.h"));
        }
    }
    absent
}
