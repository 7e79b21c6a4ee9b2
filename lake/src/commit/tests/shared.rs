//! Lakes that several machines share: every scenario on each catalog and warehouse that a server is running for.
//!
//! `infra/local` starts the servers and prints the variables that name them. Without one its places are left out, and said.

mod cut_connection;
mod place;

use std::collections::{BTreeMap, BTreeSet};

use super::super::samples;
use super::super::*;
use super::{append, count_rows, position};
use place::{SharedPlace, places};

/// Runs a scenario in a new lake of each kind.
async fn on_each<S: Future<Output = ()>>(scenario: impl Fn(SharedPlace) -> S) {
    for place in places().await {
        eprintln!("in {}", place.name());
        scenario(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_move_together_and_survive_reopening() {
    on_each(async |place: SharedPlace| {
        let lake = place.open().await;
        let both = || vec![samples::append(Table::RawTrades, 0, 20), samples::append(Table::Trades, 0, 20)];
        assert!(matches!(lake.change(both()).await.unwrap(), Changed::Committed(made) if made.len() == 2));
        drop(lake);

        let lake = place.open().await;
        assert_eq!(lake.change(both()).await.unwrap(), Changed::AlreadyCommitted);
        append(&lake, 20, 25).await.unwrap();
        assert_eq!(
            (count_rows(&lake, Table::RawTrades).await, count_rows(&lake, Table::Trades).await),
            (25, 20)
        );
        assert_eq!(position(&lake, Table::RawTrades).await, Some(25));
        assert_eq!(position(&lake, Table::Trades).await, Some(20));
        let status = lake.tables().await.unwrap().into_iter().find(|status| status.table == Table::RawTrades);
        assert_eq!(status.map(|status| (status.rows, status.files)), Some((25, 2)));
        place.assert_pyiceberg_reads(&[(Table::RawTrades, 25), (Table::Trades, 20)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_without_rows_moves_only_the_position() {
    on_each(async |place: SharedPlace| {
        let lake = place.open().await;
        append(&lake, 0, 5).await.unwrap();
        let nothing = TableChange::append(Table::RawTrades, vec![], vec![samples::range(5, 9)]);
        assert!(matches!(lake.change(vec![nothing.clone()]).await.unwrap(), Changed::Committed(_)));
        assert_eq!(lake.change(vec![nothing.clone()]).await.unwrap(), Changed::AlreadyCommitted);
        assert_eq!(position(&lake, Table::RawTrades).await, Some(9));
        append(&lake, 9, 12).await.unwrap();
        let error = lake.change(vec![nothing]).await.unwrap_err();
        assert!(matches!(error, CommitError::Superseded { committed: 12, .. }), "{error}");
        assert_eq!(count_rows(&lake, Table::RawTrades).await, 8);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_of_another_engine_between_ours_lose_and_double_nothing() {
    on_each(async |place: SharedPlace| {
        let lake = place.open().await;
        let properties = BTreeMap::from([("depthlake.mark".to_owned(), "ours".to_owned())]);
        let first = TableChange { properties, ..samples::append(Table::RawTrades, 0, 5) };
        lake.change(vec![first]).await.unwrap();
        // The second time right behind another engine, and by who has seen nothing before.
        for (lake, range) in [(lake, 5..9), (place.open().await, 9..12)] {
            let before = count_rows(&lake, Table::RawTrades).await;
            let Some(theirs) = place.pyiceberg_doubles(Table::RawTrades) else { return };
            assert_eq!(theirs, before);
            assert_eq!(position(&lake, Table::RawTrades).await, Some(range.start));
            let again = samples::append(Table::RawTrades, range.start - 4, range.start);
            assert_eq!(lake.change(vec![again]).await.unwrap(), Changed::AlreadyCommitted);
            let changed = append(&lake, range.start, range.end).await.unwrap();
            assert!(matches!(changed, Changed::Committed(_)), "{changed:?}");
            assert_eq!(append(&lake, range.start, range.end).await.unwrap(), Changed::AlreadyCommitted);
            assert_eq!(count_rows(&lake, Table::RawTrades).await, 2 * before + range.end - range.start);
            assert_eq!(position(&lake, Table::RawTrades).await, Some(range.end));
            let properties = lake.data_files(Table::RawTrades).await.unwrap().properties;
            assert_eq!(properties["depthlake.mark"], "ours");
        }
        place.assert_pyiceberg_reads(&[(Table::RawTrades, 2 * (2 * 5 + 4) + 3)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_racing_writers_of_one_partition_one_wins() {
    on_each(async |place: SharedPlace| {
        let (first, second) = (place.open().await, place.open().await);
        let mut end = 0;
        for _ in 0..4 {
            // The ends differ, so that the loser cannot take the winner's rows for its own.
            let (one, other) = tokio::join!(append(&first, end, end + 10), append(&second, end, end + 11));
            let (won, lost, length) = if one.is_ok() { (one, other, 10) } else { (other, one, 11) };
            assert!(matches!(won, Ok(Changed::Committed(_))), "{won:?}");
            let error = lost.unwrap_err();
            assert!(
                matches!(error, CommitError::Superseded { .. } | CommitError::PartialOverlap { .. }),
                "{error}"
            );
            end += length;
        }
        assert_eq!(position(&second, Table::RawTrades).await, Some(end));
        assert_eq!(count_rows(&first, Table::RawTrades).await, end);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_other_partitions_share_the_tables() {
    on_each(async |place: SharedPlace| {
        let writers = [(0, place.open().await), (1, place.open().await), (2, place.open().await)];
        let work = writers.map(|(partition, lake)| {
            tokio::spawn(async move {
                for start in 0..5 {
                    let both = [Table::RawTrades, Table::Trades].map(|table| {
                        let mut append = samples::append(table, start, start + 1);
                        append.positions[0].partition = partition;
                        append
                    });
                    while let Err(error) = lake.change(both.to_vec()).await {
                        assert!(matches!(error, CommitError::Contended { .. }), "{error}");
                    }
                }
            })
        });
        for done in work {
            done.await.unwrap();
        }
        let lake = place.open().await;
        for table in [Table::RawTrades, Table::Trades] {
            assert_eq!(count_rows(&lake, table).await, 15);
            let positions = lake.data_files(table).await.unwrap().positions;
            assert_eq!(positions.values().copied().collect::<BTreeSet<_>>(), BTreeSet::from([5]));
            assert_eq!(positions.len(), 3);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_acknowledgement_costs_no_row_and_doubles_none() {
    on_each(async |place: SharedPlace| {
        let Some((lake, connection)) = place.open_through_a_cut().await else { return };
        append(&lake, 0, 5).await.unwrap();
        connection.cut_after_the_next_commit();
        match append(&lake, 5, 9).await {
            Ok(Changed::Committed(_)) | Err(CommitError::Doubtful(_)) => {}
            other => panic!("{other:?}"),
        }
        assert!(connection.was_cut(), "the commit went another way");
        assert_eq!(append(&lake, 5, 9).await.unwrap(), Changed::AlreadyCommitted);
        assert_eq!(count_rows(&lake, Table::RawTrades).await, 9);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_never_arrived_can_be_repeated() {
    on_each(async |place: SharedPlace| {
        let Some((lake, connection)) = place.open_through_a_cut().await else { return };
        append(&lake, 0, 5).await.unwrap();
        connection.cut_before_the_next_commit();
        let error = append(&lake, 5, 9).await.unwrap_err();
        assert!(matches!(error, CommitError::Doubtful(_)), "{error}");
        assert!(connection.was_cut(), "the commit went another way");
        append(&lake, 5, 9).await.unwrap();
        assert_eq!(count_rows(&lake, Table::RawTrades).await, 9);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_listed() {
    on_each(async |place: SharedPlace| {
        let lake = place.open().await;
        append(&lake, 0, 5).await.unwrap();
        let files = lake.data_files(Table::RawTrades).await.unwrap().files;
        let root = lake.warehouse().location().to_owned();
        let folder = files[0].location.strip_prefix(&format!("{root}/")).unwrap();
        let folder = folder.split("/data/").next().unwrap();
        let listed = lake.warehouse().list(folder).await.unwrap();
        let data: Vec<_> = listed.iter().filter(|file| file.location.ends_with(".parquet")).collect();
        assert_eq!(data.len(), 1);
        assert_eq!((&data[0].location, data[0].bytes), (&files[0].location, files[0].bytes));
        assert!(data[0].written_at.is_some());
        let last_bytes = lake.warehouse().read(&data[0].location, data[0].bytes - 4..data[0].bytes).await;
        assert_eq!(last_bytes.unwrap(), "PAR1");
    })
    .await;
}
