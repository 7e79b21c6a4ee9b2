//! A real registry, and servers that are none.

mod absent;
mod real;

use depthlake_orderbook::record::{Derived, RecordKind, Trigger};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::*;
use crate::log::{Partition, Record, StoredRecord, TopicPartition};
use crate::record::samples::derived;
use crate::record::tests::stored;
use crate::record::{Contracts, Rows};

/// A record of every schema, in their order.
fn one_of_each() -> [(Trigger, Derived); 5] {
    let mut runner = TestRunner::deterministic();
    RecordKind::ALL.map(|kind| {
        loop {
            let (trigger, record) = derived().new_tree(&mut runner).unwrap().current();
            if record.kind() == kind {
                return (trigger, record);
            }
        }
    })
}

fn place_of(schema: Schema) -> TopicPartition {
    TopicPartition::new(schema.topic(), Partition(0))
}

/// The id in the frame of a value.
fn framed_id(record: &Record) -> u32 {
    u32::from_be_bytes(record.value[1..5].try_into().unwrap())
}

fn with_id(record: &Record, id: u32) -> Record {
    let value = [&[0][..], &id.to_be_bytes(), &record.value[5..]].concat();
    Record { value: value.into(), ..record.clone() }
}

/// The rows of records, all of which must be read.
fn rows_of(contracts: &Contracts, schema: Schema, records: &[Record]) -> arrow_array::RecordBatch {
    let records: Vec<StoredRecord> =
        (0..).zip(records).map(|(offset, record)| stored(offset, record.clone())).collect();
    let Rows { batch, unusable, .. } = contracts.rows(place_of(schema), &records).unwrap();
    assert_eq!((batch.num_rows(), unusable), (records.len(), vec![]));
    batch
}
