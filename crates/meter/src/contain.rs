//! A mistake of ours in one place costs what was computed there, not the measurement.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `compute` answers; where it panics, what the panic said. What it had borrowed to change must not be used any more.
///
/// # Errors
/// The message of the panic.
pub(crate) fn contained<T>(compute: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(compute)).map_err(|panic| message_of(&*panic).to_owned())
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
