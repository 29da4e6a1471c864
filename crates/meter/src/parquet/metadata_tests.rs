use super::*;

#[test]
fn what_is_written_is_read_back_to_the_last_bit() {
    let facts = FileFacts {
        gpu_indices: vec![0, 3],
        uuids: vec!["GPU-a".to_owned(), "GPU-b".to_owned()],
        interval_ns: 10_000_000,
        start_ns: u64::MAX / 2,
        start_unix_ns: 12,
        power_gap_cap_ns: 13,
        slow_gap_cap_ns: 14,
        history_ns: 15,
        sensors: vec![Sensor { origin: Origin::SysfsUnitAssumed, ..Sensor::UNTRIED }, Sensor::AVERAGED],
        calibrated: vec![
            Calibrated::default(),
            Calibrated {
                sensor_delay_doubt_ns: Some(1_500_000),
                counter_delay: Some(Delay { ns: 40_000_000, doubt_ns: 1_000_000 }),
                gain: Some(BoardGain { ratio: 1.0 / 3.0, uncertainty: 5e-3, method: Method::Counter }),
            },
        ],
    };
    let known = Belief {
        power_ns: Some(100_000_123),
        counter_ns: Some(20_000_000),
        power_doubt_ns: Some(2000),
        counter_doubt_ns: Some(1000),
        noise_w: 1.0 / 3.0,
        lowest_w: Some(75.5),
        limit_w: Some(700.0),
        gain_ratio: Some(GainRatio { ratio: 0.95, uncertainty: 1e-3 }),
        kind: Kind::Integral,
        blind_share: 0.1,
        scope_ratio: None,
        in_step_ratio: Some(1.0 / 3.0),
        mean_blind_share: 0.1,
        ways: Ways::default(),
    };
    let unknown = Belief::default();
    let end = EndFacts {
        end_ns: 99,
        beliefs: vec![[unknown, known, known], [unknown, unknown, Belief { power_ns: None, ..known }]],
        first_updates: vec![
            FirstUpdates::default(),
            FirstUpdates {
                power: Some(FirstUpdate { after_ns: 0, doubt_ns: 5_000_000 }),
                counter: Some(FirstUpdate { after_ns: 99_999_999, doubt_ns: 1 }),
            },
        ],
    };
    let metadata: Vec<_> = facts.metadata("2").into_iter().chain(end.metadata()).collect();
    let entries = Entries::of(Some(&metadata));
    assert_eq!(FileFacts::read(&entries).expect("facts"), facts);
    assert_eq!(EndFacts::read(&entries).expect("facts"), end);

    let newer = ["llem.first_updates_ns", "llem.calibrated"];
    let older: Vec<_> = metadata.into_iter().filter(|entry| !newer.contains(&entry.key.as_str())).collect();
    let older_facts = FileFacts::read(&Entries::of(Some(&older))).expect("facts of an older file");
    assert_eq!(older_facts, FileFacts { calibrated: Vec::new(), ..facts });
    let older = EndFacts::read(&Entries::of(Some(&older))).expect("facts of an older file");
    assert_eq!(older, EndFacts { first_updates: Vec::new(), ..end });
}

#[test]
fn what_is_missing_or_nonsense_is_named() {
    let entries = Entries::of(Some(&vec![entry("llem.history_ns", "soon")]));
    let message = |key| entries.value::<u64>(key).expect_err("no number").to_string();
    assert_eq!(message("llem.history_ns"), "llem.history_ns is soon in its metadata");
    assert_eq!(message("llem.end_monotonic_ns"), "it has no llem.end_monotonic_ns in its metadata");
}
