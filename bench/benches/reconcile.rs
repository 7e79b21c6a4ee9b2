//! What reconciling costs a row: rows of `normalized.trades` that are as expected, in another order, and such of which one in a
//! thousand is missing, there twice or has another price.

use std::hint::black_box;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    new_null_array,
};
use arrow_schema::{DataType, Field};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use depthlake_lake::reconcile::Comparison;
use depthlake_lake::table::Table;

/// As many messages are derived again at a time.
const ROWS: i64 = 200_000;
/// 2024-08-08, in microseconds.
const AUGUST_8: i64 = 1_723_075_200_000_000;
const KEY: [&str; 4] = ["symbol", "kind", "trade_id", "source_offset"];

/// Trades with these numbers, each of a price that follows from its number.
fn trades(numbers: &[i64], price: impl Fn(i64) -> i128) -> RecordBatch {
    let column = |field: &Arc<Field>| -> ArrayRef {
        match field.data_type() {
            _ if field.is_nullable() => new_null_array(field.data_type(), numbers.len()),
            DataType::Utf8 if field.name() == "symbol" => {
                let symbol = |number: &i64| ["BTCUSDT", "ETHUSDT"][usize::from(*number % 3 == 0)];
                Arc::new(StringArray::from_iter_values(numbers.iter().map(symbol)))
            }
            DataType::Utf8 => Arc::new(StringArray::from_iter_values(numbers.iter().map(|_| "trade"))),
            DataType::Int32 => Arc::new(Int32Array::from(vec![3; numbers.len()])),
            DataType::Int64 => Arc::new(Int64Array::from(numbers.to_vec())),
            DataType::Timestamp(..) => {
                let times = numbers.iter().map(|number| AUGUST_8 + number * 431);
                Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("+00:00"))
            }
            DataType::Decimal128(precision, scale) => {
                let units = Decimal128Array::from_iter_values(numbers.iter().map(|number| price(*number)));
                Arc::new(units.with_precision_and_scale(*precision, *scale).expect("the scale of the column"))
            }
            other => panic!("no values of {other}"),
        }
    };
    let schema = Table::Trades.arrow_schema();
    let columns = schema.fields().iter().map(column).collect();
    RecordBatch::try_new(schema, columns).expect("rows of the table")
}

const fn fair(number: i64) -> i128 {
    6_000_000_000_000 + number as i128 * 7
}

fn compare(criterion: &mut Criterion) {
    let comparison = Comparison { key: &KEY, ignored: &["published_at"], tolerance: 1e-4 };
    let numbers: Vec<i64> = (0..ROWS).collect();
    let expected = trades(&numbers, fair);
    let mut elsewhere = numbers.clone();
    elsewhere.sort_by_key(|number| (number % 3 == 0, *number));
    let right = trades(&elsewhere, fair);
    let damaged: Vec<i64> = elsewhere.iter().copied().filter(|number| number % 1_000 != 1).collect();
    let doubled: Vec<i64> = damaged.iter().copied().filter(|number| number % 1_000 == 2).collect();
    let dearer = |number: i64| if number % 1_000 == 3 { fair(number) * 2 } else { fair(number) };
    let wrong = trades(&[damaged, doubled].concat(), dearer);
    let mut group = criterion.benchmark_group("reconcile");
    group.throughput(Throughput::Elements(ROWS.unsigned_abs()));
    for (name, found) in [("rows that agree", &right), ("one in 333 differs", &wrong)] {
        group.bench_function(name, |bencher| {
            bencher
                .iter(|| comparison.differences(black_box(&expected), black_box(found)).expect("compared"));
        });
    }
    group.finish();
}

criterion_group!(benches, compare);
criterion_main!(benches);
