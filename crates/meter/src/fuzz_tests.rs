//! Foreign files, mutated: none may crash or hang what reads it. The same inputs in every build. A thousand of each kind;
//! `LLEM_TEST_FUZZ` says how many, and `npm run fuzz` runs a million in all.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::parquet::{recover, timeseries_joules};
use crate::replay::random::Random;
use crate::verify::{recompute, tests::recorded};

/// What takes longer hangs.
const LIMIT: Duration = Duration::from_secs(2);

/// How many inputs of each kind are tried, where somebody says so.
pub fn asked(by_default: usize) -> usize {
    std::env::var("LLEM_TEST_FUZZ").ok().and_then(|text| text.parse().ok()).unwrap_or(by_default)
}

/// Numbers at which arithmetic breaks.
const EDGES: [u64; 9] = [0, 1, 0x7f, 0x80, 0xff, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, u64::MAX];
/// Text at which readers of JSON break.
const WORDS: [&str; 10] = ["null", "-1", "1e999", "[", "]", "{", "}", "\"", "18446744073709551616", ","];

fn below(random: &mut Random, limit: usize) -> usize {
    usize::try_from(random.bits() % limit.max(1) as u64).expect("it is below a usize")
}

/// A copy with one to four changes.
fn mutated(of: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = of.to_vec();
    for _ in 0..=below(random, 4) {
        let at = below(random, bytes.len());
        let end = (at + 1 + below(random, 40)).min(bytes.len());
        match below(random, 8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << below(random, 8),
            1 if at < bytes.len() => bytes[at] = random.bits().to_le_bytes()[0],
            2 => drop(bytes.drain(at..end)),
            3 => bytes.truncate(at),
            4 => {
                let part = bytes[at..end].to_vec();
                let to = below(random, bytes.len());
                bytes.splice(to..to, part);
            }
            5 => {
                let length = [1, 2, 4, 8][below(random, 4)];
                let edge = EDGES[below(random, EDGES.len())].to_le_bytes();
                let end = (at + length).min(bytes.len());
                bytes.splice(at..end, edge[..length].iter().copied());
            }
            6 => drop(bytes.splice(at..end, WORDS[below(random, WORDS.len())].bytes())),
            // The last bytes of a Parquet file say where all others are.
            _ => {
                let near = bytes.len().saturating_sub(1 + below(random, 1500));
                if let Some(byte) = bytes.get_mut(near) {
                    *byte = random.bits().to_le_bytes()[0];
                }
            }
        }
    }
    bytes
}

/// Reads so many mutants of some files, and prints how the slowest was.
fn fuzz(what: &str, corpus: &[Vec<u8>], mut read: impl FnMut(&[u8]) -> bool) {
    let mut random = Random::new(23);
    let (count, mut whole, mut slowest) = (asked(1000), 0, Duration::ZERO);
    for number in 0..count {
        let input = mutated(&corpus[number % corpus.len()], &mut random);
        let start = Instant::now();
        whole += usize::from(read(&input));
        let took = start.elapsed();
        assert!(took < LIMIT, "{what}: input {number} took {took:?}");
        slowest = slowest.max(took);
    }
    println!("{what}: {count} inputs, of which {whole} were read; the slowest took {slowest:?}");
}

#[test]
fn no_scenario_crashes_its_reader() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nvml-sim/scenarios");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("scenarios").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let corpus: Vec<_> = paths.iter().map(|path| std::fs::read(path).expect("a scenario")).collect();
    fuzz("scenarios", &corpus, |input| nvml_sim::Scenario::parse(&String::from_utf8_lossy(input)).is_ok());
}

#[test]
fn no_recording_crashes_its_reader() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("samples.parquet");
    recorded(&path, Duration::from_millis(300));
    let corpus = [std::fs::read(&path).expect("a recording")];
    fuzz("recordings", &corpus, |input| {
        std::fs::write(&path, input).expect("a file");
        // It is no file of seconds, and the reader of those must see that.
        let _ = timeseries_joules(&path);
        recompute(&path).is_ok()
    });
}

#[test]
fn nothing_that_a_kill_left_crashes_the_recovery() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("samples.parquet");
    recorded(&path, Duration::from_millis(300));
    let whole = std::fs::read(&path).expect("a recording");
    let footer_length = u32::from_le_bytes(whole[whole.len() - 8..][..4].try_into().expect("four bytes"));
    let cut = whole.len() - 8 - footer_length as usize;
    // As it lies on the disk: how long the file is, then what is to stand at its end.
    let mut footer = (cut as u64).to_le_bytes().to_vec();
    footer.extend(&whole[cut..]);
    let (partial, beside) =
        (folder.path().join("samples.parquet.partial"), folder.path().join("samples.parquet.footer.partial"));
    let mut turn = 0;
    fuzz("recoveries", &[whole[..cut].to_vec(), footer.clone()], |input| {
        let _ = std::fs::remove_file(&path);
        std::fs::write(&partial, if turn % 2 == 0 { input } else { &whole[..cut] }).expect("a file");
        std::fs::write(&beside, if turn % 2 == 0 { &footer } else { input }).expect("a file");
        turn += 1;
        recover(&path).is_ok()
    });
}
