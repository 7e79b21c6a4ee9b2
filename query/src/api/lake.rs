//! What the lake holds, for an overview, and marts as they are.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use depthlake_engine::clock;
use depthlake_lake::table::Table;
use depthlake_orderbook::time::Timestamp;
use serde::Deserialize;

use super::authentication::Asker;
use super::extract::{Name, Parameters, time_of, within};
use super::jobs::write_jobs;
use super::market::known_symbol;
use super::problem::Problem;
use super::reference::sql_time;
use super::rows::{Written, ask_as, session_of, write_objects};
use super::schema::{
    DeadLettersAnswer, LakeAnswer, LiquidityAnswer, ProblemAnswer, ReconciliationAnswer, RowsAnswer,
    VolumeAnswer,
};
use super::sql::write_columns;
use super::state::ApiState;
use super::{TAG_LAKE, TAG_MARKET, answer};
use crate::access::Principal;
use crate::catalog::CATALOG;
use crate::json_text::{JsonText, rfc3339};

const MOST_ROWS: usize = 1_000;
const MOST_DAYS: usize = 365;
const DAY: i64 = 86_400_000_000_000;

/// Minutes of liquidity that one request may ask for: a week.
const MOST_MINUTES: usize = 7 * 1_440;

/// Characters of a dead letter that are shown.
const SHOWN_PAYLOAD: usize = 4_000;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RowParameters {
    /// How many rows, 1 to 1,000; 20 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct VolumeParameters {
    /// How many days, 1 to 365, today counted; 14 if not given.
    #[param(minimum = 1, maximum = 365)]
    days: Option<usize>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LiquidityParameters {
    /// From this time on; a day before `to` if not given.
    from: Option<String>,
    /// Until this time, exclusive; now if not given.
    to: Option<String>,
}

/// The tables with their sizes, and what is done to them again and again.
#[utoipa::path(get, path = "/api/v1/lake", tag = TAG_LAKE,
    responses((status = 200, body = LakeAnswer), (status = 500, body = ProblemAnswer)))]
pub(crate) async fn overview(
    State(state): State<ApiState>,
    Asker(principal): Asker,
) -> Result<Response, Problem> {
    let tables = state.database.lake().tables().await;
    let mut tables = tables.map_err(|error| Problem::internal(error.to_string()))?;
    tables.retain(|status| principal.grants.reads(CATALOG, status.table.namespace()));
    let mut json = JsonText::with_capacity(4_096);
    json.raw("{\"tables\":[");
    for (index, status) in tables.iter().enumerate() {
        json.raw(if index == 0 { "{\"table\":" } else { ",{\"table\":" });
        json.plain(&status.table.to_string());
        json.raw(",\"comment\":");
        json.string(status.table.comment());
        for (name, value) in [
            (",\"rows\":", status.rows),
            (",\"bytes\":", status.bytes),
            (",\"files\":", status.files),
            (",\"snapshots\":", status.snapshots as u64),
        ] {
            json.raw(name);
            json.integer(value);
        }
        json.raw(",\"last_commit\":");
        write_time(&mut json, status.last_commit);
        json.raw("}");
    }
    json.raw("],\"jobs\":");
    write_jobs(&mut json, &tables, state.database.lake().runs());
    json.raw(",\"last_ingestion\":");
    write_time(
        &mut json,
        tables
            .iter()
            .filter(|status| is_ingested(status.table))
            .filter_map(|status| status.last_commit)
            .max(),
    );
    json.raw(",\"total_records\":");
    json.integer(tables.iter().map(|status| status.rows).sum::<u64>());
    json.raw("}");
    Ok(answer::json(json.into_bytes()))
}

pub(super) fn is_ingested(table: Table) -> bool {
    matches!(table.namespace(), "raw" | "normalized")
}

pub(super) fn write_time(json: &mut JsonText, time: Option<Timestamp>) {
    match time {
        Some(time) => json.time(time),
        None => json.raw("null"),
    }
}

/// The last rows of a table.
#[utoipa::path(get, path = "/api/v1/lake/{table}/latest", tag = TAG_LAKE,
    params(("table" = String, Path, description = "The table with its schema, such as normalized.trades"), RowParameters),
    responses((status = 200, body = RowsAnswer), (status = 400, body = ProblemAnswer),
        (status = 404, body = ProblemAnswer)))]
pub(crate) async fn latest(
    State(state): State<ApiState>,
    Asker(principal): Asker,
    Name(name): Name,
    Parameters(parameters): Parameters<RowParameters>,
) -> Result<Response, Problem> {
    let limit = within("limit", parameters.limit, 20, MOST_ROWS)?;
    let table: Table = name
        .parse()
        .map_err(|error: depthlake_lake::table::UnknownTable| Problem::not_found(error.to_string()))?;
    let time = table.partition_column();
    let sql = format!("SELECT * FROM {table} ORDER BY {time} DESC LIMIT {limit}");
    let answer = session_of(&state, &principal).execute(&sql).await?;
    let mut json = JsonText::with_capacity(64 << 10);
    json.raw("{\"table\":");
    json.plain(&table.to_string());
    json.raw(",\"columns\":");
    write_columns(&mut json, &answer.columns);
    json.raw(",\"rows\":[");
    let mut is_first = true;
    for batch in answer.rows.collect().await? {
        let written = Written::of(&batch);
        for row in 0..written.rows() {
            json.raw(if std::mem::take(&mut is_first) { "" } else { "," });
            written.write_array(&mut json, row);
        }
    }
    json.raw("]}");
    Ok(answer::json(json.into_bytes()))
}

/// How many rows each day has, of what is ingested, as far as it is committed.
#[utoipa::path(get, path = "/api/v1/lake/volume", tag = TAG_LAKE, params(VolumeParameters),
    responses((status = 200, body = VolumeAnswer), (status = 400, body = ProblemAnswer)))]
pub(crate) async fn volume(
    State(state): State<ApiState>,
    Asker(principal): Asker,
    Parameters(parameters): Parameters<VolumeParameters>,
) -> Result<Response, Problem> {
    let days = within("days", parameters.days, 14, MOST_DAYS)?;
    let today = clock::now().0.div_euclid(DAY);
    let first = today.saturating_sub(i64::try_from(days - 1).unwrap_or(0));
    let mut json = JsonText::with_capacity(4_096);
    json.raw("{\"days\":[");
    let mut is_first = true;
    for table in Table::ALL.into_iter().filter(|table| is_ingested(*table)) {
        if !principal.grants.reads(CATALOG, table.namespace()) {
            continue;
        }
        let contents = state.database.lake().data_files(table).await;
        let mut rows = BTreeMap::<i64, u64>::new();
        for file in contents.map_err(|error| Problem::internal(error.to_string()))?.files {
            *rows.entry(file.day.into()).or_default() += file.rows;
        }
        for (day, rows) in rows.range(first..=today) {
            json.raw(if std::mem::take(&mut is_first) { "{\"day\":" } else { ",{\"day\":" });
            let day = rfc3339(Timestamp(day.saturating_mul(DAY)));
            json.plain(day.split('T').next().unwrap_or_default());
            json.raw(",\"table\":");
            json.plain(&table.to_string());
            json.raw(",\"rows\":");
            json.integer(*rows);
            json.raw("}");
        }
    }
    json.raw("]}");
    Ok(answer::json(json.into_bytes()))
}

/// Messages that could not be used, newest first.
#[utoipa::path(get, path = "/api/v1/dead-letters", tag = TAG_LAKE, params(RowParameters),
    responses((status = 200, body = DeadLettersAnswer), (status = 400, body = ProblemAnswer)))]
pub(crate) async fn dead_letters(
    State(state): State<ApiState>,
    Asker(principal): Asker,
    Parameters(parameters): Parameters<RowParameters>,
) -> Result<Response, Problem> {
    let limit = within("limit", parameters.limit, 20, MOST_ROWS)?;
    let sql = format!(
        "SELECT received_at, source_topic, source_partition, source_offset, symbol, reason, detail, payload
        FROM ops.dead_letters ORDER BY received_at DESC LIMIT {limit}"
    );
    let mut json = JsonText::with_capacity(16 << 10);
    json.raw("{\"dead_letters\":[");
    let mut is_first = true;
    for batch in ask_as(&state, &principal, &sql).await? {
        let written = Written::of(&batch);
        for row in 0..written.rows() {
            json.raw(if std::mem::take(&mut is_first) { "{" } else { ",{" });
            for (name, column) in
                ["time", "topic", "partition", "offset", "symbol", "reason", "detail"].iter().zip(0..)
            {
                json.string(name);
                json.raw(":");
                written.write_value(&mut json, column, row);
                json.raw(",");
            }
            let (payload, bytes) = written.bytes(7, row);
            json.raw("\"payload\":");
            json.string(&payload.chars().take(SHOWN_PAYLOAD).collect::<String>());
            json.raw(",\"payload_bytes\":");
            json.integer(bytes as u64);
            json.raw("}");
        }
    }
    json.raw("]}");
    Ok(answer::json(json.into_bytes()))
}

/// Differences between the layers of the lake that reconciliation found, newest first.
#[utoipa::path(get, path = "/api/v1/reconciliation", tag = TAG_LAKE, params(RowParameters),
    responses((status = 200, body = ReconciliationAnswer), (status = 400, body = ProblemAnswer)))]
pub(crate) async fn reconciliation(
    State(state): State<ApiState>,
    Asker(principal): Asker,
    Parameters(parameters): Parameters<RowParameters>,
) -> Result<Response, Problem> {
    let limit = within("limit", parameters.limit, 20, MOST_ROWS)?;
    objects(
        (&state, &principal),
        "breaks",
        &format!("SELECT * FROM ops.recon_breaks ORDER BY found_at DESC LIMIT {limit}"),
    )
    .await
}

/// How deep and how tight the market of one trading pair was, minute by minute.
#[utoipa::path(get, path = "/api/v1/liquidity/{symbol}", tag = TAG_MARKET,
    params(("symbol" = String, Path, description = "The venue's name, such as BTCUSDT"), LiquidityParameters),
    responses((status = 200, body = LiquidityAnswer), (status = 400, body = ProblemAnswer),
        (status = 404, body = ProblemAnswer)))]
pub(crate) async fn liquidity(
    State(state): State<ApiState>,
    Asker(principal): Asker,
    Name(name): Name,
    Parameters(parameters): Parameters<LiquidityParameters>,
) -> Result<Response, Problem> {
    let symbol = known_symbol(&state, &name)?;
    let to = parameters.to.as_deref().map_or_else(|| Ok(clock::now()), |text| time_of("to", text))?;
    let from = match parameters.from.as_deref() {
        Some(text) => time_of("from", text)?,
        None => Timestamp(to.0.saturating_sub(DAY)),
    };
    if from >= to {
        return Err(Problem::bad_request("from is not before to"));
    }
    let rows = ask_as(
        &state,
        &principal,
        &format!(
            "SELECT * FROM marts.mart_liquidity WHERE symbol = '{symbol}' AND minute >= TIMESTAMP '{}'
                AND minute < TIMESTAMP '{}' ORDER BY minute LIMIT {MOST_MINUTES}",
            sql_time(from),
            sql_time(to)
        ),
    )
    .await?;
    let latest = ask_as(
        &state,
        &principal,
        &format!("SELECT * FROM marts.mart_liquidity WHERE symbol = '{symbol}' ORDER BY minute DESC LIMIT 1"),
    )
    .await?;
    let mut json = JsonText::with_capacity(32 << 10);
    json.raw("{\"symbol\":");
    json.plain(symbol.as_str());
    json.raw(",\"rows\":[");
    write_objects(&mut json, &rows);
    json.raw("],\"latest\":");
    if latest.iter().any(|batch| batch.num_rows() > 0) {
        write_objects(&mut json, &latest);
    } else {
        json.raw("null");
    }
    json.raw("}");
    Ok(answer::json(json.into_bytes()))
}

/// The rows of a question, as the one list of an object.
async fn objects(
    (state, principal): (&ApiState, &Principal),
    name: &str,
    sql: &str,
) -> Result<Response, Problem> {
    let rows = ask_as(state, principal, sql).await?;
    let mut json = JsonText::with_capacity(16 << 10);
    json.raw("{");
    json.plain(name);
    json.raw(":[");
    write_objects(&mut json, &rows);
    json.raw("]}");
    Ok(answer::json(json.into_bytes()))
}
