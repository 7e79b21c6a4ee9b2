//! Subscribers.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_get_every_row_once_in_the_order_of_the_log() {
    let place = Place::new();
    let (log, lake) = (place.log(), place.lake().await);
    let mut runner = TestRunner::deterministic();
    let tail = Tail::follow(log.clone(), lake.clone(), TailOptions::default()).await.unwrap();
    let mut subscription = tail.subscribe(Table::Trades);
    for _ in 0..5 {
        feed(&*log, &mut runner, 80);
    }
    let mut twin = Twin::default();
    twin.read(&*log);
    let mut expected: BTreeMap<TopicPartition, Vec<Row>> = BTreeMap::new();
    for at in places().filter(|at| at.topic == Topic::Trade) {
        let made = rows(at, &twin.records[&at]).unwrap();
        expected.insert(at, rows_of(&made.batch));
    }
    let count = |rows: &BTreeMap<_, Vec<Row>>| rows.values().map(Vec::len).sum::<usize>();
    let mut told: BTreeMap<TopicPartition, Vec<Row>> = expected.keys().map(|at| (*at, Vec::new())).collect();
    while count(&told) < count(&expected) {
        match subscription.next().await {
            Some(Told::Rows(Arrival { at, rows })) => told.get_mut(&at).unwrap().extend(rows_of(&rows)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(told, expected);
    drop(tail);
    assert!(subscription.next().await.is_none());
}
