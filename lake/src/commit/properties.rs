//! What a table says of itself that Iceberg does not know of: names that begin with `depthlake.` in the summaries of its
//! snapshots.
//!
//! Each snapshot of ours says all of it. One of another engine says nothing of it, and then what the nearest snapshot before
//! says still holds: nobody but us changes it. A server that keeps the metadata may give nobody any snapshot but the current
//! one, so on servers the table says all of it, too, by properties of its own, which other engines leave alone.

use std::collections::{BTreeMap, HashMap};

use iceberg::spec::{SnapshotRef, TableMetadata};

/// With this the names begin.
pub(super) const PROPERTY_PREFIX: &str = "depthlake.";

/// The nearest snapshot, from one on back, that says anything; `None` where none that is kept does.
pub(super) fn telling(metadata: &TableMetadata, from: &SnapshotRef) -> Option<SnapshotRef> {
    let before = |snapshot: &SnapshotRef| metadata.snapshot_by_id(snapshot.parent_snapshot_id()?).cloned();
    let mut line = std::iter::successors(Some(from.clone()), before).take(metadata.snapshots().len());
    line.find(|snapshot| own(&snapshot.summary().additional_properties).next().is_some())
}

/// What a table says with a snapshot.
pub(super) fn properties_of(metadata: &TableMetadata, snapshot: &SnapshotRef) -> BTreeMap<String, String> {
    let is_current = metadata.current_snapshot_id() == Some(snapshot.snapshot_id());
    let telling = telling(metadata, snapshot);
    let said = match &telling {
        Some(telling) => &telling.summary().additional_properties,
        None if is_current => metadata.properties(),
        None => return BTreeMap::new(),
    };
    own(said).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What is said in our names.
pub(super) fn own(all: &HashMap<String, String>) -> impl Iterator<Item = (&String, &String)> {
    all.iter().filter(|(name, _)| name.starts_with(PROPERTY_PREFIX))
}

#[cfg(test)]
mod tests {
    use iceberg::spec::{MAIN_BRANCH, Operation, Snapshot, Summary};

    use super::*;
    use crate::commit::new_metadata;
    use crate::table::Table;

    /// A table with a snapshot for each of these, which says so much.
    fn table(said: &[Option<&str>]) -> TableMetadata {
        let mut metadata = new_metadata(Table::MartOhlcv, "file:///lake/table".to_owned()).unwrap();
        for (id, said) in (1..).zip(said) {
            let of_engine = [("total-records".to_owned(), "7".to_owned())];
            let said = said.map(|value| ("depthlake.built.x".to_owned(), value.to_owned()));
            let snapshot = Snapshot::builder()
                .with_snapshot_id(id)
                .with_parent_snapshot_id((id > 1).then(|| id - 1))
                .with_sequence_number(id)
                .with_timestamp_ms(metadata.last_updated_ms() + 1)
                .with_manifest_list(format!("file:///lake/table/{id}.avro"))
                .with_summary(Summary {
                    operation: Operation::Append,
                    additional_properties: of_engine.into_iter().chain(said).collect::<HashMap<_, _>>(),
                })
                .with_schema_id(metadata.current_schema_id())
                .build();
            let builder = metadata.into_builder(None).set_branch_snapshot(snapshot, MAIN_BRANCH).unwrap();
            metadata = builder.build().unwrap().metadata;
        }
        metadata
    }

    fn said(metadata: &TableMetadata) -> BTreeMap<String, String> {
        properties_of(metadata, metadata.current_snapshot().unwrap())
    }

    #[test]
    fn what_was_said_holds_through_the_snapshots_of_others() {
        let nine = BTreeMap::from([("depthlake.built.x".to_owned(), "9".to_owned())]);
        for line in [&[Some("8"), Some("9")][..], &[Some("9"), None], &[Some("8"), Some("9"), None, None]] {
            assert_eq!(said(&table(line)), nine, "{line:?}");
        }
        assert_eq!(said(&table(&[None, None])), BTreeMap::new());
    }

    #[test]
    fn what_nobody_keeps_any_more_is_not_known() {
        let metadata = table(&[Some("9"), None, None]);
        let built = metadata.into_builder(None).remove_snapshots(&[1]).build().unwrap();
        assert_eq!(said(&built.metadata), BTreeMap::new());
    }

    #[test]
    fn a_table_whose_server_gives_one_snapshot_says_it_itself() {
        let says = |value: &str| HashMap::from([("depthlake.built.x".to_owned(), value.to_owned())]);
        let metadata = table(&[Some("8"), None]).into_builder(None).set_properties(says("9")).unwrap();
        let metadata = metadata.build().unwrap().metadata;
        assert_eq!(said(&metadata)["depthlake.built.x"], "8", "a snapshot knows better");
        let only = metadata.clone().into_builder(None).remove_snapshots(&[1]).build().unwrap().metadata;
        assert_eq!(said(&only)["depthlake.built.x"], "9");
        let past = metadata.snapshot_by_id(1).unwrap();
        let later = table(&[None, None]);
        assert_eq!(properties_of(&later, later.snapshot_by_id(1).unwrap()), BTreeMap::new());
        assert_eq!(properties_of(&metadata, past)["depthlake.built.x"], "8");
    }
}
