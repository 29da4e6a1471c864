//! Questions to a driver that may never answer. They are asked by a thread of their own, so that whoever wants to know hears
//! what is waited for, and after a while that there will be no answer; the thread is left behind.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use llem_meter::MeterError;
use llem_meter::asking::Asking;
use llem_meter::crash::{self, Crash};

/// After so long it is said what is waited for.
const SILENT: Duration = Duration::from_secs(3);
/// A driver that is not kept loaded starts each GPU anew, which takes a second or more of each.
const USUAL: Duration = Duration::from_secs(30);

/// How often it is looked whether the driver crashed meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// What the thread that asks gets once the driver's library has crashed, in it or in another.
const AFTER_CRASH: Duration = Duration::from_secs(2);

/// How long a driver may take.
pub fn patience_of(patience_ms: Option<u32>) -> Duration {
    patience_ms.map_or(USUAL, |ms| Duration::from_millis(u64::from(ms)))
}

/// The answer, or that there was none within so long, which whoever waits at a terminal is told of. `what`: what is asked for,
/// for people.
pub fn answered<T: Send + 'static>(
    what: &'static str,
    patience: Duration,
    ask: impl FnOnce() -> Result<T, MeterError> + Send + 'static,
) -> Result<T, MeterError> {
    wait(what, patience, Some(SILENT), ask)
}

/// The same where nobody waits.
pub fn answered_unless_silent<T: Send + 'static>(
    what: &'static str,
    patience: Duration,
    ask: impl FnOnce() -> Result<T, MeterError> + Send + 'static,
) -> Result<T, MeterError> {
    wait(what, patience, None, ask)
}

fn wait<T: Send + 'static>(
    what: &'static str,
    patience: Duration,
    told_after: Option<Duration>,
    ask: impl FnOnce() -> Result<T, MeterError> + Send + 'static,
) -> Result<T, MeterError> {
    let (answers, answer) = channel();
    let asking = Arc::new(Asking::default());
    let of_thread = Arc::clone(&asking);
    let asks = move || drop(answers.send(of_thread.watch(ask)));
    thread::Builder::new().name("llem-asks".to_owned()).spawn(asks).map_err(MeterError::Thread)?;
    let (since, mut told_after) = (Instant::now(), told_after);
    loop {
        match answer.recv_timeout(LOOK) {
            Ok(answer) => return answer,
            Err(RecvTimeoutError::Timeout) => {}
            // It panicked, and its message is on stderr.
            Err(RecvTimeoutError::Disconnected) => {
                return Err(MeterError::Query {
                    what: what.to_owned(),
                    cause: "a mistake in llem".to_owned(),
                });
            }
        }
        if let Some(Crash { signal, call }) = crash::seen() {
            // Whoever asks several at once may have more to say.
            return match answer.recv_timeout(AFTER_CRASH) {
                Ok(answer) => answer,
                Err(_) => Err(MeterError::Crashed { call, signal }),
            };
        }
        let waited = since.elapsed();
        if waited >= patience {
            return Err(MeterError::Silent { what, call: asking.call(), waited_s: patience.as_secs_f64() });
        }
        if let Some(after) = told_after.filter(|after| waited >= *after) {
            told_after = None;
            let (waited_s, left_s) = (after.as_secs_f64(), patience.saturating_sub(after).as_secs_f64());
            let text = format!(
                "llem: Waiting for the GPU driver, which has not answered for {waited_s:.0} s ({what}); for {left_s:.0} s more.\n"
            );
            // Nobody may be there to read it.
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
    }
}
