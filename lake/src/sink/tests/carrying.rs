//! Everything in the log comes into the lake, once.

use super::*;
use crate::commit::tests::read_by_other_engines;

#[tokio::test]
async fn the_lake_holds_the_log_over_commits_and_restarts() {
    let place = Place::new();
    let mut runner = TestRunner::deterministic();
    let mut total = 0;
    for count in [300, 1, 60] {
        let log = place.log();
        let mut sink = place.sink(&log).await;
        for _ in 0..2 {
            feed(&*log, &mut runner, count);
            total += count as u64;
            let report = sink.commit_once().await.unwrap();
            assert_eq!(report.total_rows(), count as u64);
            assert!(report.log_bytes > 0 && report.file_bytes > 0, "{report:?}");
        }
        assert!(sink.commit_once().await.unwrap().is_empty());
        drop((sink, log));
    }
    let log = place.log();
    assert_lake_is_log(&place, &*log).await;
    let expected: Vec<_> =
        rows_of_log(&*log).into_iter().map(|(table, rows)| (table, rows.len() as u64)).collect();
    assert_eq!(expected.iter().map(|(_, rows)| rows).sum::<u64>(), total);
    read_by_other_engines(&place.catalog(), &expected);
}

#[tokio::test]
async fn what_one_commit_leaves_the_next_takes() {
    let place = Place::new();
    let log = place.log();
    feed(&*log, &mut TestRunner::deterministic(), 60);
    let mut sink = place.sink(&log).await;
    sink.config.commit_bytes = 1_000;
    let mut commits = 0;
    while let report = sink.commit_once().await.unwrap()
        && !report.is_empty()
    {
        commits += 1;
    }
    assert!(commits > 1, "{commits}");
    assert_lake_is_log(&place, &*log).await;
}

#[tokio::test]
async fn positions_of_a_report_are_those_of_the_lake_and_can_be_released() {
    let place = Place::new();
    let log = place.log();
    feed(&*log, &mut TestRunner::deterministic(), 120);
    let lake = place.lake().await;
    let mut sink = place.sink(&log).await;
    let report = sink.commit_once().await.unwrap();
    let committed =
        lake.positions().await.unwrap().into_iter().map(|(of, next)| (of.topic, of.partition, next));
    let reported = report.positions.iter().map(|(at, next)| {
        assert_eq!(log.durable_end(*at).unwrap(), *next);
        (at.topic.name().to_owned(), u32::from(at.partition.0), next.0)
    });
    let sorted = |places: Vec<_>| places.into_iter().collect::<BTreeSet<_>>();
    assert_eq!(sorted(committed.collect()), sorted(reported.collect()));
    log.release(&report.positions).unwrap();
    feed(&*log, &mut TestRunner::deterministic(), 12);
    assert_eq!(sink.commit_once().await.unwrap().total_rows(), 12);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_a_dead_letter_once_and_stops_nothing() {
    let place = Place::new();
    let log = place.log();
    let at = TopicPartition::new(Topic::Trade, Partition(2));
    feed(&*log, &mut TestRunner::deterministic(), 30);
    let before = log.durable_end(at).unwrap().0;
    let nonsense = Record { value: b"nonsense".as_slice().into(), ..Record::default() };
    log.append(at, &nonsense).unwrap();
    feed(&*log, &mut TestRunner::deterministic(), 30);

    let report = place.sink(&log).await.commit_once().await.unwrap();
    assert_eq!(report.total_rows(), 61);
    // Its topic is told too, by a record that gives no row.
    log.sync().unwrap();
    let told = TopicPartition::new(Topic::DeadLetter, Partition(2));
    let letter = log.read(told, Offset(log.durable_end(told).unwrap().0 - 1), 1).unwrap().remove(0);
    assert!(letter.record.value.windows(8).any(|part| part == b"nonsense"));
    let report = place.sink(&log).await.commit_once().await.unwrap();
    assert_eq!((report.total_rows(), report.positions.len()), (0, 1));
    assert!(place.sink(&log).await.commit_once().await.unwrap().is_empty());

    let letters = rows_of(&place.lake().await, Table::DeadLetters).await;
    let ours: Vec<_> = letters.iter().filter(|row| row["reason"] == "undecodable").collect();
    let [letter] = ours[..] else { panic!("{ours:?}") };
    assert_eq!(
        (letter["source_topic"].as_str(), letter["source_partition"].as_str(), &letter["source_offset"]),
        ("market.normalized.trade", "2", &before.to_string())
    );
    assert_eq!(letter["payload"], format!("{:?}", b"nonsense"));
    let trades = rows_of(&place.lake().await, Table::Trades).await;
    assert_eq!(trades, rows_of_log(&*log)[&Table::Trades]);
}

#[tokio::test]
async fn records_that_the_log_has_lost_are_told_and_passed() {
    let place = Place::new();
    let at = TopicPartition::new(Topic::RawTrade, Partition(0));
    let log = place.log();
    for value in [&b"{\"first\"}"[..], b"{\"second\"}", b"{\"third\"}"] {
        let envelope = any(&mut TestRunner::deterministic(), envelope());
        log.append(at, &raw_record(&envelope, value.into())).unwrap();
        log.sync().unwrap();
    }
    drop(log);
    damage(&place, b"second");

    let log = place.log();
    assert_eq!(place.sink(&log).await.commit_once().await.unwrap().total_rows(), 3);
    let lake = place.lake().await;
    assert_eq!(rows_of(&lake, Table::RawTrades).await.len(), 2);
    let letters = rows_of(&lake, Table::DeadLetters).await;
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!((letter["reason"].as_str(), letter["source_offset"].as_str()), ("lost", "1"));
    assert_eq!(letter["detail"], "the records up to 2 (exclusive) are lost: the log was damaged there");
}

/// Changes these bytes where a file of the log has them.
fn damage(place: &Place, bytes: &[u8]) {
    for path in fs::read_dir(place.log_folder()).unwrap().map(|entry| entry.unwrap().path()) {
        let mut content = fs::read(&path).unwrap();
        if let Some(found) = content.windows(bytes.len()).position(|window| window == bytes) {
            content[found] ^= 1;
            return fs::write(&path, content).unwrap();
        }
    }
    panic!("no file of the log has these bytes");
}
