//! cargo run --release -p llem-meter --features replay --example sensors -- [--class NAME] [--windows N] [--seed S]
//! [--lengths 1,5,20] [--families] [--json] [--tell] [--cases] [--fuzz N]: judges the estimator on a zoo of sensors, counters
//! and loads whose true energy is known, and prints how far it is off and how often its uncertainty says so. `--families`
//! counts each kind of load apart, with N windows each; `--tell` prints each window instead; `--cases` judges the single
//! cases instead; `--fuzz` asks N boards made by dice, from the seed on, only for an answer that can be.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::available_parallelism;

use llem_meter::replay::adapter::judge;
use llem_meter::replay::any;
use llem_meter::replay::cases::{CASES, KNOWN_WRONG_TODAY};
use llem_meter::replay::classes::{self, Class};
use llem_meter::replay::right::{SEEDS, wrongs};
use llem_meter::replay::table::{Cell, Summary, cells, run};

struct Options {
    class: Option<String>,
    windows: usize,
    seed: u64,
    lengths_s: Vec<u64>,
    families: bool,
    print: Print,
}

/// What is asked for.
#[derive(Clone, Copy)]
enum Print {
    Table,
    Json,
    EachWindow,
    Cases,
    Fuzz(u64),
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        class: None,
        windows: 200,
        seed: 1,
        lengths_s: vec![1, 5, 20],
        families: false,
        print: Print::Table,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{name} wants a value"));
        match name.as_str() {
            "--class" => options.class = Some(value()?),
            "--windows" => options.windows = number(&value()?)?,
            "--seed" => options.seed = number(&value()?)?,
            "--lengths" => options.lengths_s = value()?.split(',').map(number).collect::<Result<_, _>>()?,
            "--families" => options.families = true,
            "--json" => options.print = Print::Json,
            "--cases" => options.print = Print::Cases,
            "--fuzz" => options.print = Print::Fuzz(number(&value()?)?),
            "--tell" => options.print = Print::EachWindow,
            _ => return Err(format!("unknown option {name}")),
        }
    }
    Ok(options)
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is not a whole number"))
}

fn main() -> Result<(), String> {
    let options = options()?;
    tell_each_panic_once();
    match options.print {
        Print::Fuzz(count) => return fuzz(options.seed, count),
        Print::Cases => print_cases(),
        Print::EachWindow => print_each_window(&chosen(&options)?, &options),
        Print::Table | Print::Json => {
            let cells = chosen(&options)?;
            let threads = available_parallelism().map_or(1, usize::from);
            let summaries = run(&cells, options.windows, options.seed, threads, |_, _| {});
            if matches!(options.print, Print::Json) {
                let rows: Vec<String> =
                    cells.iter().zip(&summaries).map(|(cell, summary)| json(cell, summary)).collect();
                println!("[\n{}\n]", rows.join(",\n"));
            } else {
                print_table(&cells, &summaries);
            }
        }
    }
    Ok(())
}

fn chosen(options: &Options) -> Result<Vec<Cell>, String> {
    let wanted = |class: &&'static Class| options.class.as_deref().is_none_or(|name| class.name == name);
    let chosen: Vec<&'static Class> = classes::all().filter(wanted).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = classes::all().map(|class| class.name).collect();
        return Err(format!("no such class; there are {}", names.join(", ")));
    }
    Ok(chosen.iter().flat_map(|class| cells(class, &options.lengths_s, options.families)).collect())
}

fn print_each_window(cells: &[Cell], options: &Options) {
    for cell in cells {
        for window in 0..options.windows {
            let (class, length_s, loads) = (cell.class.name, cell.length_s, cell.loads);
            println!("{class} {length_s} s, {loads}: {}", cell.tell(options.seed, window));
        }
    }
}

/// A panic of the estimator is counted with its window; where it was is told the first time.
fn tell_each_panic_once() {
    let seen = Mutex::new(Vec::new());
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.contains(&place) {
            eprintln!("{panic}");
            seen.push(place);
        }
    }));
}

/// Tells of each board that brings the estimator to an answer that cannot be.
fn fuzz(first: u64, count: u64) -> Result<(), String> {
    let (next, found) = (AtomicU64::new(first), AtomicU64::new(0));
    let threads = available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(seed) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| seed - first < count)
                {
                    if let Some(wrong) = any::wrong(seed) {
                        found.fetch_add(1, Ordering::Relaxed);
                        println!("{wrong}");
                    }
                }
            });
        }
    });
    let found = found.into_inner();
    println!("{count} boards, {found} wrong");
    if found == 0 { Ok(()) } else { Err(format!("{found} of {count} answers cannot be")) }
}

fn print_cases() {
    for case in &CASES {
        let wrongs = wrongs(case, judge);
        let is_known = KNOWN_WRONG_TODAY.contains(&case.name);
        println!(
            "{:>2} of {SEEDS} right{}: {}{}",
            SEEDS - wrongs.len() as u64,
            if is_known { ", known to be wrong" } else { "" },
            case.name,
            wrongs.first().map_or(String::new(), |wrong| format!("\n      {wrong}")),
        );
    }
}

fn print_table(cells: &[Cell], summaries: &[Summary]) {
    println!(
        "{:<24} {:>4} {:<14} {:>5} {:>5} {:>5} {:>8} {:>8} {:>7} {:>6} {:>6} {:>7} {:>8} {:>4} {:>6}",
        "class",
        "s",
        "loads",
        "n",
        "null",
        "panic",
        "p50 %",
        "p95 %",
        "bias %",
        "cover",
        "abs.",
        "U/rms",
        "U p50 %",
        "U=0",
        "ms"
    );
    for (cell, summary) in cells.iter().zip(summaries) {
        println!(
            "{:<24} {:>4} {:<14} {:>5} {:>5} {:>5} {:>8.3} {:>8.3} {:>7.2} {:>6.1} {:>6.1} {:>7.2} {:>8.3} {:>4} {:>6.2}",
            cell.class.name,
            cell.length_s,
            cell.loads,
            summary.windows,
            summary.null,
            summary.panics,
            summary.error_p50_pct,
            summary.error_p95_pct,
            summary.bias_pct,
            100.0 * summary.covered,
            100.0 * summary.covered_absolutely,
            summary.uncertainty_over_rms,
            summary.uncertainty_p50_pct,
            summary.zero_uncertainty,
            summary.cost_ms
        );
    }
}

fn json(cell: &Cell, summary: &Summary) -> String {
    // JSON has no NaN: what no window has is null.
    let known = |value: f64| if value.is_finite() { format!("{value:.5}") } else { "null".to_owned() };
    format!(
        "{{\"class\": \"{}\", \"length_s\": {}, \"loads\": \"{}\", \"windows\": {}, \"null\": {}, \"panics\": {}, \
         \"error_p50_pct\": {}, \"error_p95_pct\": {}, \"bias_pct\": {}, \"covered\": {}, \"covered_absolutely\": {}, \
         \"uncertainty_over_rms\": {}, \"uncertainty_p50_pct\": {}, \"zero_uncertainty\": {}, \"cost_ms\": {}}}",
        cell.class.name,
        cell.length_s,
        cell.loads,
        summary.windows,
        summary.null,
        summary.panics,
        known(summary.error_p50_pct),
        known(summary.error_p95_pct),
        known(summary.bias_pct),
        known(summary.covered),
        known(summary.covered_absolutely),
        known(summary.uncertainty_over_rms),
        known(summary.uncertainty_p50_pct),
        summary.zero_uncertainty,
        known(summary.cost_ms),
    )
}
