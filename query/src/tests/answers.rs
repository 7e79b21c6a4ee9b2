//! Filters, joins and aggregates over files of several days, commits and pages.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use depthlake_lake::table::Table;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::{rows, value};
use crate::samples::{AUGUST_8, LakeInFolder, SYMBOLS, Trade, append, empty_lake, trades};
use crate::session::Session;

/// A lake of two commits. The first is large enough that the pages of its files are pruned too.
struct Fixture {
    runtime: Runtime,
    session: Session,
    trades: Vec<Trade>,
    _lake: LakeInFolder,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let all = trades(0, 130_000);
    let lake = runtime.block_on(async {
        let lake = empty_lake().await;
        append(&lake.lake, Table::Trades, &all[..120_000]).await;
        append(&lake.lake, Table::Trades, &all[120_000..]).await;
        append(&lake.lake, Table::RawTrades, &all[..3_000]).await;
        lake
    });
    let session = Session::new(lake.lake.clone()).unwrap();
    Fixture { runtime, session, trades: all, _lake: lake }
});

/// A condition in SQL and in Rust.
#[derive(Debug, Clone)]
enum Condition {
    Symbol(usize),
    PriceAbove(i64),
    PriceIs(i64),
    QuantityBelow(i128),
    Between(i64, i64),
    IdIn(Vec<i64>),
    FirstIdIsNull,
    FirstIdBelow(i64),
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
}

impl Condition {
    fn sql(&self) -> String {
        let time = |offset: &i64| format!("to_timestamp_micros({})", AUGUST_8 + offset);
        match self {
            Self::Symbol(index) => format!("symbol = '{}'", SYMBOLS[*index]),
            Self::PriceAbove(price) => format!("price > {}", decimal((*price).into())),
            Self::PriceIs(price) => format!("price = {}", decimal((*price).into())),
            Self::QuantityBelow(quantity) => format!("quantity < {}", decimal(*quantity)),
            Self::Between(from, to) => format!("event_time >= {} AND event_time < {}", time(from), time(to)),
            Self::IdIn(ids) => format!("trade_id IN ({})", list(ids)),
            Self::FirstIdIsNull => "first_trade_id IS NULL".to_owned(),
            Self::FirstIdBelow(id) => format!("first_trade_id < {id}"),
            Self::Not(condition) => format!("NOT ({})", condition.sql()),
            Self::And(left, right) => format!("({}) AND ({})", left.sql(), right.sql()),
            Self::Or(left, right) => format!("({}) OR ({})", left.sql(), right.sql()),
        }
    }

    /// As SQL has it, `None` is unknown.
    fn holds(&self, trade: &Trade) -> Option<bool> {
        match self {
            Self::Symbol(index) => Some(trade.symbol == SYMBOLS[*index]),
            Self::PriceAbove(price) => Some(trade.price > *price),
            Self::PriceIs(price) => Some(trade.price == *price),
            Self::QuantityBelow(quantity) => Some(trade.quantity < *quantity),
            Self::Between(from, to) => Some((AUGUST_8 + from..AUGUST_8 + to).contains(&trade.time)),
            Self::IdIn(ids) => Some(ids.contains(&trade.id)),
            Self::FirstIdIsNull => Some(trade.first_id.is_none()),
            Self::FirstIdBelow(id) => trade.first_id.map(|first| first < *id),
            Self::Not(condition) => condition.holds(trade).map(|holds| !holds),
            Self::And(left, right) => match (left.holds(trade), right.holds(trade)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (left, right) => left.and(right),
            },
            Self::Or(left, right) => match (left.holds(trade), right.holds(trade)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (left, right) => left.and(right),
            },
        }
    }
}

fn condition() -> impl Strategy<Value = Condition> {
    let day = 86_400_000_000_i64;
    let leaf = prop_oneof![
        (0..SYMBOLS.len()).prop_map(Condition::Symbol),
        (-1_i64..100_000_000_000).prop_map(Condition::PriceAbove),
        (0..130_000_usize).prop_map(|index| Condition::PriceIs(FIXTURE.trades[index].price)),
        (0..1_000_000_007_000_000_000_i128).prop_map(Condition::QuantityBelow),
        (-day..4 * day, 0..2 * day).prop_map(|(from, length)| Condition::Between(from, from + length)),
        prop::collection::vec(0..131_000_i64, 1..5).prop_map(Condition::IdIn),
        Just(Condition::FirstIdIsNull),
        (0..66_000_i64).prop_map(Condition::FirstIdBelow),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|condition| Condition::Not(condition.into())),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Condition::And(a.into(), b.into())),
            (inner.clone(), inner).prop_map(|(a, b)| Condition::Or(a.into(), b.into())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn filters_find_what_a_scan_of_all_rows_finds(condition in condition()) {
        let fixture = &*FIXTURE;
        let found: Vec<_> = fixture.trades.iter().filter(|trade| condition.holds(trade) == Some(true)).collect();
        let expected = vec![vec![
            found.len().to_string(),
            found.iter().map(|trade| trade.id).sum::<i64>().to_string(),
            decimal(found.iter().map(|trade| i128::from(trade.price)).sum()),
        ]];
        let sql = format!(
            "SELECT count(*), coalesce(sum(trade_id), 0), coalesce(sum(price), 0.00000000) \
             FROM normalized.trades WHERE {}",
            condition.sql()
        );
        prop_assert_eq!(fixture.runtime.block_on(rows(&fixture.session, &sql)), expected);
    }
}

#[test]
fn groups_add_up_exactly() {
    let mut expected = BTreeMap::<_, (i64, i128, i64, i64)>::new();
    for trade in &FIXTURE.trades {
        let group = expected.entry(trade.symbol).or_insert((0, 0, i64::MAX, i64::MIN));
        *group = (group.0 + 1, group.1 + trade.quantity, group.2.min(trade.price), group.3.max(trade.price));
    }
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(symbol, (count, quantity, low, high))| {
            vec![
                symbol.to_owned(),
                count.to_string(),
                decimal(quantity),
                decimal(low.into()),
                decimal(high.into()),
            ]
        })
        .collect();
    let sql = "SELECT symbol, count(*), sum(quantity), min(price), max(price) \
               FROM normalized.trades GROUP BY symbol ORDER BY symbol";
    assert_eq!(FIXTURE.runtime.block_on(rows(&FIXTURE.session, sql)), expected);
}

#[test]
fn a_join_of_two_tables_matches_each_row_once() {
    let raw = &FIXTURE.trades[..3_000];
    let notional: i128 = raw.iter().map(|trade| i128::from(trade.price)).sum();
    let sql = "SELECT count(*), sum(t.price) FROM raw.trades r \
               JOIN normalized.trades t ON t.trade_id = r.\"offset\" AND t.symbol = r.symbol \
               WHERE CAST(r.payload AS VARCHAR) = '{\"t\":' || t.trade_id || '}'";
    let expected = vec![vec!["3000".to_owned(), decimal(notional)]];
    assert_eq!(FIXTURE.runtime.block_on(rows(&FIXTURE.session, sql)), expected);
}

#[test]
fn the_latest_row_of_each_symbol() {
    let latest = SYMBOLS.map(|symbol| {
        let of_symbol = FIXTURE.trades.iter().filter(|trade| trade.symbol == symbol);
        let last = of_symbol.max_by_key(|trade| (trade.time, trade.id)).unwrap();
        vec![symbol.to_owned(), last.id.to_string()]
    });
    let sql = "SELECT symbol, trade_id FROM normalized.trades \
               QUALIFY row_number() OVER (PARTITION BY symbol ORDER BY event_time DESC, trade_id DESC) = 1 \
               ORDER BY symbol";
    assert_eq!(FIXTURE.runtime.block_on(rows(&FIXTURE.session, sql)), latest);
}

#[test]
fn times_compare_with_literals_of_any_kind() {
    let count = |condition: &str| -> usize {
        let sql = format!("SELECT count(*) FROM normalized.trades WHERE {condition}");
        FIXTURE.runtime.block_on(value(&FIXTURE.session, &sql))
    };
    let day = 86_400_000_000;
    let first_day = FIXTURE.trades.iter().filter(|trade| trade.time < AUGUST_8 + day).count();
    assert_eq!(count("event_time < '2024-08-09'"), first_day);
    assert_eq!(count("event_time < DATE '2024-08-09'"), first_day);
    assert_eq!(count("event_time < TIMESTAMP '2024-08-09 00:00:00'"), first_day);
    assert_eq!(count("event_time < '2024-08-09T02:00:00+02:00'"), first_day);
    assert_eq!(count("date_trunc('day', event_time) = '2024-08-08'"), first_day);
    assert_eq!(count("event_time > now() - INTERVAL '1 day'"), 0);
}

#[test]
fn numbers_with_a_point_are_exact() {
    let answer = |sql: &str| FIXTURE.runtime.block_on(rows(&FIXTURE.session, sql)).concat().concat();
    assert_eq!(answer("SELECT 0.1 + 0.2 = 0.3"), "true");
    assert_eq!(answer("SELECT 123456789.12345678"), "123456789.12345678");
}

#[test]
fn nulls_come_last_in_either_order() {
    for order in ["ASC", "DESC"] {
        let sql = format!("SELECT x FROM (VALUES (1), (NULL), (2)) AS t (x) ORDER BY x {order}");
        let found = FIXTURE.runtime.block_on(rows(&FIXTURE.session, &sql)).concat();
        assert_eq!(found.last().map(String::as_str), Some(""), "{order}");
    }
}

#[test]
fn counting_all_rows_reads_no_file() {
    let plan = |sql: &str| FIXTURE.runtime.block_on(rows(&FIXTURE.session, sql)).concat().concat();
    let count = plan("EXPLAIN SELECT count(*) FROM normalized.trades");
    assert!(count.contains("PlaceholderRowExec") && !count.contains("DataSourceExec"), "{count}");
    let filtered = plan("EXPLAIN SELECT trade_id FROM normalized.trades WHERE symbol = 'BTCUSDT'");
    assert!(filtered.contains("predicate=symbol") && !filtered.contains("FilterExec"), "{filtered}");
}

/// The rows that one aggregate needs must not be passed over because another needs no more.
#[test]
fn extremes_beside_each_other_are_those_of_all_rows() {
    let of_eth = FIXTURE.trades.iter().filter(|trade| trade.symbol == "ETHUSDT").map(|trade| trade.id);
    let expected = [of_eth.min().unwrap().to_string(), "129999".to_owned()];
    let sql =
        "SELECT min(CASE WHEN symbol = 'ETHUSDT' THEN trade_id END), max(trade_id) FROM normalized.trades";
    assert_eq!(FIXTURE.runtime.block_on(rows(&FIXTURE.session, sql)).concat(), expected);
}

fn decimal(units: i128) -> String {
    let sign = if units < 0 { "-" } else { "" };
    format!("{sign}{}.{:08}", units.abs() / 100_000_000, units.abs() % 100_000_000)
}

fn list(numbers: &[i64]) -> String {
    numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}
