//! A bar that is told again closes the version before it.

use depthlake_orderbook::record::RecordKind;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn one_version_of_a_bar_is_current_however_often_it_is_told() {
    let place = Place::new();
    let log = place.log();
    let bars = derived().prop_filter("a bar", |(_, record)| record.kind() == RecordKind::Bar);
    let (trigger, bar) = any(&mut TestRunner::deterministic(), bars);
    let (topic, record) = encode(&trigger, &bar).unwrap();
    let mut sink = place.sink(&log).await;
    // Twice in one commit, and once in each of two more.
    for commit in [2, 1, 1] {
        for _ in 0..commit {
            log.append(TopicPartition::new(topic, Partition(0)), &record).unwrap();
        }
        log.sync().unwrap();
        sink.commit_once().await.unwrap();
    }
    let mut versions = rows_of(&place.lake().await, Table::Bars).await;
    versions.sort_by_key(|version| version["sys_from"].parse::<i64>().unwrap());
    let column = |name: &str| versions.iter().map(|version| version[name].clone()).collect::<Vec<_>>();
    assert_eq!(column("is_current"), ["false", "false", "false", "true"]);
    assert_eq!(column("sys_to")[..3], column("sys_from")[1..]);
    assert_eq!(column("sys_to")[3], crate::bitemporal::END_OF_TIME.to_string());
}
