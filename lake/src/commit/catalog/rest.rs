//! The catalog on a server of the Iceberg REST protocol.
//!
//! The server keeps the metadata, so a commit is a list of updates for each table, sent in one request that moves all
//! tables or none. It has no table of positions: they are in the summary of each table's current snapshot, and in the
//! table's properties for where that is another engine's. So every commit makes a snapshot of every table whose position
//! moves, with rows or without, and each table moves only from the snapshot that the committer saw: of two that append to
//! the same position, one finds another snapshot and has lost.

mod client;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iceberg::TableIdent;
use iceberg::spec::{SortOrder, TableMetadata, UnboundPartitionSpec};
use iceberg::{NamespaceIdent, TableRequirement, TableUpdate};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::task::JoinSet;

use super::{Advance, AdvanceError, Pointers, TableMove};
use crate::address::RestAddress;
use crate::commit::error::LakeError;
use crate::commit::position::{PartitionOfTable, Positions};
use crate::commit::properties::properties_of;
use crate::commit::snapshot::{OFFSET_KEY, TableVersion};
use crate::table::Table;

use client::Client;
pub use client::RestError;

/// How often the tables are looked at again while others commit.
const LOOKS: usize = 20;

const COMMIT: &str = "transactions/commit";

#[derive(Debug)]
pub(in crate::commit) struct RestCatalog {
    name: String,
    client: Client,
    /// The versions last seen, which spares reading the same metadata again.
    loaded: Mutex<HashMap<Table, Arc<TableVersion>>>,
    /// The tables that this process created. Servers have been seen to pass over the condition that a table has no snapshot
    /// yet, so nobody but its creator gives a table the first.
    created: Mutex<HashSet<Table>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct LoadedTable {
    metadata_location: String,
    metadata: Box<RawValue>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct CreateTable<'a> {
    name: &'a str,
    location: &'a str,
    schema: &'a iceberg::spec::Schema,
    partition_spec: UnboundPartitionSpec,
    write_order: &'a SortOrder,
    properties: &'a HashMap<String, String>,
    stage_create: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct CommitTransaction {
    table_changes: Vec<CommitTable>,
}

#[derive(Debug, Serialize)]
struct CommitTable {
    identifier: TableIdent,
    requirements: Vec<TableRequirement>,
    updates: Vec<TableUpdate>,
}

impl RestCatalog {
    /// Asks the server for its configuration, and refuses one that cannot move several tables at once.
    pub(super) async fn open(name: String, address: &RestAddress) -> Result<Self, LakeError> {
        let failed = |source| LakeError::RestCatalog { catalog: name.clone(), action: "open", source };
        let client = Client::connect(address).await.map_err(failed)?;
        let can_commit = match client.offers(&format!("POST /v1/{{prefix}}/{COMMIT}")) {
            Some(told) => Ok(told),
            None => takes_transactions(&client).await,
        };
        let can_commit = can_commit.map_err(failed)?;
        if !can_commit {
            return Err(LakeError::NoTransactions { catalog: name });
        }
        Ok(Self { name, client, loaded: Mutex::default(), created: Mutex::default() })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn pointers(&self) -> Result<Pointers, LakeError> {
        Ok(pointers(&self.load_all().await?))
    }

    /// The tables are loaded one by one, so they are looked at until two looks find the same: what both saw was so for
    /// all tables at the moment between them, for no version of a table comes twice.
    pub(super) async fn state(&self) -> Result<(Pointers, Positions), LakeError> {
        let mut seen = pointers(&self.load_all().await?);
        for _ in 0..LOOKS {
            let versions = self.load_all().await?;
            let now = pointers(&versions);
            if now == seen {
                return Ok((now, positions_of(versions.values(), &self.name)?));
            }
            seen = now;
        }
        Err(LakeError::Unsteady { catalog: self.name.clone(), looks: LOOKS })
    }

    /// The same of one table, in one request. Only dead letters come of the topics of all tables, and need the positions of all.
    pub(super) async fn state_of(&self, table: Table) -> Result<(Pointers, Positions), LakeError> {
        if table == Table::DeadLetters {
            return self.state().await;
        }
        let loaded = load(&self.client, table).await.map_err(self.failed("read"))?;
        let version = loaded.map(|loaded| self.version(table, loaded)).transpose()?;
        let versions: BTreeMap<_, _> = version.into_iter().map(|version| (table, version)).collect();
        Ok((pointers(&versions), positions_of(versions.values(), &self.name)?))
    }

    /// The version of a table, where it has been loaded.
    pub(super) fn loaded(&self, table: Table, location: &str) -> Option<Arc<TableVersion>> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.get(&table).filter(|version| version.location == location).cloned()
    }

    /// Creates a table as a first version describes it. Where another process created it first, that one stays.
    pub(super) async fn create(&self, table: Table, metadata: &TableMetadata) -> Result<(), LakeError> {
        let failed = self.failed("create a table in");
        let namespace = serde_json::json!({ "namespace": [table.namespace()] });
        settled(self.client.send(Method::POST, "namespaces", Some(&namespace)).await).map_err(&failed)?;
        let create = CreateTable {
            name: table.name(),
            location: metadata.location(),
            schema: metadata.current_schema(),
            partition_spec: metadata.default_partition_spec().as_ref().clone().into_unbound(),
            write_order: metadata.default_sort_order(),
            properties: metadata.properties(),
            stage_create: false,
        };
        let path = format!("namespaces/{}/tables", table.namespace());
        match self.client.send(Method::POST, &path, Some(&create)).await {
            Ok(_) => {
                self.created().insert(table);
                Ok(())
            }
            other => settled(other).map_err(&failed),
        }
    }

    /// The tables that this process created.
    pub(super) fn created(&self) -> MutexGuard<'_, HashSet<Table>> {
        self.created.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn advance(&self, moves: Vec<TableMove>) -> Result<Advance, AdvanceError> {
        if moves.is_empty() {
            return Ok(Advance::Moved);
        }
        let may_move = |table: &TableMove| {
            let base = &table.base;
            base.metadata.current_snapshot_id().is_some() || self.created().contains(&base.table)
        };
        if !moves.iter().all(may_move) {
            return Ok(Advance::Conflict);
        }
        let table_changes = moves.into_iter().map(commit_table).collect();
        let transaction = CommitTransaction { table_changes };
        match self.client.send(Method::POST, COMMIT, Some(&transaction)).await {
            Ok(_) => Ok(Advance::Moved),
            Err(RestError::Refused { status: StatusCode::CONFLICT, .. }) => Ok(Advance::Conflict),
            Err(error) if error.may_have_been_done() => {
                Err(AdvanceError::Doubtful(self.failed("commit to")(error)))
            }
            Err(error) => Err(AdvanceError::Refused(self.failed("commit to")(error))),
        }
    }

    /// The current versions of all tables that are there, loaded side by side.
    async fn load_all(&self) -> Result<BTreeMap<Table, Arc<TableVersion>>, LakeError> {
        let mut loading = JoinSet::new();
        for table in Table::ALL {
            let client = self.client.clone();
            loading.spawn(async move { (table, load(&client, table).await) });
        }
        let mut versions = BTreeMap::new();
        while let Some(loaded) = loading.join_next().await {
            let (table, loaded) = loaded.map_err(|_| LakeError::ShuttingDown)?;
            let Some(loaded) = loaded.map_err(self.failed("read"))? else { continue };
            versions.insert(table, self.version(table, loaded)?);
        }
        Ok(versions)
    }

    fn version(&self, table: Table, loaded: LoadedTable) -> Result<Arc<TableVersion>, LakeError> {
        let LoadedTable { metadata_location: location, metadata } = loaded;
        if let Some(known) = self.loaded(table, &location) {
            return Ok(known);
        }
        let metadata = serde_json::from_str(metadata.get())
            .map_err(|error| self.failed("read")(RestError::malformed(&error)))?;
        let version = Arc::new(TableVersion { table, location, metadata });
        let mut known = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(table, Arc::clone(&version));
        Ok(version)
    }

    fn failed(&self, action: &'static str) -> impl Fn(RestError) -> LakeError {
        let catalog = self.name.clone();
        move |source| LakeError::RestCatalog { catalog: catalog.clone(), action, source }
    }
}

/// Sends a transaction of nothing. A server that has the endpoint takes it, or finds fault with it.
async fn takes_transactions(client: &Client) -> Result<bool, RestError> {
    let nothing = CommitTransaction { table_changes: Vec::new() };
    match client.send(Method::POST, COMMIT, Some(&nothing)).await {
        Ok(_) | Err(RestError::Refused { status: StatusCode::BAD_REQUEST, .. }) => Ok(true),
        Err(RestError::Refused {
            status:
                StatusCode::NOT_FOUND
                | StatusCode::METHOD_NOT_ALLOWED
                | StatusCode::NOT_ACCEPTABLE
                | StatusCode::NOT_IMPLEMENTED,
            ..
        }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// `None` where the server has no such table.
async fn load(client: &Client, table: Table) -> Result<Option<LoadedTable>, RestError> {
    let path = format!("namespaces/{}/tables/{}", table.namespace(), table.name());
    match client.send(Method::GET, &path, None::<&()>).await {
        Ok(body) => serde_json::from_slice(&body).map(Some).map_err(|error| RestError::malformed(&error)),
        Err(RestError::Refused { status: StatusCode::NOT_FOUND, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn commit_table(table_move: TableMove) -> CommitTable {
    let TableMove { base, updates, .. } = table_move;
    let namespace = NamespaceIdent::new(base.table.namespace().to_owned());
    let requirements = vec![
        TableRequirement::UuidMatch { uuid: base.metadata.uuid() },
        TableRequirement::RefSnapshotIdMatch {
            r#ref: iceberg::spec::MAIN_BRANCH.to_owned(),
            snapshot_id: base.metadata.current_snapshot_id(),
        },
        TableRequirement::CurrentSchemaIdMatch { current_schema_id: base.metadata.current_schema_id() },
    ];
    CommitTable {
        identifier: TableIdent::new(namespace, base.table.name().to_owned()),
        requirements,
        updates,
    }
}

fn pointers(versions: &BTreeMap<Table, Arc<TableVersion>>) -> Pointers {
    versions.iter().map(|(table, version)| (*table, version.location.clone())).collect()
}

/// What the tables tell with their current snapshots, `depthlake.offset.<topic>.<partition>`.
fn positions_of<'a>(
    versions: impl Iterator<Item = &'a Arc<TableVersion>>,
    catalog: &str,
) -> Result<Positions, LakeError> {
    let mut positions = Positions::new();
    for version in versions {
        let table = version.table;
        let Some(current) = version.metadata.current_snapshot() else { continue };
        for (key, value) in &properties_of(&version.metadata, current) {
            let Some(named) = key.strip_prefix(OFFSET_KEY) else { continue };
            let impossible = || LakeError::ImpossiblePosition {
                catalog: catalog.to_owned(),
                table: table.to_string(),
                position: format!("{named} {value}"),
            };
            let (topic, partition) = named.rsplit_once('.').ok_or_else(impossible)?;
            let partition = partition.parse().map_err(|_| impossible())?;
            let next = value.parse().map_err(|_| impossible())?;
            positions.insert(PartitionOfTable { table, topic: topic.to_owned(), partition }, next);
        }
    }
    Ok(positions)
}

/// What is there already need not be created.
fn settled(created: Result<bytes::Bytes, RestError>) -> Result<(), RestError> {
    match created {
        Ok(_) | Err(RestError::Refused { status: StatusCode::CONFLICT, .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
