//! The catalog, a database of `SQLite`: where each table's current metadata is, and how far each table has read the log.
//!
//! `iceberg_tables` and `iceberg_namespace_properties` are the JDBC catalog's tables, version 1, as Java, `PyIceberg` and
//! iceberg-rust know them. `depthlake_positions` is ours. Both change in one transaction, which is the commit: each
//! pointer and each position moves only from what the committer saw, and either all of them move or none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{SqliteConnection, SqlitePool};

use super::error::LakeError;
use super::position::{PartitionOfTable, Positions};
use crate::storage::{create_folder, sync_folder};
use crate::table::Table;

/// The catalog's name, which other engines must give.
pub const CATALOG_NAME: &str = "depthlake";

/// How long a commit waits for another process to finish its own.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

const LAYOUT: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS iceberg_tables (
        catalog_name VARCHAR(255) NOT NULL,
        table_namespace VARCHAR(255) NOT NULL,
        table_name VARCHAR(255) NOT NULL,
        metadata_location VARCHAR(1000),
        previous_metadata_location VARCHAR(1000),
        iceberg_type VARCHAR(5),
        PRIMARY KEY (catalog_name, table_namespace, table_name))",
    "CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (
        catalog_name VARCHAR(255) NOT NULL,
        namespace VARCHAR(255) NOT NULL,
        property_key VARCHAR(255),
        property_value VARCHAR(1000),
        PRIMARY KEY (catalog_name, namespace, property_key))",
    "CREATE TABLE IF NOT EXISTS depthlake_positions (
        table_name TEXT NOT NULL,
        topic TEXT NOT NULL,
        partition INTEGER NOT NULL,
        next_offset INTEGER NOT NULL,
        PRIMARY KEY (table_name, topic, partition))",
];

/// The location of each table's current metadata.
pub(super) type Pointers = BTreeMap<Table, String>;

#[derive(Debug)]
pub(super) struct Catalog {
    path: PathBuf,
    pool: SqlitePool,
}

/// A table's pointer, from what it was seen to be to what it shall be.
#[derive(Debug)]
pub(super) struct PointerMove {
    pub(super) table: Table,
    pub(super) from: String,
    pub(super) to: String,
}

/// A position, from what it was seen to be (`None`: never committed) to what it shall be.
#[derive(Debug)]
pub(super) struct PositionMove {
    pub(super) of: PartitionOfTable,
    pub(super) from: Option<u64>,
    pub(super) to: u64,
}

/// What became of a transaction whose outcome is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advance {
    Moved,
    /// Something was no longer as it was seen; nothing has moved.
    Conflict,
}

/// A transaction that failed.
#[derive(Debug)]
pub(super) enum AdvanceError {
    /// Before its COMMIT: nothing has moved.
    Refused(LakeError),
    /// At its COMMIT: it may have moved.
    Doubtful(LakeError),
}

impl Catalog {
    /// Opens the catalog, or creates an empty one.
    pub(super) async fn open(path: &Path) -> Result<Self, LakeError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        create_folder(folder).map_err(|source| LakeError::Create { path: folder.to_owned(), source })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let connected = SqlitePoolOptions::new().max_connections(4).connect_with(options).await;
        let pool = connected.map_err(failed(path, "open"))?;
        let catalog = Self { path: path.to_owned(), pool };
        catalog.check_integrity().await?;
        for statement in LAYOUT {
            sqlx::query(statement).execute(&catalog.pool).await.map_err(catalog.failed("set up"))?;
        }
        sync_folder(folder).map_err(|source| LakeError::Create { path: path.to_owned(), source })?;
        Ok(catalog)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) async fn pointers(&self) -> Result<Pointers, LakeError> {
        let mut connection = self.pool.acquire().await.map_err(self.failed("read"))?;
        self.read_pointers(&mut connection).await
    }

    /// Pointers and positions as one commit left them.
    pub(super) async fn state(&self) -> Result<(Pointers, Positions), LakeError> {
        fail::fail_point!("catalog::before_read", |_| Err(self.failed("read")(sqlx::Error::PoolTimedOut)));
        let mut transaction = self.pool.begin().await.map_err(self.failed("read"))?;
        let pointers = self.read_pointers(&mut transaction).await?;
        let positions = self.read_positions(&mut transaction).await?;
        Ok((pointers, positions))
    }

    /// Enters tables that are not there yet. Where another process entered one first, that one stays.
    pub(super) async fn register(&self, tables: &Pointers) -> Result<(), LakeError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(self.failed("write"))?;
        for (table, location) in tables {
            let namespace = sqlx::query(
                "INSERT OR IGNORE INTO iceberg_namespace_properties VALUES (?, ?, 'exists', 'true')",
            );
            let namespace = namespace.bind(CATALOG_NAME).bind(table.namespace());
            namespace.execute(&mut *transaction).await.map_err(self.failed("write"))?;
            let entry =
                sqlx::query("INSERT OR IGNORE INTO iceberg_tables VALUES (?, ?, ?, ?, NULL, 'TABLE')");
            let entry = entry.bind(CATALOG_NAME).bind(table.namespace()).bind(table.name()).bind(location);
            entry.execute(&mut *transaction).await.map_err(self.failed("write"))?;
        }
        fail::fail_point!("catalog::before_register");
        transaction.commit().await.map_err(self.failed("write"))
    }

    /// Moves all pointers and positions in one transaction, or none where one is no longer as it was seen.
    pub(super) async fn advance(
        &self,
        pointers: &[PointerMove],
        positions: &[PositionMove],
    ) -> Result<Advance, AdvanceError> {
        let refused = |source| AdvanceError::Refused(self.failed("write")(source));
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(refused)?;
        fail::fail_point!("catalog::begun");
        for pointer in pointers {
            if move_pointer(&mut transaction, pointer).await.map_err(refused)? == Advance::Conflict {
                return Ok(Advance::Conflict);
            }
        }
        fail::fail_point!("catalog::pointers_moved");
        for position in positions {
            if move_position(&mut transaction, position).await.map_err(refused)? == Advance::Conflict {
                return Ok(Advance::Conflict);
            }
        }
        fail::fail_point!("catalog::before_commit");
        let committed = transaction.commit().await;
        committed.map_err(|source| AdvanceError::Doubtful(self.failed("commit to")(source)))?;
        fail::fail_point!("catalog::after_commit", |_| Err(AdvanceError::Doubtful(
            self.failed("commit to")(sqlx::Error::PoolTimedOut)
        )));
        Ok(Advance::Moved)
    }

    async fn check_integrity(&self) -> Result<(), LakeError> {
        let check = sqlx::query_scalar::<_, String>("PRAGMA quick_check(1)").fetch_one(&self.pool).await;
        match check.map_err(self.failed("read"))? {
            verdict if verdict == "ok" => Ok(()),
            detail => Err(LakeError::CorruptCatalog { path: self.path.clone(), detail }),
        }
    }

    async fn read_pointers(&self, connection: &mut SqliteConnection) -> Result<Pointers, LakeError> {
        let rows = sqlx::query_as::<_, (String, String, String)>(
            "SELECT table_namespace, table_name, metadata_location FROM iceberg_tables
             WHERE catalog_name = ? AND (iceberg_type = 'TABLE' OR iceberg_type IS NULL)",
        );
        let rows = rows.bind(CATALOG_NAME).fetch_all(connection).await.map_err(self.failed("read"))?;
        let ours = rows.into_iter().filter_map(|(namespace, name, location)| {
            format!("{namespace}.{name}").parse().ok().map(|table| (table, location))
        });
        Ok(ours.collect())
    }

    async fn read_positions(&self, connection: &mut SqliteConnection) -> Result<Positions, LakeError> {
        let rows = sqlx::query_as::<_, (String, String, u32, i64)>(
            "SELECT table_name, topic, partition, next_offset FROM depthlake_positions",
        );
        let rows = rows.fetch_all(connection).await.map_err(self.failed("read"))?;
        let mut positions = Positions::new();
        for (name, topic, partition, offset) in rows {
            let Ok(table) = name.parse() else { continue };
            let impossible =
                |_| LakeError::ImpossibleOffset { catalog: self.path.clone(), table: name, offset };
            let next = u64::try_from(offset).map_err(impossible)?;
            positions.insert(PartitionOfTable { table, topic, partition }, next);
        }
        Ok(positions)
    }

    fn failed(&self, action: &'static str) -> impl Fn(sqlx::Error) -> LakeError {
        failed(&self.path, action)
    }
}

async fn move_pointer(
    connection: &mut SqliteConnection,
    pointer: &PointerMove,
) -> Result<Advance, sqlx::Error> {
    let update = sqlx::query(
        "UPDATE iceberg_tables SET metadata_location = ?, previous_metadata_location = ?
         WHERE catalog_name = ? AND table_namespace = ? AND table_name = ? AND metadata_location = ?",
    );
    let update = update.bind(&pointer.to).bind(&pointer.from).bind(CATALOG_NAME);
    let update = update.bind(pointer.table.namespace()).bind(pointer.table.name()).bind(&pointer.from);
    Ok(moved(update.execute(connection).await?.rows_affected()))
}

async fn move_position(
    connection: &mut SqliteConnection,
    position: &PositionMove,
) -> Result<Advance, sqlx::Error> {
    let statement = match position.from {
        Some(_) => {
            "UPDATE depthlake_positions SET next_offset = ?
             WHERE table_name = ? AND topic = ? AND partition = ? AND next_offset = ?"
        }
        None => {
            "INSERT OR IGNORE INTO depthlake_positions (next_offset, table_name, topic, partition)
             VALUES (?, ?, ?, ?)"
        }
    };
    let PartitionOfTable { table, topic, partition } = &position.of;
    let statement = sqlx::query(statement).bind(column_value(position.to)?).bind(table.to_string());
    let mut statement = statement.bind(topic).bind(*partition);
    if let Some(from) = position.from {
        statement = statement.bind(column_value(from)?);
    }
    Ok(moved(statement.execute(connection).await?.rows_affected()))
}

fn moved(rows: u64) -> Advance {
    if rows == 1 { Advance::Moved } else { Advance::Conflict }
}

fn column_value(offset: u64) -> Result<i64, sqlx::Error> {
    i64::try_from(offset).map_err(|error| sqlx::Error::Encode(error.into()))
}

fn failed(path: &Path, action: &'static str) -> impl Fn(sqlx::Error) -> LakeError {
    let path = path.to_owned();
    move |source| match corruption(&source) {
        Some(detail) => LakeError::CorruptCatalog { path: path.clone(), detail },
        None => LakeError::Catalog { path: path.clone(), action, source },
    }
}

/// The message where an error says that the file is damaged or no database.
fn corruption(error: &sqlx::Error) -> Option<String> {
    const CORRUPT: i32 = 11;
    const NOT_A_DATABASE: i32 = 26;
    let database = error.as_database_error()?;
    let primary_code = database.code()?.parse::<i32>().ok()? & 0xff;
    matches!(primary_code, CORRUPT | NOT_A_DATABASE).then(|| database.message().to_owned())
}
