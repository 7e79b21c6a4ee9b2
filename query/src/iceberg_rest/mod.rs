//! The tables to programs that read Iceberg themselves: a catalog of the Iceberg REST protocol over ours, whichever it is.
//!
//! It says where a table's files are; clients read the files where they lie, so none of the rows pass through here.
//!
//! Invariants:
//! - nothing can be written: every request that would is refused, and `config` lists what is answered;
//! - a table is shown as the catalog has it at that moment, and only to who may read its schema;
//! - the lake's own credentials never leave it.

mod error;
mod listing;
mod loading;
mod token;

#[cfg(test)]
mod tests;

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::{MethodRouter, any, get, post};
use axum::{Json, Router};
use depthlake_lake::address::S3Credentials;
use depthlake_lake::commit::Lake;
use depthlake_lake::table::Table;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::access::{Access, Principal};
use crate::catalog::CATALOG;
use error::CatalogError;
use listing::Paging;

/// What is answered, as clients are told.
const ENDPOINTS: [&str; 8] = [
    "GET /v1/{prefix}/namespaces",
    "GET /v1/{prefix}/namespaces/{namespace}",
    "HEAD /v1/{prefix}/namespaces/{namespace}",
    "GET /v1/{prefix}/namespaces/{namespace}/tables",
    "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics",
    "GET /v1/{prefix}/namespaces/{namespace}/views",
];

/// What the catalog serves, and to whom.
#[derive(Clone)]
pub struct IcebergCatalog {
    pub lake: Lake,
    pub access: Access,
    /// Credentials that only read the bucket, handed to clients that ask for some and may read every table. Without them
    /// clients bring their own.
    pub reader: Option<S3Credentials>,
}

/// The routes: `/iceberg/v1/config` and what the protocol has behind it.
pub fn router(catalog: IcebergCatalog) -> Router {
    let namespace = "/iceberg/v1/namespaces/{namespace}";
    Router::new()
        .route("/iceberg/v1/config", read(get(config)))
        .route("/iceberg/v1/oauth/tokens", post(token::issue))
        .route("/iceberg/v1/namespaces", read(get(namespaces)))
        .route(namespace, read(get(load_namespace)))
        .route(&format!("{namespace}/tables"), read(get(tables)))
        .route(&format!("{namespace}/tables/{{table}}"), read(get(loading::load_table)))
        .route(&format!("{namespace}/tables/{{table}}/metrics"), post(take_metrics))
        .route(&format!("{namespace}/views"), read(get(views)))
        .route(&format!("{namespace}/views/{{view}}"), read(get(load_view)))
        .route("/iceberg/{*rest}", any(not_served))
        .with_state(catalog)
}

/// A resource that is read, and whose other methods are refused in words. HEAD is GET without a body.
fn read(route: MethodRouter<IcebergCatalog>) -> MethodRouter<IcebergCatalog> {
    route.fallback(not_served)
}

impl IcebergCatalog {
    async fn principal(&self, headers: &HeaderMap) -> Result<Principal, CatalogError> {
        Ok(self.access.authenticate(headers).await?)
    }
}

/// The namespaces that somebody may read, sorted.
fn readable_by(principal: &Principal) -> Vec<&'static str> {
    let mut names: Vec<_> = Table::ALL.iter().map(|table| table.namespace()).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| principal.grants.reads(CATALOG, name));
    names
}

/// A namespace that is there for somebody.
fn namespace_for(principal: &Principal, name: &str) -> Result<&'static str, CatalogError> {
    let readable = readable_by(principal);
    match readable.iter().find(|readable| **readable == name) {
        Some(found) => Ok(found),
        None => Err(CatalogError::NoSuchNamespace { name: name.to_owned(), readable }),
    }
}

/// A table that is there for somebody.
fn table_for(principal: &Principal, namespace: &str, name: &str) -> Result<Table, CatalogError> {
    let namespace = namespace_for(principal, namespace)?;
    let found = Table::ALL.into_iter().find(|table| table.namespace() == namespace && table.name() == name);
    found.ok_or_else(|| CatalogError::NoSuchTable { name: format!("{namespace}.{name}") })
}

async fn config(
    State(catalog): State<IcebergCatalog>,
    headers: HeaderMap,
) -> Result<Json<Value>, CatalogError> {
    catalog.principal(&headers).await?;
    Ok(Json(json!({ "defaults": {}, "overrides": {}, "endpoints": ENDPOINTS })))
}

#[derive(Debug, Deserialize)]
struct Parent {
    parent: Option<String>,
}

async fn namespaces(
    State(catalog): State<IcebergCatalog>,
    headers: HeaderMap,
    Query(Parent { parent }): Query<Parent>,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>, CatalogError> {
    let principal = catalog.principal(&headers).await?;
    let names = match parent.filter(|parent| !parent.is_empty()) {
        Some(parent) => namespace_for(&principal, &parent).map(|_| Vec::new())?,
        None => readable_by(&principal),
    };
    let (page, next) = paging.page(names);
    let page: Vec<_> = page.into_iter().map(|name| [name]).collect();
    Ok(listed("namespaces", &json!(page), next))
}

async fn load_namespace(
    State(catalog): State<IcebergCatalog>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Json<Value>, CatalogError> {
    let name = namespace_for(&catalog.principal(&headers).await?, &name)?;
    let location = format!("{}/{name}", catalog.lake.warehouse().location());
    Ok(Json(json!({ "namespace": [name], "properties": { "location": location } })))
}

async fn tables(
    State(catalog): State<IcebergCatalog>,
    headers: HeaderMap,
    Path(namespace): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>, CatalogError> {
    let namespace = namespace_for(&catalog.principal(&headers).await?, &namespace)?;
    let tables = Table::ALL.into_iter().filter(|table| table.namespace() == namespace);
    let mut names: Vec<_> = tables.map(Table::name).collect();
    names.sort_unstable();
    let (page, next) = paging.page(names);
    let identifiers: Vec<_> =
        page.into_iter().map(|name| json!({ "namespace": [namespace], "name": name })).collect();
    Ok(listed("identifiers", &json!(identifiers), next))
}

async fn views(
    State(catalog): State<IcebergCatalog>,
    headers: HeaderMap,
    Path(namespace): Path<String>,
) -> Result<Json<Value>, CatalogError> {
    namespace_for(&catalog.principal(&headers).await?, &namespace)?;
    Ok(listed("identifiers", &json!([]), None))
}

async fn load_view(
    State(catalog): State<IcebergCatalog>,
    headers: HeaderMap,
    Path((namespace, view)): Path<(String, String)>,
) -> Result<Json<Value>, CatalogError> {
    let namespace = namespace_for(&catalog.principal(&headers).await?, &namespace)?;
    Err(CatalogError::NoSuchView { name: format!("{namespace}.{view}") })
}

/// Clients tell what a scan did, and take it ill if nobody listens.
async fn take_metrics(
    State(catalog): State<IcebergCatalog>,
    headers: HeaderMap,
    Path((namespace, table)): Path<(String, String)>,
) -> Result<StatusCode, CatalogError> {
    table_for(&catalog.principal(&headers).await?, &namespace, &table)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn not_served(uri: Uri, request: Request) -> CatalogError {
    let (path, method) = (uri.path().to_owned(), request.method());
    if method.is_safe() {
        CatalogError::NoSuchResource { path }
    } else {
        CatalogError::ReadOnly { method: method.to_string(), path }
    }
}

fn listed(what: &str, names: &Value, next: Option<&str>) -> Json<Value> {
    let mut answer = json!({ what: names });
    if let Some(next) = next {
        answer["next-page-token"] = next.into();
    }
    Json(answer)
}
