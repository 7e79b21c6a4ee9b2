//! A table: its metadata, and how its files are reached.

use std::collections::{BTreeMap, HashSet};

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use depthlake_lake::table::Table;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::error::CatalogError;
use super::{IcebergCatalog, table_for};
use crate::access::{Grants, Principal};
use crate::catalog::CATALOG;

/// By this header a client asks for credentials of the storage.
const DELEGATION: &str = "x-iceberg-access-delegation";
const VENDED: &str = "vended-credentials";

#[derive(Debug, Default, Deserialize)]
pub(super) struct LoadQuery {
    #[serde(default)]
    snapshots: Snapshots,
}

/// The snapshots that the answer has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Snapshots {
    #[default]
    All,
    /// Those that a branch or a tag points to.
    Refs,
}

pub(super) async fn load_table(
    State(catalog): State<IcebergCatalog>,
    headers: HeaderMap,
    Path((namespace, table)): Path<(String, String)>,
    query: Result<Query<LoadQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, CatalogError> {
    let principal = catalog.principal(&headers).await?;
    let table = table_for(&principal, &namespace, &table)?;
    let Query(LoadQuery { snapshots }) =
        query.map_err(|error| CatalogError::Malformed { reason: error.body_text() })?;
    let unreadable = |source| CatalogError::Unreadable { table, source };
    let published = catalog.lake.published(table).await.map_err(unreadable)?;
    let config = config(&catalog, &principal, &headers);
    let tag = tag(&published.metadata_location, snapshots, &config);
    if headers.get(IF_NONE_MATCH).is_some_and(|known| names(known, &tag)) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    let mut metadata = serde_json::to_value(&published.metadata)
        .map_err(|error| CatalogError::Malformed { reason: format!("metadata of {table}: {error}") })?;
    if snapshots == Snapshots::Refs {
        keep_referenced(&mut metadata);
    }
    let answer =
        json!({ "metadata-location": published.metadata_location, "metadata": metadata, "config": config });
    // What one may see another may not, and the answer may hold credentials.
    Ok(([(ETAG, tag.as_str()), (CACHE_CONTROL, "private, no-cache")], Json(answer)).into_response())
}

/// What the client must know of the storage.
fn config(catalog: &IcebergCatalog, principal: &Principal, headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut config = catalog.lake.warehouse().reader_properties().clone();
    if let Some(region) = config.get("s3.region").cloned() {
        config.insert("client.region".to_owned(), region);
    }
    let asks = headers.get_all(DELEGATION).iter().filter_map(|value| value.to_str().ok());
    let asks = asks.flat_map(|value| value.split(',')).any(|wanted| wanted.trim() == VENDED);
    // Credentials of a bucket open all of it.
    if let Some(reader) = catalog.reader.as_ref().filter(|_| asks && reads_all_tables(&principal.grants)) {
        config.insert("s3.access-key-id".to_owned(), reader.access_key_id.clone());
        config.insert("s3.secret-access-key".to_owned(), reader.secret_access_key.reveal().to_owned());
    }
    config
}

fn reads_all_tables(grants: &Grants) -> bool {
    Table::ALL.iter().all(|table| grants.reads(CATALOG, table.namespace()))
}

/// Tells one answer from another: each version of a table has a metadata file of its own.
fn tag(metadata_location: &str, snapshots: Snapshots, config: &BTreeMap<String, String>) -> String {
    let digest = Sha256::digest(format!("{metadata_location}\n{snapshots:?}\n{config:?}"));
    let short = digest.iter().take(16).fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    format!("\"{short}\"")
}

fn names(known: &HeaderValue, tag: &str) -> bool {
    let Ok(known) = known.to_str() else { return false };
    known.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == tag || one == "*")
}

/// Leaves the snapshots out that no branch or tag points to. Clients ask again when they want history.
fn keep_referenced(metadata: &mut Value) {
    let refs = metadata.get("refs").and_then(Value::as_object);
    let referenced: HashSet<i64> = refs
        .into_iter()
        .flat_map(|refs| refs.values())
        .filter_map(|reference| reference.get("snapshot-id")?.as_i64())
        .collect();
    if let Some(snapshots) = metadata.get_mut("snapshots").and_then(Value::as_array_mut) {
        snapshots.retain(|snapshot| {
            snapshot.get("snapshot-id").and_then(Value::as_i64).is_some_and(|id| referenced.contains(&id))
        });
    }
}
