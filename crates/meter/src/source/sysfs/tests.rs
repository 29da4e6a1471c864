use std::fs::{create_dir_all, write};
use std::path::Path;

use tempfile::{TempDir, tempdir};

use super::*;

/// Writes files below a folder of a card or a monitor.
fn place(root: &Path, folder: &str, files: &[(&str, &str)]) {
    for (file, text) in files {
        let path = root.join(folder).join(file);
        create_dir_all(path.parent().expect("a folder")).expect("a folder");
        write(path, text).expect("a file");
    }
}

fn tree(places: &[(&str, &[(&str, &str)])]) -> TempDir {
    let root = tempdir().expect("a folder");
    for (folder, files) in places {
        place(root.path(), folder, files);
    }
    root
}

const RADEON: (&str, &[(&str, &str)]) = (
    "class/drm/card1/device",
    &[
        ("vendor", "0x1002\n"),
        ("device", "0x744c\n"),
        ("unique_id", "9d8f3a1b2c4d5e6f\n"),
        ("uevent", "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:03:00.0\n"),
        ("mem_info_vram_total", "25753026560\n"),
        ("mem_info_vram_used", "1048576\n"),
        ("gpu_busy_percent", "97\n"),
        ("current_link_speed", "16.0 GT/s PCIe\n"),
        ("current_link_width", "16\n"),
        ("hwmon/hwmon4/name", "amdgpu\n"),
        ("hwmon/hwmon4/power1_average", "243500000\n"),
        ("hwmon/hwmon4/power1_cap", "303000000\n"),
        ("hwmon/hwmon4/temp1_label", "edge\n"),
        ("hwmon/hwmon4/temp1_input", "54000\n"),
        ("hwmon/hwmon4/temp3_label", "mem\n"),
        ("hwmon/hwmon4/temp3_input", "78000\n"),
        ("hwmon/hwmon4/freq1_label", "sclk\n"),
        ("hwmon/hwmon4/freq1_input", "2482000000\n"),
    ],
);

const ARC: (&str, &[(&str, &str)]) = (
    "class/drm/card2/device",
    &[
        ("vendor", "0x8086\n"),
        ("device", "0xe20b\n"),
        ("uevent", "DRIVER=xe\nPCI_SLOT_NAME=0000:0a:00.0\n"),
        ("hwmon/hwmon5/name", "xe\n"),
        ("hwmon/hwmon5/energy1_label", "card\n"),
        ("hwmon/hwmon5/energy1_input", "123456789\n"),
        ("hwmon/hwmon5/energy2_label", "pkg\n"),
        ("hwmon/hwmon5/energy2_input", "100000000\n"),
        ("hwmon/hwmon5/power1_max", "0\n"),
    ],
);

const GRAPHICS_OF_A_PROCESSOR: (&str, &[(&str, &str)]) = (
    "class/drm/card0/device",
    &[
        ("vendor", "0x8086\n"),
        ("device", "0x7d55\n"),
        ("uevent", "DRIVER=i915\nPCI_SLOT_NAME=0000:00:02.0\n"),
    ],
);

#[test]
fn gpus_are_listed_with_what_their_files_tell_and_why_one_cannot_be_measured() {
    let root = tree(&[RADEON, ARC, GRAPHICS_OF_A_PROCESSOR]);
    // A connector, a partition and the card of a management controller.
    place(root.path(), "class/drm/card1-DP-1/device", &[("vendor", "0x1002\n")]);
    place(root.path(), "class/drm/card3/device", &[("uevent", "MODALIAS=platform:amdgpu_xcp\n")]);
    place(root.path(), "class/drm/card4/device", &[("vendor", "0x1a03\n")]);
    let gpus = list_gpus(root.path(), std::time::Duration::from_secs(10));
    let told: Vec<_> =
        gpus.iter().map(|gpu| (gpu.uuid.as_str(), gpu.power_domain, gpu.is_integrated)).collect();
    assert_eq!(
        told,
        [
            ("PCI-0000:00:02.0", None, true),
            ("AMD-9d8f3a1b2c4d5e6f", Some("hwmon power1_average"), false),
            // Its counter does not move here.
            ("PCI-0000:0a:00.0", None, false),
            ("PCI-card3", None, false),
        ]
    );
    let [graphics, radeon, arc, partition] = gpus.as_slice() else { panic!("four GPUs") };
    assert!(
        graphics.problem.as_ref().is_some_and(|why| why.starts_with("i915 shows no power and no energy in"))
    );
    assert!(partition.problem.as_ref().is_some_and(|why| why.starts_with("it is a partition")));
    assert_eq!(
        (radeon.power_w, radeon.power_limit_w, radeon.temperature_c),
        (Some(243.5), Some(303.0), Some(54))
    );
    assert_eq!((radeon.pcie_generation, radeon.pcie_width), (Some(4), Some(16)));
    assert_eq!(radeon.name.as_deref(), Some("AMD GPU 1002:744c"));
    assert_eq!((radeon.energy_counter, arc.energy_counter), (false, true));
    assert_eq!((arc.power_limit_w, arc.problem.as_deref()), (None, None));
}

#[test]
fn a_gpu_is_read_again_and_what_is_no_number_is_none() {
    let root = tree(&[RADEON]);
    let uuid = "AMD-9d8f3a1b2c4d5e6f".to_owned();
    let mut source = SysfsSource::open(root.path(), &[uuid]).expect("a source");
    let put = |text: &str| {
        let file = "hwmon/hwmon4/power1_average";
        write(root.path().join("class/drm/card1/device").join(file), text).expect("a file");
    };
    assert_eq!(source.power_mw(0), Ok(243_500));
    put("301000400\n");
    assert_eq!(source.power_mw(0), Ok(301_000));
    put("0\n");
    assert_eq!(source.power_mw(0), Err(ReadError::ZeroPower));
    put("N/A\n");
    assert_eq!(source.power_mw(0), Err(ReadError::NotANumber));
    assert_eq!(source.counter_mj(0), Err(ReadError::NotSupported));
    assert_eq!(source.limits(0).power_mw, Some(303_000));
    let slow = source.slow_signals(0);
    assert_eq!(
        (slow.temperature_c, slow.memory_temperature_c, slow.sm_utilisation_pct, slow.sm_clock_mhz),
        (Some(54), Some(78), Some(97), Some(2482))
    );
    assert_eq!((slow.memory_used_bytes, slow.memory_clock_mhz), (Some(1_048_576), None));
    let missing = SysfsSource::open(root.path(), &["PCI-0000:ff:00.0".to_owned()]);
    assert!(matches!(missing, Err(MeterError::DeviceNotFound { .. })));
}

#[test]
fn the_card_s_energy_comes_before_the_package_s_and_the_package_s_says_so() {
    let root = tree(&[ARC]);
    let uuid = ["PCI-0000:0a:00.0".to_owned()];
    let mut source = SysfsSource::open(root.path(), &uuid).expect("a source");
    assert_eq!(source.counter_mj(0), Ok(123_456));
    assert_eq!(source.power_domain(0).as_str(), "hwmon energy1_input");
    let hwmon = "class/drm/card2/device/hwmon/hwmon5";
    place(root.path(), hwmon, &[("energy1_input", "0\n")]);
    let mut source = SysfsSource::open(root.path(), &uuid).expect("a source");
    assert_eq!(source.counter_mj(0), Ok(100_000));
    assert_eq!(source.power_domain(0).as_str(), "hwmon energy2_input (package alone)");
    place(root.path(), hwmon, &[("energy2_input", "0\n")]);
    assert!(matches!(SysfsSource::open(root.path(), &uuid), Err(MeterError::NoPower { .. })));
}

#[test]
fn sensors_are_named_by_their_labels_and_read_in_milliwatts() {
    let root = tree(&[
        (
            "class/hwmon/hwmon10/device",
            &[
                ("power1_average", "81000000\n"),
                ("power1_oem_info", "CPU Power Socket 0\n"),
                ("name", "power_meter\n"),
            ],
        ),
        (
            "class/hwmon/hwmon2",
            &[
                ("name", "ina3221\n"),
                ("in1_label", "VDD_GPU_SOC\n"),
                ("in1_input", "19000\n"),
                ("curr1_input", "520\n"),
                ("in2_label", "NC\n"),
                ("in2_input", "0\n"),
                ("curr2_input", "0\n"),
                ("in7_label", "sum of shunt voltages\n"),
            ],
        ),
        ("class/hwmon/hwmon3", &[("name", "nvme\n"), ("power1_average", "5\n")]),
    ]);
    let (mut source, infos) = SysfsSource::of_sensors(root.path()).expect("sensors");
    let told: Vec<_> = infos.iter().map(|info| (info.name.as_str(), info.kind)).collect();
    assert_eq!(told, [("VDD_GPU_SOC", SensorKind::Gpu), ("CPU Power Socket 0", SensorKind::Cpu)]);
    assert_eq!((source.power_mw(0), source.power_mw(1)), (Ok(9880), Ok(81_000)));
    assert!(SysfsSource::of_sensors(&root.path().join("none")).is_none());
}
