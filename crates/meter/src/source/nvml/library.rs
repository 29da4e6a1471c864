//! The driver's library: where it is looked for, and started once.

use std::collections::HashMap;
use std::ffi::{CString, OsStr};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;

use crate::asking;
use crate::error::MeterError;

/// Tried in this order: where the loader looks, then where it may not and the library may be: the Windows Subsystem for
/// Linux, container toolkits, distributions (Debian and its likes, Red Hat and SUSE, Arch), GKE's and the GPU operator's
/// mounts, Jetson.
const DEFAULT_LIBRARIES: [&str; 11] = [
    "libnvidia-ml.so.1",
    "/usr/lib/wsl/lib/libnvidia-ml.so.1",
    "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1",
    "/usr/lib/aarch64-linux-gnu/libnvidia-ml.so.1",
    "/usr/lib64/libnvidia-ml.so.1",
    "/usr/lib/libnvidia-ml.so.1",
    "/usr/lib/x86_64-linux-gnu/nvidia/current/libnvidia-ml.so.1",
    "/usr/local/nvidia/lib64/libnvidia-ml.so.1",
    "/run/nvidia/driver/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1",
    "/usr/lib/aarch64-linux-gnu/tegra/libnvidia-ml.so.1",
    "/usr/lib/aarch64-linux-gnu/nvidia/libnvidia-ml.so.1",
];

/// Whether the loaded library is this project's simulation: it has a symbol that no driver has.
pub(super) fn is_simulated(library_path: Option<&str>) -> bool {
    let candidates = library_path.map_or(DEFAULT_LIBRARIES.to_vec(), |path| vec![path]);
    candidates.into_iter().any(|path| {
        let Ok(path) = CString::new(path) else { return false };
        // SAFETY: both strings end in NUL, and with RTLD_NOLOAD nothing is run; the handle is given back at once.
        unsafe {
            let library = libc::dlopen(path.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD);
            if library.is_null() {
                return false;
            }
            let marker = libc::dlsym(library, c"llem_nvml_sim".as_ptr());
            libc::dlclose(library);
            !marker.is_null()
        }
    })
}

/// The libraries that are open, by path. A driver that is not kept loaded starts each GPU anew at `nvmlInit`, which takes
/// a second or more of each, so a process does it once.
static OPEN: Mutex<Option<HashMap<Option<String>, Open>>> = Mutex::new(None);

/// A library that this process has started.
enum Open {
    /// The driver's, until the process ends.
    Kept(Arc<Nvml>),
    /// A simulated one, while somebody uses it: the next one may have another scenario.
    Used(Weak<Nvml>),
}

/// The library, started if need be. Every candidate is tried until one starts.
pub(super) fn load(library_path: Option<&str>) -> Result<Arc<Nvml>, MeterError> {
    let key = library_path.map(str::to_owned);
    let open = || OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(nvml) = open().as_ref().and_then(|open| open.get(&key)).and_then(Open::get) {
        return Ok(nvml);
    }
    // Not under the lock: it may never return. Two that begin at once both start it, which the driver counts.
    let nvml = Arc::new(start(library_path)?);
    let kept = if is_simulated(library_path) {
        Open::Used(Arc::downgrade(&nvml))
    } else {
        Open::Kept(Arc::clone(&nvml))
    };
    open().get_or_insert_default().insert(key, kept);
    Ok(nvml)
}

impl Open {
    fn get(&self) -> Option<Arc<Nvml>> {
        match self {
            Self::Kept(nvml) => Some(Arc::clone(nvml)),
            Self::Used(nvml) => nvml.upgrade(),
        }
    }
}

/// Tells a library that is there and does not start from none: the former says more of what is wrong.
fn start(library_path: Option<&str>) -> Result<Nvml, MeterError> {
    let candidates = library_path.map_or(DEFAULT_LIBRARIES.to_vec(), |path| vec![path]);
    let (mut missing, mut refused) = (Vec::new(), Vec::new());
    asking::calls(c"nvmlInit_v2");
    for path in candidates {
        match Nvml::builder().lib_path(OsStr::new(path)).init() {
            Ok(nvml) => return Ok(nvml),
            Err(NvmlError::LibloadingError(cause)) => missing.push(cause.to_string()),
            // With one candidate everybody knows which.
            Err(cause) if library_path.is_some() => refused.push(cause.to_string()),
            Err(cause) => refused.push(format!("{path}: {cause}")),
        }
    }
    match (refused.is_empty(), missing.into_iter().next()) {
        (true, missing) => {
            Err(MeterError::LibraryNotFound { cause: missing.unwrap_or_else(|| "no path to try".to_owned()) })
        }
        (false, _) => Err(MeterError::InitFailed { cause: refused.join("; ") }),
    }
}
