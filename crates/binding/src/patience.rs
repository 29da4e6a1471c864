//! Questions to a driver that may never answer. They are asked by a thread of their own, so that whoever wants to know hears
//! what is waited for, and after a while that there will be no answer; the thread is left behind.

use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use llem_meter::MeterError;

/// After so long it is said what is waited for.
const SILENT: Duration = Duration::from_secs(3);
/// A driver that is not kept loaded starts each GPU anew, which takes a second or more of each.
const USUAL: Duration = Duration::from_secs(30);

/// The answer, or that there was none within so many milliseconds. `what`: what is asked for, for people.
pub fn answered<T: Send + 'static>(
    what: &'static str,
    patience_ms: Option<u32>,
    ask: impl FnOnce() -> Result<T, MeterError> + Send + 'static,
) -> Result<T, MeterError> {
    let patience = patience_ms.map_or(USUAL, |ms| Duration::from_millis(u64::from(ms)));
    let (answers, answer) = channel();
    let asks = move || drop(answers.send(ask()));
    thread::Builder::new().name("llem-asks".to_owned()).spawn(asks).map_err(MeterError::Thread)?;
    let first = patience.min(SILENT);
    let rest = patience.saturating_sub(first);
    let heard = answer.recv_timeout(first).or_else(|error| {
        if error == RecvTimeoutError::Timeout && !rest.is_zero() {
            let (waited_s, left_s) = (first.as_secs_f64(), rest.as_secs_f64());
            let text = format!(
                "llem: Waiting for the GPU driver, which has not answered for {waited_s:.0} s ({what}); for {left_s:.0} s more.\n"
            );
            // Nobody may be there to read it.
            let _ = std::io::stderr().write_all(text.as_bytes());
            return answer.recv_timeout(rest);
        }
        Err(error)
    });
    match heard {
        Ok(answer) => answer,
        Err(RecvTimeoutError::Timeout) => Err(MeterError::Silent { what, waited_s: patience.as_secs_f64() }),
        // It panicked, and its message is on stderr.
        Err(RecvTimeoutError::Disconnected) => {
            Err(MeterError::Query { what: what.to_owned(), cause: "a mistake in llem".to_owned() })
        }
    }
}
