//! The caller, the sampler thread and the recorder thread, in every order in which they may meet and with every value that the
//! memory model lets them see: cargo test --release -p llem-meter --lib --features loom loom_tests

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use loom::thread;

use super::reader::{Reader, Waiting};
use super::shared::{Mark, Shared};
use crate::window::WindowOptions;

loom::lazy_static! {
    static ref CLOCK: AtomicU64 = AtomicU64::new(1);
}

/// Rises with each look, and tells nobody what else its reader has done: no more than a clock does.
pub(super) fn monotonic_ns() -> u64 {
    CLOCK.fetch_add(1, Ordering::Relaxed)
}

pub(super) fn unix_ns() -> u64 {
    0
}

const PLACES: usize = 2;

/// The times of samples, handed over as `rtrb` does it: what was written is seen by whoever sees the count of it.
struct Ring {
    times: [AtomicU64; PLACES],
    written: AtomicUsize,
}

impl Ring {
    fn new() -> Self {
        Self { times: std::array::from_fn(|_| AtomicU64::new(0)), written: AtomicUsize::new(0) }
    }

    fn push(&self, at_ns: u64) {
        let place = self.written.load(Ordering::Relaxed);
        self.times[place].store(at_ns, Ordering::Relaxed);
        self.written.store(place + 1, Ordering::Release);
    }

    fn get(&self, place: usize) -> Option<u64> {
        (place < self.written.load(Ordering::Acquire)).then(|| self.times[place].load(Ordering::Relaxed))
    }
}

/// As much of the recorder as decides when a sample is accounted for.
#[derive(Default)]
struct Recorder {
    start_ns: Option<u64>,
    /// The time of each sample, and whether the window was known by then.
    accounted: Vec<(u64, bool)>,
}

impl Recorder {
    fn step(&mut self, shared: &Shared, ring: &Ring) {
        let mut marks = Vec::new();
        let horizon_ns = shared.take_marks(&mut marks);
        for mark in marks {
            if let Mark::Begin { start_ns, .. } = mark {
                self.start_ns = Some(start_ns);
            }
        }
        while let Some(at_ns) = ring.get(self.accounted.len()).filter(|at_ns| *at_ns <= horizon_ns) {
            self.accounted.push((at_ns, self.start_ns.is_some()));
        }
    }
}

#[test]
fn no_sample_is_accounted_for_before_the_edge_that_it_comes_after_is_known() {
    loom::model(|| {
        let (shared, ring) = (Arc::new(Shared::new(0)), Arc::new(Ring::new()));
        let sampler = thread::spawn({
            let ring = Arc::clone(&ring);
            move || (0..PLACES).for_each(|_| ring.push(monotonic_ns()))
        });
        let caller = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.begin(1, WindowOptions::default())
        });
        let mut recorder = Recorder::default();
        recorder.step(&shared, &ring);
        recorder.step(&shared, &ring);
        sampler.join().expect("a sampler");
        let start_ns = caller.join().expect("a caller");
        for (at_ns, was_known) in &recorder.accounted {
            assert!(*at_ns < start_ns || *was_known, "{at_ns} comes after {start_ns}");
        }
        // In the end everything is there.
        recorder.step(&shared, &ring);
        assert_eq!((recorder.start_ns, recorder.accounted.len()), (Some(start_ns), PLACES));
    });
}

#[test]
fn what_was_read_before_the_sampler_ended_is_accounted_for() {
    loom::model(|| {
        let (shared, ring) = (Arc::new(Shared::new(0)), Arc::new(Ring::new()));
        let sampler = thread::spawn({
            let (shared, ring) = (Arc::clone(&shared), Arc::clone(&ring));
            move || {
                (0..PLACES).for_each(|_| ring.push(monotonic_ns()));
                shared.fail("it ended".to_owned());
                shared.end_sampler();
            }
        });
        let mut recorder = Recorder::default();
        loop {
            let ended = shared.sampler_ended();
            recorder.step(&shared, &ring);
            if ended {
                break;
            }
            thread::yield_now();
        }
        assert_eq!(recorder.accounted.len(), PLACES);
        assert_eq!(shared.fault().as_deref(), Some("it ended"));
        sampler.join().expect("a sampler");
    });
}

#[test]
fn who_sees_an_edge_also_sees_how_long_to_read_densely() {
    const DENSE_NS: u64 = 1000;
    loom::model(|| {
        let shared = Arc::new(Shared::new(DENSE_NS));
        let callers = [1, 2].map(|id| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.begin(id, WindowOptions::default()))
        });
        let edges = shared.edges();
        let until_ns = shared.dense_until_ns();
        let mut starts = callers.map(|caller| caller.join().expect("a caller"));
        starts.sort_unstable();
        if let Some(latest) = usize::try_from(edges).expect("two edges").checked_sub(1) {
            assert!(until_ns >= starts[latest] + DENSE_NS, "{until_ns} after {edges} edges at {starts:?}");
        }
    });
}

#[test]
fn only_a_device_that_is_waited_for_is_blamed() {
    loom::model(|| {
        let reader = Arc::new(Reader::new(0));
        let sampler = thread::spawn({
            let reader = Arc::clone(&reader);
            move || {
                reader.ask(0, 10);
                reader.answered();
                reader.ask(1, 20);
            }
        });
        // The second one has been asked for 5 ns only.
        let blamed = reader.waits_for(25, 6);
        assert!([None, Some(Waiting { device: 0, since_ns: 10 })].contains(&blamed), "{blamed:?}");
        sampler.join().expect("a sampler");
    });
}
