//! Marts built bit by bit, beside a lake in which they are built at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, new_null_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field};
use depthlake_lake::bitemporal;
use depthlake_lake::commit::{Lake, TableChange};
use depthlake_lake::model::{BuildError, Builder, Mode, Model, Targets};
use depthlake_lake::table::Table;

use super::{batches, error, rows, value};
use crate::samples::{LakeInFolder, empty_lake};
use crate::session::Session;

const MINUTE: i64 = 60_000_000;
/// 2024-08-08 12:00 in microseconds.
const NOON: i64 = 1_723_118_400_000_000;
const SYMBOLS: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];

/// A trade as it is landed, in microseconds after noon and units of 1e-8.
#[derive(Debug, Clone, Copy)]
struct Trade {
    symbol: usize,
    id: i64,
    time: i64,
    price: i64,
    quantity: i64,
    is_buy: bool,
    published: i64,
}

/// Numbers that look random and repeat themselves.
struct Noise(u64);

impl Noise {
    fn below(&mut self, limit: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// Commits of trades: each of some minutes, and now and then one of a minute long closed.
fn commits(seed: u64, count: i64) -> Vec<Vec<Trade>> {
    let mut noise = Noise(seed);
    let mut ids = [0_i64; 3];
    let commit = |commit: i64| {
        let trades = (0..40).map(|number| {
            let symbol = usize::try_from(noise.below(3)).unwrap();
            ids[symbol] += 1;
            let begun = commit * 3 * MINUTE;
            let is_late = commit > 0 && noise.below(20) == 0;
            let time = if is_late { noise.below(begun) } else { begun + number * 3 * MINUTE / 40 };
            Trade {
                symbol,
                id: ids[symbol],
                time,
                price: (10_000 + noise.below(500)) * 1_000_000,
                quantity: (1 + noise.below(1_000)) * 100_000,
                is_buy: noise.below(2) == 0,
                published: begun + 3 * MINUTE + number,
            }
        });
        trades.collect()
    };
    (0..count).map(commit).collect()
}

/// The bars of trades in the order of their numbers, by the slow way: symbol and minute, then what a bar tells.
fn bars(trades: &[Trade]) -> BTreeMap<(usize, i64), [i128; 9]> {
    let mut sorted = trades.to_vec();
    sorted.sort_by_key(|trade| trade.id);
    let mut bars: BTreeMap<_, [i128; 9]> = BTreeMap::new();
    for trade in sorted {
        let (price, quantity) = (i128::from(trade.price), i128::from(trade.quantity));
        let bought = if trade.is_buy { quantity } else { 0 };
        let bar = bars
            .entry((trade.symbol, trade.time - trade.time % MINUTE))
            .or_insert([price, price, price, price, 0, 0, 0, 0, 0]);
        *bar = [
            bar[0],
            bar[1].max(price),
            bar[2].min(price),
            price,
            bar[4] + quantity,
            bar[5] + price * quantity,
            bar[6] + 1,
            bar[7] + bought,
            bar[8] + price * bought,
        ];
    }
    bars
}

/// Rows of a table from a query. Columns it does not name are null, or zero where they must not be.
async fn table_rows(session: &Session, table: Table, sql: &str) -> Vec<RecordBatch> {
    let schema = if table == Table::Bars { bitemporal::facts_schema(table) } else { table.arrow_schema() };
    let column = |field: &Arc<Field>, rows: &RecordBatch| -> ArrayRef {
        match rows.column_by_name(field.name()) {
            Some(found) => cast(found, field.data_type()).unwrap(),
            None if field.is_nullable() => new_null_array(field.data_type(), rows.num_rows()),
            None => {
                let zeros: ArrayRef =
                    Arc::new(datafusion::arrow::array::Int64Array::from(vec![0; rows.num_rows()]));
                let kind = field.data_type();
                let text = cast(&zeros, &DataType::Utf8).unwrap();
                if *kind == DataType::LargeBinary {
                    cast(&text, kind).unwrap()
                } else {
                    cast(&zeros, kind).unwrap()
                }
            }
        }
    };
    let rows = batches(session, sql).await;
    rows.iter()
        .map(|rows| {
            let columns = schema.fields().iter().map(|field| column(field, rows)).collect();
            RecordBatch::try_new(schema.clone(), columns).unwrap()
        })
        .collect()
}

async fn land(lake: &Lake, session: &Session, table: Table, sql: &str) {
    let mut rows = table_rows(session, table, sql).await;
    if table == Table::Bars {
        for facts in rows {
            lake.change(vec![bitemporal::change(lake, table, &facts).await.unwrap()]).await.unwrap();
        }
        return;
    }
    rows.retain(|batch| batch.num_rows() > 0);
    lake.change(vec![TableChange::append(table, rows, Vec::new())]).await.unwrap();
}

fn time(microseconds: i64) -> String {
    format!("arrow_cast({}, 'Timestamp(Microsecond, Some(\"+00:00\"))')", NOON + microseconds)
}

async fn land_trades(lake: &Lake, session: &Session, trades: &[Trade]) {
    let of = |trade: &Trade| {
        let (time, published) = (time(trade.time), time(trade.published));
        format!(
            "SELECT '{}' AS symbol, 'trade' AS kind, {} AS trade_id, {time} AS trade_time, {time} AS event_time, \
             {published} AS published_at, {published} AS received_at, {} * 1e-8 AS price, {} * 1e-8 AS quantity, \
             '{}' AS taker_side, 0 AS source_partition, {} AS source_offset",
            SYMBOLS[trade.symbol],
            trade.id,
            trade.price,
            trade.quantity,
            if trade.is_buy { "buy" } else { "sell" },
            trade.id,
        )
    };
    let sql: Vec<_> = trades.iter().map(of).collect();
    land(lake, session, Table::Trades, &sql.join(" UNION ALL ")).await;
}

/// What an engine would have published: the bars of the minutes that a commit has closed, without the late trades.
async fn land_bars(lake: &Lake, session: &Session, trades: &[Trade], closed: std::ops::Range<i64>) {
    let mut sql = Vec::new();
    for ((symbol, minute), bar) in
        bars(trades).range((0, 0)..).filter(|((_, minute), _)| closed.contains(minute))
    {
        let published = closed.end + 40_000_000;
        let [open, high, low, close, volume, quote_volume, trades, buys, buy_quote] = bar;
        sql.push(format!(
            "SELECT '{}' AS symbol, {} AS open_time, {} AS close_time, {} AS published_at, {open} * 1e-8 AS open, \
             {high} * 1e-8 AS high, {low} * 1e-8 AS low, {close} * 1e-8 AS close, {volume} * 1e-8 AS volume, \
             {quote_volume} * 1e-16 AS quote_volume, {trades} AS trades, {buys} * 1e-8 AS taker_buy_volume, \
             {buy_quote} * 1e-16 AS taker_buy_quote_volume, 1.0 AS vwap, 0 AS source_partition",
            SYMBOLS[*symbol],
            time(*minute),
            time(minute + MINUTE),
            time(published),
        ));
    }
    if !sql.is_empty() {
        land(lake, session, Table::Bars, &sql.join(" UNION ALL ")).await;
    }
}

struct Building {
    lake: LakeInFolder,
    session: Session,
    builder: Builder,
}

async fn building() -> Building {
    let lake = empty_lake().await;
    let session = Session::new(lake.lake.clone()).unwrap();
    let sql = Arc::new(Session::new(lake.lake.clone()).unwrap());
    let builder = Builder::new(lake.lake.clone(), sql, Targets::default());
    Building { lake, session, builder }
}

impl Building {
    async fn build(&self, mode: Mode) {
        self.builder.build(&[], mode).await.unwrap();
    }

    /// The rows of all marts but what tells when they were built.
    async fn marts(&self) -> [Vec<Vec<String>>; 3] {
        let bars = "SELECT * EXCEPT (sys_from, bar_key) FROM marts.mart_ohlcv ORDER BY symbol, open_time";
        [
            rows(&self.session, bars).await,
            rows(&self.session, "SELECT * FROM marts.mart_liquidity ORDER BY symbol, minute").await,
            rows(&self.session, "SELECT * FROM marts.mart_exchange_health ORDER BY symbol, minute").await,
        ]
    }
}

/// A minute of frames and book states, with silence and a gap now and then.
async fn land_books(lake: &Lake, session: &Session, noise: &mut Noise, commit: i64) {
    let begun = commit * 3 * MINUTE;
    let (mut books, mut frames) = (Vec::new(), Vec::new());
    for (number, symbol) in SYMBOLS.iter().enumerate() {
        if noise.below(5) == 0 {
            continue;
        }
        let mut at = begun + noise.below(20_000_000);
        while at < begun + 3 * MINUTE {
            let (lag, id) = (noise.below(900_000), at / 1_000);
            frames.push(format!(
                "SELECT 'market.raw.orderbook' AS topic, 0 AS \"partition\", {at} AS \"offset\", '{symbol}' AS symbol, \
                 {} AS event_time, {} AS received_at",
                time(at),
                time(at + lag)
            ));
            books.push(format!(
                "SELECT '{symbol}' AS symbol, {} AS event_time, {} AS received_at, {} AS published_at, {id} AS update_id, \
                 CAST({} AS DOUBLE) AS spread_bps, CAST({} AS DOUBLE) AS microprice, CAST({} AS DOUBLE) AS imbalance_5, \
                 CAST(1000.5 AS DOUBLE) AS bid_depth_5bps",
                time(at),
                time(at + lag),
                time(at + lag + 1_000),
                f64::from(u16::try_from(noise.below(1_000)).unwrap()) / 7.0,
                100 + number,
                if noise.below(3) == 0 { "NULL" } else { "0.25" },
            ));
            at += 1 + noise.below(40_000_000);
        }
        if noise.below(3) == 0 {
            let received = begun + noise.below(3 * MINUTE);
            let sql = format!(
                "SELECT 'resync' AS kind, '{symbol}' AS symbol, {} AS received_at, {} AS not_live_ns",
                time(received),
                noise.below(90_000_000) * 1_000
            );
            land(lake, session, Table::FeedEvents, &sql).await;
        }
    }
    if !books.is_empty() {
        land(lake, session, Table::BookTicker, &books.join(" UNION ALL ")).await;
        land(lake, session, Table::RawOrderbookDiffs, &frames.join(" UNION ALL ")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bit_by_bit_and_at_once_give_the_same_marts() {
    for seed in [7] {
        let (bit_by_bit, at_once) = (building().await, building().await);
        let mut landed = Vec::new();
        for (commit, trades) in (0_i64..).zip(commits(seed, 9)) {
            let closed = ((commit - 1) * 3 * MINUTE).max(0)..commit * 3 * MINUTE;
            for place in [&bit_by_bit, &at_once] {
                land_trades(&place.lake.lake, &place.session, &trades).await;
                // Bars of what had come before this commit: its late trades are in none.
                land_bars(&place.lake.lake, &place.session, &landed, closed.clone()).await;
                land_books(
                    &place.lake.lake,
                    &place.session,
                    &mut Noise(seed + commit.unsigned_abs()),
                    commit,
                )
                .await;
            }
            landed.extend(trades);
            bit_by_bit.build(Mode::Incremental).await;
        }
        at_once.build(Mode::Full).await;
        let (ours, twin) = (bit_by_bit.marts().await, at_once.marts().await);
        for (ours, twin) in ours.iter().zip(&twin) {
            assert!(twin.len() > 30, "{twin:?}");
            assert_eq!(ours, twin);
        }
        bit_by_bit.build(Mode::Full).await;
        assert_eq!(bit_by_bit.marts().await, twin);
        corrected_bars_are_those_of_all_trades(&bit_by_bit, &landed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_builds_at_once_build_what_one_does() {
    let (by_two, by_one) = (building().await, building().await);
    let other = Builder::new(
        by_two.lake.lake.clone(),
        Arc::new(Session::new(by_two.lake.lake.clone()).unwrap()),
        Targets::default(),
    );
    let mut landed = Vec::new();
    for (commit, trades) in (0_i64..).zip(commits(11, 4)) {
        let closed = ((commit - 1) * 3 * MINUTE).max(0)..commit * 3 * MINUTE;
        for place in [&by_two, &by_one] {
            land_trades(&place.lake.lake, &place.session, &trades).await;
            land_bars(&place.lake.lake, &place.session, &landed, closed.clone()).await;
            land_books(&place.lake.lake, &place.session, &mut Noise(commit.unsigned_abs()), commit).await;
        }
        landed.extend(trades);
        let ((), built) = tokio::join!(by_two.build(Mode::Incremental), other.build(&[], Mode::Incremental));
        built.unwrap();
        by_one.build(Mode::Incremental).await;
    }
    assert_eq!(by_two.marts().await, by_one.marts().await);
    let doubled = "SELECT symbol, open_time FROM normalized.ohlcv_1m WHERE is_current GROUP BY 1, 2 HAVING count(*) > 1";
    assert!(rows(&by_two.session, doubled).await.is_empty(), "a bar is corrected once");
}

/// Late trades are in the bars that are believed now, and what was believed before can still be asked for.
async fn corrected_bars_are_those_of_all_trades(place: &Building, landed: &[Trade]) {
    let text = |units: i128, places: u32| {
        let unit = 10_i128.pow(places);
        format!("{}.{:0width$}", units / unit, units % unit, width = places as usize)
    };
    let newest =
        value::<i64>(&place.session, "SELECT CAST(max(open_time) AS BIGINT) FROM ohlcv_1m").await - NOON;
    let expected: Vec<Vec<String>> = bars(landed)
        .iter()
        .filter(|((_, minute), _)| *minute < newest)
        .map(|((symbol, minute), bar)| {
            let [open, high, low, close, volume, quote, trades, buys, buy_quote] = *bar;
            let mut row = vec![SYMBOLS[*symbol].to_owned(), (NOON + minute).to_string()];
            row.extend([open, high, low, close, volume].map(|units| text(units, 8)));
            row.extend([text(quote, 16), trades.to_string(), text(buys, 8), text(buy_quote, 16)]);
            row
        })
        .collect();
    let columns = "symbol, CAST(open_time AS BIGINT) AS minute, open, high, low, close, volume, quote_volume, trades, \
                   taker_buy_volume, taker_buy_quote_volume";
    let believed = format!(
        "SELECT {columns} FROM normalized.ohlcv_1m WHERE is_current AND open_time < {} ORDER BY symbol, minute",
        time(newest)
    );
    assert_eq!(rows(&place.session, &believed).await, expected);
    assert!(value::<u64>(&place.session, "SELECT count(*) FROM ohlcv_1m WHERE NOT is_current").await > 3);
    // At any time, one version of each bar was believed, and each begins where the one before ends.
    let holes = "SELECT count(*) FROM (SELECT sys_from, lag(sys_to) OVER (PARTITION BY symbol, open_time ORDER BY \
                 sys_from) AS before FROM ohlcv_1m) WHERE before IS NOT NULL AND before <> sys_from";
    assert_eq!(value::<u64>(&place.session, holes).await, 0);
}

#[tokio::test]
async fn what_was_believed_then_is_one_query() {
    let place = building().await;
    let (lake, session) = (&place.lake.lake, &place.session);
    let trade = |id, price, published| Trade {
        symbol: 0,
        id,
        time: 5_000_000,
        price,
        quantity: 100_000_000,
        is_buy: true,
        published,
    };
    let on_time = [trade(1, 100_000_000, 1), Trade { time: 2 * MINUTE, ..trade(2, 100_000_000, 2) }];
    land_trades(lake, session, &on_time).await;
    land_bars(lake, session, &on_time, 0..3 * MINUTE).await;
    let first = lake.snapshots(Table::Bars).await.unwrap().last().unwrap().clone();
    land_trades(lake, session, &[trade(3, 300_000_000, 3)]).await;
    place.build(Mode::Incremental).await;

    let belief = |moment: &str| {
        format!(
            "SELECT close FROM normalized.ohlcv_1m WHERE open_time = {} AND sys_from <= {moment} AND {moment} < sys_to",
            time(0)
        )
    };
    assert_eq!(rows(session, &belief(&time(10 * MINUTE))).await, [["1.00000000"]]);
    assert_eq!(rows(session, &belief("now()")).await, [["3.00000000"]]);
    assert!(rows(session, &belief(&time(MINUTE))).await.is_empty());
    assert_eq!(rows(session, "SELECT max(close) FROM marts.mart_ohlcv").await, [["3.00000000"]]);

    let then = format!("FROM normalized.ohlcv_1m FOR VERSION AS OF {}", first.snapshot_id);
    assert_eq!(rows(session, &format!("SELECT max(close) {then}")).await, [["1.00000000"]]);
    let named = format!("SELECT count(*) FROM \"ohlcv_1m@{}\" WHERE is_current", first.snapshot_id);
    assert_eq!(value::<u64>(session, &named).await, 2);
    let unkept =
        error(session, "SELECT * FROM normalized.ohlcv_1m FOR TIMESTAMP AS OF '2001-01-01T00:00:00Z'").await;
    assert_eq!(unkept.trino().name, "INVALID_ARGUMENTS", "{unkept}");
}

#[tokio::test]
async fn a_failing_test_leaves_the_mart_as_it_was() {
    let place = building().await;
    let (lake, session) = (&place.lake.lake, &place.session);
    let trades: Vec<_> = commits(3, 2).concat();
    land_trades(lake, session, &trades).await;
    land_bars(lake, session, &trades, 0..3 * MINUTE).await;
    place.build(Mode::Incremental).await;
    let before = place.marts().await;
    // Two versions of one bar that are both current.
    let facts = table_rows(
        session,
        Table::Bars,
        "SELECT * EXCEPT (valid_from, valid_to, sys_from, sys_to, is_current, bar_key) FROM normalized.ohlcv_1m LIMIT 1",
    )
    .await;
    let doubled = facts.iter().map(|facts| bitemporal::opened(Table::Bars, facts).unwrap()).collect();
    lake.change(vec![TableChange::append(Table::Bars, doubled, Vec::new())]).await.unwrap();

    let wanted = ["mart_ohlcv".to_owned()];
    let failed = place.builder.build(&wanted, Mode::Incremental).await.unwrap_err();
    let BuildError::Test(failed) = failed else { panic!("{failed}") };
    assert_eq!(
        (failed.model, failed.what.as_str()),
        ("staging.stg_bars", "(symbol, open_time) is not unique")
    );
    assert_eq!(failed.rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
    assert_eq!(place.marts().await, before);
    let unknown = place.builder.build(&["mart_x".to_owned()], Mode::Full).await.unwrap_err();
    assert!(unknown.to_string().contains("marts.mart_ohlcv"), "{unknown}");
}

/// Lands a frame of the first symbol every second from one time to before another, in microseconds after noon.
async fn land_frames(place: &Building, from: i64, until: i64) {
    let frame = |second: i64| {
        let at = time(second * 1_000_000);
        format!(
            "SELECT 'market.raw.orderbook' AS topic, 0 AS \"partition\", {second} AS \"offset\", '{}' AS symbol, \
             {at} AS event_time, {at} AS received_at",
            SYMBOLS[0]
        )
    };
    let frames: Vec<_> = (from / 1_000_000..until / 1_000_000).map(frame).collect();
    land(&place.lake.lake, &place.session, Table::RawOrderbookDiffs, &frames.join(" UNION ALL ")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minute_is_judged_once_it_is_over() {
    let place = building().await;
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = i64::try_from(since_1970.as_micros()).unwrap() - NOON;
    let running = now - now.rem_euclid(MINUTE);
    let judged = async || {
        place.build(Mode::Incremental).await;
        let sql = "SELECT CAST(minute AS BIGINT), sla_status FROM marts.mart_exchange_health ORDER BY 1";
        rows(&place.session, sql).await
    };
    let well = |minutes: &[i64]| -> Vec<Vec<String>> {
        minutes.iter().map(|minute| vec![(NOON + minute).to_string(), "ok".to_owned()]).collect()
    };
    land_frames(&place, running - 2 * MINUTE, running + MINUTE / 2).await;
    let over = well(&[running - 2 * MINUTE, running - MINUTE]);
    assert_eq!(judged().await, over, "half of the last minute has come");
    assert_eq!(judged().await, over);
    land_frames(&place, running + MINUTE / 2, running + MINUTE).await;
    assert_eq!(judged().await, over, "nothing tells that the last minute is over");
    land_frames(&place, running + MINUTE, running + 2 * MINUTE - 5_000_000).await;
    let over = well(&[running - 2 * MINUTE, running - MINUTE, running]);
    assert_eq!(judged().await, over);
    place.build(Mode::Full).await;
    assert_eq!(judged().await, over);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn minutes_are_judged_by_what_is_promised() {
    let place = building().await;
    let quiet = SYMBOLS[0].parse().unwrap();
    let with = |freshness_of: BTreeMap<_, _>, gaps_per_hour| {
        let sql = Arc::new(Session::new(place.lake.lake.clone()).unwrap());
        let targets = Targets { freshness_of, gaps_per_hour, ..Targets::default() };
        Builder::new(place.lake.lake.clone(), sql, targets)
    };
    for from in [0, 29_000_000] {
        land_frames(&place, from, from + 9_000_000).await;
    }
    land_frames(&place, 40_000_000, 6 * MINUTE).await;
    let gap =
        format!("SELECT 'gap' AS kind, '{}' AS symbol, {} AS received_at", SYMBOLS[0], time(2 * MINUTE));
    land(&place.lake.lake, &place.session, Table::FeedEvents, &gap).await;
    let judged = async |freshness_of, gaps_per_hour| {
        with(freshness_of, gaps_per_hour).build(&[], Mode::Full).await.unwrap();
        let sql = "SELECT sla_status FROM marts.mart_exchange_health ORDER BY minute";
        rows(&place.session, sql).await.concat()
    };
    let patient = || BTreeMap::from([(quiet, std::time::Duration::from_mins(1))]);
    let (ok, breached) = ("ok", "breached");
    assert_eq!(judged(BTreeMap::new(), 60.0).await, [breached, ok, ok, ok, ok, ok]);
    assert_eq!(judged(patient(), 60.0).await, [ok; 6]);
    // One gap within five minutes are twelve an hour.
    assert_eq!(judged(patient(), 6.0).await, [ok, ok, breached, breached, breached, breached]);
}

#[tokio::test]
async fn declarations_say_what_the_queries_are() {
    let place = building().await;
    for model in Model::all() {
        let mut sql = model.sql.to_owned();
        for placeholder in [":reads_from", ":rows_from", ":until"] {
            sql = sql.replace(placeholder, "now()");
        }
        for placeholder in [":promised_freshness_seconds", ":promised_gaps_per_hour", ":gap_minutes"] {
            sql = sql.replace(placeholder, "1");
        }
        let mut read: Vec<_> = place.session.tables_of(&sql).unwrap();
        let mut declared = model.declaration.reads.clone();
        read.sort();
        declared.sort();
        assert_eq!(read, declared, "{model}");

        let shown = place.session.sql(&model.view(&Targets::default())).await.unwrap().schema();
        let declaration = &model.declaration;
        let tested = declaration.tests.not_null.iter().chain(declaration.tests.accepted_values.keys());
        let related = declaration.tests.relationships.iter().map(|relationship| &relationship.column);
        for column in declaration.key.iter().chain(tested).chain(related) {
            assert!(shown.column_with_name(column).is_some(), "{model} has no {column}: {shown:?}");
        }
        if let Some(incremental) = &declaration.incremental {
            let table: Table = model.name.parse().unwrap();
            let names = |schema: &datafusion::arrow::datatypes::Schema| -> Vec<String> {
                schema.fields().iter().map(|field| field.name().clone()).collect()
            };
            assert_eq!(names(&shown), names(&table.arrow_schema()), "{model}");
            assert!(declaration.key.contains(&incremental.minute), "{model}");
            assert!(incremental.freshness_seconds > 60, "{model}");
            for touch in &incremental.touched_by {
                let until = touch.until.as_ref().unwrap_or(&touch.from);
                let sql = format!("SELECT {}, {until} AS last FROM {}", touch.from, touch.table);
                assert!(place.session.sql(&sql).await.is_ok(), "{model}: {sql}");
            }
        }
    }
}
