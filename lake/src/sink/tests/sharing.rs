//! Sinks that share the partitions of one log.

use super::*;
use crate::commit::PartitionOfTable;

fn these(partitions: &[u16]) -> BTreeSet<Partition> {
    partitions.iter().copied().map(Partition).collect()
}

/// The partitions that the lake has read something of.
async fn read_partitions(place: &Place) -> BTreeSet<u32> {
    let positions = place.lake().await.positions().await.unwrap();
    positions.into_keys().map(|PartitionOfTable { partition, .. }| partition).collect()
}

#[tokio::test]
async fn each_sink_carries_what_it_is_given_and_goes_on_where_another_was() {
    let place = Place::new();
    let log = place.log();
    let mut runner = TestRunner::deterministic();
    let (give_one, given_one) = watch::channel(these(&[]));
    let (give_two, given_two) = watch::channel(these(&[0]));
    let mut one = place.sink(&log).await.sharing(given_one);
    let mut two = place.sink(&log).await.sharing(given_two);
    feed(&*log, &mut runner, 120);
    assert!(one.commit_once().await.unwrap().is_empty());
    assert!(!two.commit_once().await.unwrap().is_empty());
    assert_eq!(read_partitions(&place).await, BTreeSet::from([0]));
    for (to_one, to_two) in [(these(&[0, 2]), these(&[1])), (these(&[1]), these(&[0, 2]))] {
        give_one.send_replace(to_one);
        give_two.send_replace(to_two);
        feed(&*log, &mut runner, 120);
        assert!(!one.commit_once().await.unwrap().is_empty());
        assert!(!two.commit_once().await.unwrap().is_empty());
        assert_lake_is_log(&place, &*log).await;
    }
    drop((give_one, give_two));
    feed(&*log, &mut runner, 120);
    one.commit_once().await.unwrap();
    two.commit_once().await.unwrap();
    assert_lake_is_log(&place, &*log).await;
}

#[tokio::test]
async fn a_sink_that_learns_late_that_others_carry_its_part_goes_on_with_what_is_left() {
    let place = Place::new();
    let log = place.log();
    let mut runner = TestRunner::deterministic();
    let (_give, given) = watch::channel(these(&[0, 1, 2]));
    let mut winner = place.sink(&log).await;
    let mut late = place.sink(&log).await.sharing(given);
    late.config.commit_interval = Duration::from_millis(10);
    feed(&*log, &mut runner, 60);
    late.pending = {
        late.forget();
        Some(late.gather().await.unwrap())
    };
    late.share.partitions();
    feed(&*log, &mut runner, 60);
    winner.commit_once().await.unwrap();
    feed(&*log, &mut runner, 60);
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(late.run(stopped));
    stop.send(true).unwrap();
    assert_eq!(running.await.unwrap().unwrap().total_rows(), 60);
    assert_lake_is_log(&place, &*log).await;
}

#[tokio::test]
async fn a_sink_that_is_stopped_before_it_is_given_anything_waits_for_its_part() {
    let place = Place::new();
    let log = place.log();
    feed(&*log, &mut TestRunner::deterministic(), 60);
    let (give, given) = watch::channel(these(&[]));
    let (_stop, stopped) = watch::channel(true);
    let running = tokio::spawn(place.sink(&log).await.sharing(given).run(stopped));
    tokio::task::yield_now().await;
    give.send_replace(these(&[0, 1, 2]));
    assert_eq!(running.await.unwrap().unwrap().total_rows(), 60);
    assert_lake_is_log(&place, &*log).await;
}
