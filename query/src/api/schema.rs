//! What answers look like, for the description of the API. Answers that are asked for often are written by hand: a test
//! compares what is really sent with what stands here.
#![expect(dead_code, reason = "types that describe what is written by hand")]

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// An error, as RFC 9457 has it.
#[derive(ToSchema)]
pub(crate) struct ProblemAnswer {
    /// What kind of error, such as `urn:depthlake:problem:unknown-symbol`.
    r#type: String,
    title: String,
    status: u16,
    /// What was wrong, in a sentence.
    detail: String,
    /// What was asked.
    instance: String,
    request_id: Option<String>,
    /// Of an unknown symbol: names that come near.
    nearest: Option<Vec<String>>,
    /// Of a query: Trino's name of the error.
    error_name: Option<String>,
    error_code: Option<i64>,
    /// Of a query: where in its text.
    line: Option<u64>,
    column: Option<u64>,
}

#[derive(ToSchema)]
pub(crate) struct SymbolsAnswer {
    symbols: Vec<SymbolEntry>,
}

#[derive(ToSchema)]
pub(crate) struct SymbolEntry {
    /// The venue's name.
    symbol: String,
    venue: String,
    /// The currency that is traded; absent where the venue has not told.
    base: Option<String>,
    /// The currency that it is paid in.
    quote: Option<String>,
    /// The smallest step between prices, an exact decimal.
    tick_size: String,
    /// The smallest step between quantities.
    step_size: String,
    state: BookState,
}

/// Whether a book may be relied on.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum BookState {
    Waiting,
    Live,
    Resyncing,
    Stale,
    Halted,
    Offline,
}

#[derive(ToSchema)]
pub(crate) struct TickersAnswer {
    tickers: Vec<TickerAnswer>,
}

/// Prices and quantities are exact decimals; null while the book has none.
#[derive(ToSchema)]
pub(crate) struct TickerAnswer {
    symbol: String,
    #[schema(required)]
    bid: Option<String>,
    #[schema(required)]
    bid_quantity: Option<String>,
    #[schema(required)]
    ask: Option<String>,
    #[schema(required)]
    ask_quantity: Option<String>,
    #[schema(required)]
    mid: Option<f64>,
    #[schema(required)]
    spread_bps: Option<f64>,
    /// Of the best five levels, from -1 (only asks) to 1 (only bids).
    #[schema(required)]
    imbalance: Option<f64>,
    #[schema(required)]
    microprice: Option<f64>,
    /// The venue's number of the last change.
    update_id: u64,
    #[schema(required)]
    event_time: Option<String>,
    #[schema(required)]
    receive_time: Option<String>,
    /// When the live book was written.
    #[schema(required)]
    publish_time: Option<String>,
    #[schema(required)]
    age_ms: Option<f64>,
    state: BookState,
    #[schema(required)]
    updates_per_second: Option<f64>,
    #[schema(required)]
    last_price: Option<String>,
    /// The last price against that a day ago: 0.01 is one per cent more.
    #[schema(required)]
    change_24h: Option<f64>,
}

#[derive(ToSchema)]
pub(crate) struct BookAnswer {
    symbol: String,
    update_id: u64,
    #[schema(required)]
    event_time: Option<String>,
    #[schema(required)]
    receive_time: Option<String>,
    state: BookState,
    /// Price and quantity, best first.
    bids: Vec<Vec<String>>,
    asks: Vec<Vec<String>>,
    horizon: HorizonAnswer,
}

/// Beyond these prices the book is unknown; null where the side is known entirely.
#[derive(ToSchema)]
pub(crate) struct HorizonAnswer {
    #[schema(required)]
    bid: Option<String>,
    #[schema(required)]
    ask: Option<String>,
}

#[derive(ToSchema)]
pub(crate) struct BarsAnswer {
    symbol: String,
    interval: String,
    /// Oldest first.
    bars: Vec<BarAnswer>,
    /// For `before`, where there may be older ones.
    next: Option<String>,
}

#[derive(ToSchema)]
pub(crate) struct BarAnswer {
    open_time: String,
    /// Exclusive.
    close_time: String,
    open: String,
    high: String,
    low: String,
    close: String,
    volume: String,
    quote_volume: String,
    taker_buy_volume: String,
    #[schema(required)]
    vwap: Option<f64>,
    trades: u64,
    /// False while the bar may still change.
    is_final: bool,
}

#[derive(ToSchema)]
pub(crate) struct TradesAnswer {
    symbol: String,
    /// Newest first.
    trades: Vec<TradeAnswer>,
    /// For `before`, where there may be older ones.
    next: Option<String>,
}

#[derive(ToSchema)]
pub(crate) struct TradeAnswer {
    trade_id: u64,
    /// `trade`, or `agg_trade` for an aggregate of the trades of one taker order at one price.
    kind: String,
    price: String,
    quantity: String,
    buyer_is_maker: bool,
    trade_time: String,
    event_time: String,
    receive_time: String,
}

#[derive(ToSchema)]
pub(crate) struct LiquidityAnswer {
    symbol: String,
    /// Rows of `marts.mart_liquidity`, oldest first.
    rows: Vec<LiquidityRow>,
    /// The last row there is.
    #[schema(required)]
    latest: Option<LiquidityRow>,
}

#[derive(ToSchema)]
pub(crate) struct LiquidityRow {
    symbol: String,
    minute: String,
    updates: u64,
    covered_seconds: f64,
    #[schema(required)]
    spread_bps: Option<f64>,
    #[schema(required)]
    imbalance: Option<f64>,
    #[schema(required)]
    bid_depth_5bps: Option<f64>,
    #[schema(required)]
    bid_depth_10bps: Option<f64>,
    #[schema(required)]
    bid_depth_25bps: Option<f64>,
    #[schema(required)]
    ask_depth_5bps: Option<f64>,
    #[schema(required)]
    ask_depth_10bps: Option<f64>,
    #[schema(required)]
    ask_depth_25bps: Option<f64>,
    #[schema(required)]
    microprice: Option<f64>,
    #[schema(required)]
    last_microprice: Option<f64>,
}

#[derive(ToSchema)]
pub(crate) struct HealthAnswer {
    /// ok, degraded or failing.
    status: String,
    time: String,
    service_levels: Vec<ServiceLevelAnswer>,
    symbols: Vec<SymbolHealthAnswer>,
    lake: LakeHealthAnswer,
    /// Why it is not well; empty where it is.
    reasons: Vec<String>,
}

#[derive(ToSchema)]
pub(crate) struct ServiceLevelAnswer {
    name: String,
    target: f64,
    #[schema(required)]
    value: Option<f64>,
    unit: String,
    status: String,
    since: String,
}

#[derive(ToSchema)]
pub(crate) struct SymbolHealthAnswer {
    symbol: String,
    state: String,
    #[schema(required)]
    age_ms: Option<f64>,
    status: String,
}

#[derive(ToSchema)]
pub(crate) struct LakeHealthAnswer {
    #[schema(required)]
    last_commit: Option<String>,
    #[schema(required)]
    commit_age_ms: Option<f64>,
    #[schema(required)]
    waiting_records: Option<u64>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ReadyAnswer {
    pub(crate) ready: bool,
    /// Why not.
    pub(crate) reasons: Vec<String>,
}

#[derive(ToSchema)]
pub(crate) struct TicketAnswer {
    ticket: String,
    /// Whose it is.
    user: String,
    /// Whether users are configured, so that there is somebody to log out.
    asks_for_login: bool,
}

#[derive(ToSchema)]
pub(crate) struct ReplayAnswer {
    symbol: String,
    /// The time asked for.
    at: String,
    update_id: u64,
    #[schema(required)]
    event_time: Option<String>,
    #[schema(required)]
    receive_time: Option<String>,
    state: BookState,
    bids: Vec<Vec<String>>,
    asks: Vec<Vec<String>>,
    horizon: HorizonAnswer,
    /// The first time that can be replayed.
    earliest: String,
    /// The last.
    latest: String,
}

#[derive(ToSchema)]
pub(crate) struct ReplayRangeAnswer {
    symbol: String,
    from: String,
    to: String,
    step_ms: u64,
    earliest: String,
    latest: String,
    frames: Vec<ReplayFrame>,
}

#[derive(ToSchema)]
pub(crate) struct ReplayFrame {
    at: String,
    update_id: u64,
    state: BookState,
    bids: Vec<Vec<String>>,
    asks: Vec<Vec<String>>,
}

#[derive(ToSchema)]
pub(crate) struct LakeAnswer {
    tables: Vec<TableAnswer>,
    jobs: Vec<JobAnswer>,
    #[schema(required)]
    last_ingestion: Option<String>,
    total_records: u64,
}

#[derive(ToSchema)]
pub(crate) struct TableAnswer {
    table: String,
    comment: String,
    rows: u64,
    bytes: u64,
    files: u64,
    snapshots: u64,
    #[schema(required)]
    last_commit: Option<String>,
}

/// Something that is done to the lake again and again.
#[derive(ToSchema)]
pub(crate) struct JobAnswer {
    name: String,
    #[schema(required)]
    last_run: Option<String>,
    #[schema(required)]
    duration_ms: Option<f64>,
    /// `done` or `failed` where the last run was in this process; `committed` where only the tables tell of it; `never`.
    outcome: String,
    /// Why it failed.
    #[schema(required)]
    detail: Option<String>,
    /// What the last run did.
    done: BTreeMap<String, u64>,
    /// What all runs did since the process began.
    total: BTreeMap<String, u64>,
}

#[derive(ToSchema)]
pub(crate) struct VolumeAnswer {
    days: Vec<VolumeDay>,
}

#[derive(ToSchema)]
pub(crate) struct VolumeDay {
    day: String,
    table: String,
    rows: u64,
}

/// Rows of any table: a value for each column.
#[derive(ToSchema)]
pub(crate) struct RowsAnswer {
    table: String,
    columns: Vec<ColumnAnswer>,
    rows: Vec<Vec<serde_json::Value>>,
}

#[derive(ToSchema)]
pub(crate) struct ColumnAnswer {
    name: String,
    /// The type, as Trino writes it.
    r#type: String,
}

#[derive(ToSchema)]
pub(crate) struct DeadLettersAnswer {
    /// Newest first.
    dead_letters: Vec<DeadLetterAnswer>,
}

#[derive(ToSchema)]
pub(crate) struct DeadLetterAnswer {
    time: String,
    topic: String,
    partition: i64,
    offset: i64,
    #[schema(required)]
    symbol: Option<String>,
    reason: String,
    detail: String,
    /// The first bytes, as text.
    payload: String,
    payload_bytes: u64,
}

#[derive(ToSchema)]
pub(crate) struct ReconciliationAnswer {
    /// Rows of `ops.recon_breaks`, newest first.
    breaks: Vec<BreakAnswer>,
}

#[derive(ToSchema)]
pub(crate) struct BreakAnswer {
    found_at: String,
    layer: String,
    class: String,
    table_name: String,
    key: String,
    #[schema(required)]
    column_name: Option<String>,
    #[schema(required)]
    expected: Option<String>,
    #[schema(required)]
    found: Option<String>,
    #[schema(required)]
    relative_difference: Option<f64>,
    detail: String,
    #[schema(required)]
    repaired_at: Option<String>,
}

#[derive(ToSchema)]
pub(crate) struct SqlAnswer {
    columns: Vec<ColumnAnswer>,
    rows: Vec<Vec<serde_json::Value>>,
    elapsed_ms: f64,
    /// Whether there are more rows than were asked for.
    truncated: bool,
}
