use std::fs::{create_dir_all, write};
use std::os::unix::fs::symlink;

use tempfile::tempdir;

use super::super::card::cards;
use super::*;

/// As the kernel's documentation and drivers have it: amdgpu and i915 tell nanoseconds, xe cycles.
const AMDGPU: &str = "pos:\t0\nflags:\t02100002\ndrm-driver:\tamdgpu\ndrm-client-id:\t14\ndrm-pdev:\t0000:03:00.0\n\
    drm-memory-vram:\t65536 KiB\ndrm-engine-gfx:\t0 ns\ndrm-engine-compute:\t5000000 ns\n";
const I915: &str = "drm-driver:\ti915\ndrm-client-id:\t7\ndrm-pdev:\t0000:00:02.0\ndrm-engine-render:\t9 ns\n\
    drm-engine-capacity-video:\t2\n";
const XE: &str = "drm-driver:\txe\ndrm-client-id:\t3\ndrm-pdev:\t0000:0a:00.0\ndrm-cycles-ccs:\t100\n\
    drm-total-cycles-ccs:\t99999\n";

#[test]
fn fdinfo_tells_gpu_client_and_work() {
    let told = |about| client_of(about).map(|(place, number, worked)| format!("{place} {number} {worked}"));
    assert_eq!(told(AMDGPU).as_deref(), Some("0000:03:00.0 14 5000000"));
    assert_eq!(told(I915).as_deref(), Some("0000:00:02.0 7 9"));
    assert_eq!(told(XE).as_deref(), Some("0000:0a:00.0 3 100"));
    for other in ["", "pos:\t0\nflags:\t02\n", "drm-pdev:\t0000:03:00.0\n", "\u{0}:::\n"] {
        assert_eq!(told(other), None);
    }
}

fn place(root: &Path, files: &[(&str, &str)]) {
    for (file, text) in files {
        let path = root.join(file);
        create_dir_all(path.parent().expect("a folder")).expect("a folder");
        write(path, text).expect("a file");
    }
}

/// A process with one file open on a GPU.
fn open_file(proc: &Path, pid: u32, about: &str) {
    let process = proc.join(pid.to_string());
    create_dir_all(process.join("fd")).expect("a folder");
    let _ = symlink("/dev/dri/renderD128", process.join("fd/5"));
    place(&process, &[("fdinfo/5", about)]);
}

fn pids(listed: &[Listed]) -> Vec<&[u32]> {
    listed.iter().map(|listed| listed.pids.as_slice()).collect()
}

#[test]
fn who_has_queues_or_whose_engines_work_computes_and_others_do_not() {
    let (sys, proc) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    place(
        sys.path(),
        &[
            ("class/drm/card0/device/vendor", "0x1002\n"),
            ("class/drm/card0/device/uevent", "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:c1:00.0\n"),
            ("class/drm/card1/device/vendor", "0x8086\n"),
            ("class/drm/card1/device/uevent", "DRIVER=xe\nPCI_SLOT_NAME=0000:0a:00.0\n"),
            ("class/kfd/kfd/topology/nodes/0/gpu_id", "0\n"),
            ("class/kfd/kfd/topology/nodes/0/properties", "cpu_cores_count 64\nlocation_id 0\n"),
            ("class/kfd/kfd/topology/nodes/1/gpu_id", "30381\n"),
            ("class/kfd/kfd/topology/nodes/1/properties", "simd_count 216\nlocation_id 49408\ndomain 0\n"),
            ("class/kfd/kfd/proc/4242/queues/0/gpuid", "30381\n"),
            ("class/kfd/kfd/proc/4343/queues/0/gpuid", "999\n"),
            ("class/kfd/kfd/proc/4444/vram_30381", "4096\n"),
        ],
    );
    open_file(proc.path(), 77, XE);
    open_file(proc.path(), 78, &XE.replace("id:\t3", "id:\t4"));
    let found = cards(sys.path());
    let mut look = Look::new(sys.path(), proc.path(), &found.iter().collect::<Vec<_>>());
    assert_eq!(pids(&look.all()), [&[4242][..], &[]], "nothing has grown yet");
    open_file(proc.path(), 77, &XE.replace("ccs:\t100", "ccs:\t160"));
    let listed = look.all();
    assert_eq!(pids(&listed), [&[4242][..], &[77]]);
    // Process 1 is not there: not all of them are.
    assert_eq!([listed[0].is_whole, listed[1].is_whole], [true, false]);
    // One that begins later has worked since; one that stopped is kept for a while.
    open_file(proc.path(), 79, &XE.replace("id:\t3", "id:\t5"));
    assert_eq!(pids(&look.all())[1], [77, 79]);
    for _ in 0..KEPT_LOOKS {
        look.all();
    }
    assert_eq!(pids(&look.all())[1], [] as [u32; 0]);
}

#[test]
fn a_thread_looks_and_ends_with_its_owner() {
    let (sys, proc) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    place(
        sys.path(),
        &[
            ("class/drm/card1/device/vendor", "0x8086\n"),
            ("class/drm/card1/device/uevent", "DRIVER=xe\nPCI_SLOT_NAME=0000:0a:00.0\n"),
        ],
    );
    open_file(proc.path(), 77, XE);
    let found = cards(sys.path());
    let clients =
        Clients::watch(sys.path(), proc.path(), &found.iter().collect::<Vec<_>>()).expect("a thread");
    assert_eq!(clients.of(0).map(|processes| processes.count), Ok(0));
    assert_eq!(clients.of(1).map(|processes| processes.count), Err(ReadError::NotSupported));
    open_file(proc.path(), 77, &XE.replace("ccs:\t100", "ccs:\t160"));
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while clients.of(0).is_ok_and(|processes| processes.count == 0) && std::time::Instant::now() < until {
        thread::sleep(Duration::from_millis(20));
    }
    let processes = clients.of(0).expect("a list");
    assert_eq!((processes.count, processes.pids[0], processes.is_whole), (1, 77, false));
    let shared = Arc::downgrade(&clients.listed);
    drop(clients);
    while shared.upgrade().is_some() && std::time::Instant::now() < until {
        thread::sleep(Duration::from_millis(20));
    }
    assert!(shared.upgrade().is_none(), "the thread goes on");
}
