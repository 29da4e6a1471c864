//! Windows over a folder that looks like /sys. Nothing here needs a CPU with RAPL.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::clock::NS_PER_MS;
use crate::clock::{NS_PER_S, monotonic_ns};

const RANGE_UJ: u64 = 262_143_328_850;

/// A root with two sockets, the first of them with memory and cores.
fn two_sockets() -> TempDir {
    let root = TempDir::new().expect("a folder");
    zone(&root, "intel-rapl:0", "package-0");
    zone(&root, "intel-rapl:0:0", "core");
    zone(&root, "intel-rapl:0:1", "dram");
    zone(&root, "intel-rapl:1", "package-1");
    root
}

fn zone(root: &TempDir, folder: &str, name: &str) {
    put(root, folder, "name", name);
    put(root, folder, "max_energy_range_uj", &RANGE_UJ.to_string());
    count(root, folder, 1_000_000);
}

fn count(root: &TempDir, folder: &str, energy_uj: u64) {
    put(root, folder, "energy_uj", &energy_uj.to_string());
}

fn put(root: &TempDir, folder: &str, file: &str, text: &str) {
    let folder = root.path().join("class/powercap").join(folder);
    fs::create_dir_all(&folder).expect("a folder");
    // At once, for the thread may be reading it.
    let new = folder.join("new");
    fs::write(&new, format!("{text}\n")).expect("a file");
    fs::rename(new, folder.join(file)).expect("renamed");
}

/// The counters of a root, which tick when a test writes them.
fn open(root: &TempDir) -> Rapl {
    let rapl = Rapl::open(root.path()).expect("a thread");
    rapl.shared.state().assumed_tick_ns = Some(1);
    rapl
}

fn begin(rapl: &Rapl, id: u64) -> u64 {
    rapl.begin(id, monotonic_ns)
}

fn end(rapl: &Rapl, id: u64) -> CpuReport {
    rapl.end(id, monotonic_ns())
}

fn joules(report: &CpuReport) -> Vec<(&str, Option<f64>)> {
    report.domains.iter().map(|domain| (domain.name.as_str(), domain.energy_j)).collect()
}

fn reason_of(report: &CpuReport, name: &str) -> String {
    let domain = report.domains.iter().find(|domain| domain.name == name).expect("the domain");
    domain.reason.clone().expect("a reason")
}

#[test]
fn every_domain_of_every_socket_has_its_own_joules() {
    let root = two_sockets();
    let rapl = open(&root);
    begin(&rapl, 1);
    count(&root, "intel-rapl:0", 13_000_000);
    count(&root, "intel-rapl:0:0", 4_000_000);
    count(&root, "intel-rapl:0:1", 3_500_000);
    count(&root, "intel-rapl:1", 8_000_000);
    let report = end(&rapl, 1);
    let expected = [
        ("package-0", Some(12.0)),
        ("package-0/core", Some(3.0)),
        ("package-0/dram", Some(2.5)),
        ("package-1", Some(7.0)),
    ];
    assert_eq!(joules(&report), expected);
    let kinds: Vec<_> = report.domains.iter().map(|domain| domain.kind.as_str()).collect();
    assert_eq!(kinds, ["package", "core", "dram", "package"]);
    assert_eq!(report.reason, None);
}

#[test]
fn a_window_goes_on_through_several_wraparounds() {
    let root = two_sockets();
    put(&root, "intel-rapl:1", "max_energy_range_uj", "100000000");
    let rapl = open(&root);
    begin(&rapl, 1);
    for _ in 0..3 {
        for energy_uj in [30_000_000, 60_000_000, 98_500_000, 1_000_000] {
            count(&root, "intel-rapl:1", energy_uj);
            rapl.read();
        }
    }
    let package = end(&rapl, 1).domains.pop().and_then(|domain| domain.energy_j).expect("joules");
    assert!((package - 300.0).abs() < 1e-3, "{package} J");
}

#[test]
fn the_thread_looks_by_itself_several_times_a_second() {
    let root = two_sockets();
    let rapl = open(&root);
    let read_ns = || rapl.shared.state().read_ns;
    let opened_ns = read_ns();
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert!(read_ns() >= opened_ns + LOOK_NS);
}

#[test]
fn windows_overlap_without_knowing_of_each_other() {
    let root = two_sockets();
    let rapl = open(&root);
    begin(&rapl, 1);
    count(&root, "intel-rapl:0", 2_000_000);
    begin(&rapl, 2);
    count(&root, "intel-rapl:0", 5_000_000);
    assert_eq!(end(&rapl, 1).domains[0].energy_j, Some(4.0));
    count(&root, "intel-rapl:0", 6_000_000);
    assert_eq!(end(&rapl, 2).domains[0].energy_j, Some(4.0));
}

#[test]
fn a_counter_that_did_not_move_is_not_0_joules() {
    let root = two_sockets();
    let rapl = open(&root);
    begin(&rapl, 1);
    let report = end(&rapl, 1);
    assert!(report.domains.iter().all(|domain| domain.energy_j.is_none()));
    assert_eq!(reason_of(&report, "package-0"), "the RAPL counter did not move in the window");
}

#[test]
fn a_counter_that_vanishes_or_is_reset_takes_its_own_joules_and_no_others() {
    let root = two_sockets();
    let rapl = open(&root);
    begin(&rapl, 1);
    fs::remove_file(root.path().join("class/powercap/intel-rapl:0/energy_uj")).expect("removed");
    count(&root, "intel-rapl:0:1", 500_000);
    rapl.read();
    // What comes back later does not know what was missed.
    count(&root, "intel-rapl:0", 9_000_000);
    count(&root, "intel-rapl:1", 3_000_000);
    let report = end(&rapl, 1);
    assert_eq!(joules(&report).last(), Some(&("package-1", Some(2.0))));
    assert!(reason_of(&report, "package-0").contains("intel-rapl:0/energy_uj cannot be read"));
    assert!(reason_of(&report, "package-0/dram").contains("fell from 1000000 to 500000 uJ"));
}

#[test]
fn a_window_after_a_loss_knows_nothing_of_it() {
    let root = two_sockets();
    let rapl = open(&root);
    begin(&rapl, 1);
    fs::remove_file(root.path().join("class/powercap/intel-rapl:0/energy_uj")).expect("removed");
    count(&root, "intel-rapl:0:1", 500_000);
    rapl.read();
    count(&root, "intel-rapl:0", 9_000_000);
    begin(&rapl, 2);
    count(&root, "intel-rapl:0", 11_000_000);
    count(&root, "intel-rapl:0:1", 1_500_000);
    let report = end(&rapl, 2);
    assert_eq!((report.domains[0].energy_j, report.domains[2].energy_j), (Some(2.0), Some(1.0)));
    assert!(reason_of(&end(&rapl, 1), "package-0").contains("cannot be read"));
}

#[test]
fn a_counter_that_cannot_be_read_says_why() {
    let root = two_sockets();
    // Root reads any file, so this one is none.
    fs::remove_file(root.path().join("class/powercap/intel-rapl:1/energy_uj")).expect("removed");
    fs::create_dir(root.path().join("class/powercap/intel-rapl:1/energy_uj")).expect("a folder");
    let rapl = open(&root);
    begin(&rapl, 1);
    let report = end(&rapl, 1);
    assert!(reason_of(&report, "package-1").contains("Is a directory"));
}

#[test]
fn a_machine_without_zones_says_so() {
    let root = TempDir::new().expect("a folder");
    let reason = || {
        let rapl = open(&root);
        begin(&rapl, 1);
        let report = end(&rapl, 1);
        assert!(report.domains.is_empty());
        report.reason.expect("a reason")
    };
    assert!(reason().contains("has no RAPL zones"), "{}", reason());
    // The same package as intel-rapl:0, over another bus: not counted twice, and not for itself.
    zone(&root, "intel-rapl-mmio:0", "package-0");
    assert!(reason().contains("has no RAPL zones"), "{}", reason());
    let link = root.path().join("class/powercap/intel-rapl:0");
    std::os::unix::fs::symlink("../../devices/virtual/powercap/intel-rapl/intel-rapl:0", link)
        .expect("a link");
    assert!(reason().contains("Docker"), "{}", reason());
}

#[test]
fn the_platform_and_what_is_new_have_names_of_their_own() {
    let names = ["psys", "psys-1", "package-0-die-1", "uncore", "npu"];
    let kinds = names.map(|name| DomainKind::of(name).as_str());
    assert_eq!(kinds, ["psys", "psys", "package", "uncore", "other"]);
}

#[test]
fn a_window_that_nobody_began_has_no_domains() {
    let root = two_sockets();
    let rapl = open(&root);
    begin(&rapl, 1);
    rapl.cancel(1);
    assert!(end(&rapl, 1).domains.is_empty());
}

#[test]
fn the_uncertainty_is_a_tick_of_power_and_what_the_reads_were_off() {
    let root = two_sockets();
    let rapl = open(&root);
    rapl.shared.state().assumed_tick_ns = Some(10 * NS_PER_MS);
    let start_ns = begin(&rapl, 1);
    count(&root, "intel-rapl:0", 101_000_000);
    // As if a second had passed: 100 W.
    let end_ns = start_ns + NS_PER_S;
    let domain = rapl.end(1, end_ns).domains.swap_remove(0);
    let uncertainty_j = domain.uncertainty_j.expect("an uncertainty");
    assert!((1.0..1.4).contains(&uncertainty_j), "{uncertainty_j} J");
}

#[test]
fn a_window_of_fewer_than_three_ticks_has_no_joules() {
    let root = two_sockets();
    let rapl = open(&root);
    let reason = |tick_ns| {
        rapl.shared.state().assumed_tick_ns = tick_ns;
        let start_ns = begin(&rapl, 1);
        let counted_uj = start_ns / 1000;
        count(&root, "intel-rapl:0", 1_000_000 + counted_uj % 1_000_000);
        reason_of(&rapl.end(1, start_ns + NS_PER_S), "package-0")
    };
    let slow = "the RAPL counter ticks every 0.350 s or so, too slowly for a window of 1.000 s";
    assert_eq!(reason(Some(350 * NS_PER_MS)), slow);
    rapl.shared.state().zones[0].ticks = ticks::Ticks::default();
    assert!(reason(None).starts_with("too few ticks of the RAPL counter were seen"));
}

#[test]
fn a_counter_that_ticks_slowly_is_known_by_its_changes() {
    let root = two_dies();
    let rapl = Rapl::open(root.path()).expect("a thread");
    let (mut longest_ns, mut last_ns) = (0, monotonic_ns());
    for step in 1..12 {
        std::thread::sleep(std::time::Duration::from_millis(30));
        count(&root, "intel-rapl:0", 1_000_000 + step * 3_000_000);
        // On a busy machine it is written late.
        let now_ns = monotonic_ns();
        longest_ns = longest_ns.max(now_ns - last_ns);
        last_ns = now_ns;
    }
    let tick_ns = rapl.shared.state().tick_ns(0).expect("a tick");
    assert!((20 * NS_PER_MS..2 * longest_ns + 10 * NS_PER_MS).contains(&tick_ns), "{tick_ns} ns");
}

#[test]
fn a_step_that_no_cpu_draws_takes_the_joules() {
    let root = two_sockets();
    let rapl = open(&root);
    begin(&rapl, 1);
    count(&root, "intel-rapl:0", 5_001_000_000);
    count(&root, "intel-rapl:1", 3_000_000);
    let report = end(&rapl, 1);
    let reason = reason_of(&report, "package-0");
    assert!(reason.starts_with("the RAPL counter stepped by 5000 J in 0."), "{reason}");
    assert_eq!(joules(&report).last(), Some(&("package-1", Some(2.0))));
}

/// Puts a FIFO that nobody writes in the place of a counter.
fn block(root: &TempDir, folder: &str) {
    let file = root.path().join("class/powercap").join(folder).join("energy_uj");
    let _ = fs::remove_file(&file);
    let path = std::ffi::CString::new(file.as_os_str().as_encoded_bytes()).expect("a path");
    // SAFETY: the path is a string that ends with a NUL and outlives the call.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o644) }, 0);
}

#[test]
fn a_file_that_blocks_is_waited_for_once_and_named() {
    let root = two_sockets();
    block(&root, "intel-rapl:1");
    let before_ns = monotonic_ns();
    let rapl = open(&root);
    assert!(monotonic_ns() < before_ns + 2 * NS_PER_S);
    let reason = rapl.zones().expect_err("a reason");
    assert!(reason.contains("intel-rapl:1/energy_uj has not answered for 1."), "{reason}");
    let before_ns = monotonic_ns();
    begin(&rapl, 1);
    assert_eq!(end(&rapl, 1).reason, Some(reason));
    assert!(monotonic_ns() < before_ns + 100 * NS_PER_MS);
}

#[test]
fn a_file_that_blocks_in_a_window_takes_its_joules_and_half_a_second() {
    let root = two_sockets();
    let rapl = open(&root);
    begin(&rapl, 1);
    block(&root, "intel-rapl:1");
    let before_ns = monotonic_ns();
    let report = end(&rapl, 1);
    assert!(monotonic_ns() < before_ns + NS_PER_S);
    let reason = reason_of(&report, "package-1");
    assert!(reason.contains("intel-rapl:1/energy_uj has not answered for 0."), "{reason}");
    // The next edges do not wait.
    let before_ns = monotonic_ns();
    begin(&rapl, 2);
    assert!(end(&rapl, 2).domains.iter().all(|domain| domain.energy_j.is_none()));
    assert!(monotonic_ns() < before_ns + 100 * NS_PER_MS);
}

/// A look, at least as far from the one before as looks have to be.
fn look(rapl: &Rapl) {
    std::thread::sleep(std::time::Duration::from_millis(60));
    rapl.read();
}

/// A root with a package of two dies.
fn two_dies() -> TempDir {
    let root = TempDir::new().expect("a folder");
    zone(&root, "intel-rapl:0", "package-0-die-0");
    zone(&root, "intel-rapl:1", "package-0-die-1");
    root
}

#[test]
fn dies_that_show_one_counter_are_counted_once() {
    let root = two_dies();
    let rapl = open(&root);
    begin(&rapl, 1);
    for energy_uj in [30_000_000, 90_000_061, 143_250_000] {
        count(&root, "intel-rapl:0", energy_uj);
        count(&root, "intel-rapl:1", energy_uj);
        look(&rapl);
    }
    let report = end(&rapl, 1);
    assert_eq!(joules(&report), [("package-0-die-0", Some(142.25)), ("package-0-die-1", None)]);
    assert_eq!(report.domains[1].mirrors.as_deref(), Some("package-0-die-0"));
    assert!(reason_of(&report, "package-0-die-1").starts_with("it mirrors package-0-die-0"));
}

#[test]
fn dies_with_counters_of_their_own_each_have_their_joules() {
    let root = two_dies();
    let rapl = open(&root);
    begin(&rapl, 1);
    for energy_uj in [30_000_000, 90_000_061, 143_250_000] {
        count(&root, "intel-rapl:0", energy_uj);
        count(&root, "intel-rapl:1", energy_uj + energy_uj / 1_000_000);
        look(&rapl);
    }
    let report = end(&rapl, 1);
    assert_eq!(joules(&report), [("package-0-die-0", Some(142.25)), ("package-0-die-1", Some(142.250_143))]);
}

#[test]
fn a_die_that_does_not_move_beside_one_that_does_is_no_mirror_and_not_0_joules() {
    let root = two_dies();
    let rapl = open(&root);
    begin(&rapl, 1);
    for energy_uj in [30_000_000, 90_000_061, 143_250_000] {
        count(&root, "intel-rapl:0", energy_uj);
        look(&rapl);
    }
    let report = end(&rapl, 1);
    assert_eq!(joules(&report), [("package-0-die-0", Some(142.25)), ("package-0-die-1", None)]);
    assert_eq!(reason_of(&report, "package-0-die-1"), "the RAPL counter did not move in the window");
}

#[test]
fn a_package_that_stands_still_after_it_moved_has_no_joules_and_its_cores_may_rest() {
    let root = two_sockets();
    let rapl = open(&root);
    begin(&rapl, 1);
    count(&root, "intel-rapl:0", 2_000_000);
    count(&root, "intel-rapl:0:0", 2_000_000);
    look(&rapl);
    std::thread::sleep(std::time::Duration::from_millis(1050));
    rapl.read();
    count(&root, "intel-rapl:0", 9_000_000);
    let report = end(&rapl, 1);
    assert!(reason_of(&report, "package-0").starts_with("the RAPL counter stood still for 1."));
    assert_eq!(report.domains[1].energy_j, Some(1.0));
}

#[test]
fn a_counter_that_holds_no_number_says_what_it_holds() {
    let root = two_sockets();
    let rapl = open(&root);
    begin(&rapl, 1);
    put(&root, "intel-rapl:1", "energy_uj", "N/A");
    let report = end(&rapl, 1);
    assert!(reason_of(&report, "package-1").ends_with("cannot be read: \"N/A\" is no number"));
    let zones = rapl.zones().expect("zones");
    let states: Vec<_> = zones.iter().map(|zone| (zone.name.as_str(), zone.reason.is_none())).collect();
    assert_eq!(
        states,
        [("package-0", true), ("package-0/core", true), ("package-0/dram", true), ("package-1", false)]
    );
}

#[test]
fn a_meter_of_its_own_looks_at_the_counters_between_the_edges() {
    let root = two_dies();
    let meter = CpuMeter::open(Some(root.path())).expect("a thread");
    std::thread::sleep(std::time::Duration::from_nanos(meter.ready_in_ns()));
    assert_eq!(meter.ready_in_ns(), 0);
    meter.rapl.shared.state().assumed_tick_ns = Some(1);
    let (id, start_ns) = meter.begin();
    for joules in 1..5 {
        count(&root, "intel-rapl:0", 1_000_000 + joules * 1_000_000);
        count(&root, "intel-rapl:1", 1_000_000 + joules * 1_000_000);
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
    let window = meter.end(id);
    assert!(window.end_ns > start_ns);
    assert_eq!(joules(&window.report), [("package-0-die-0", Some(4.0)), ("package-0-die-1", None)]);
    let (id, _) = meter.begin();
    meter.cancel(id);
    assert!(meter.end(id).report.domains.is_empty());
}
