//! The catalog in a database, `SQLite` or `PostgreSQL`.
//!
//! `iceberg_tables` and `iceberg_namespace_properties` are the JDBC catalog's tables, version 1, as Java, `PyIceberg` and
//! iceberg-rust know them. `depthlake_positions` is ours. Both change in one transaction, which is the commit. Each
//! UPDATE names the value it replaces: it waits for a transaction that holds the row, and then finds it changed or not.

use std::io;
use std::path::Path;

use sqlx::{Any, AnyConnection, AnyPool, Executor, Transaction};
use tokio::time::timeout;

use super::dialect::{Dialect, PATIENCE, connect_postgres, connect_sqlite};
use super::{Advance, AdvanceError, CATALOG_NAME, Pointers, PositionMove, TableMove};
use crate::address::DatabaseUrl;
use crate::commit::error::LakeError;
use crate::commit::position::{PartitionOfTable, Positions};

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
        partition BIGINT NOT NULL,
        next_offset BIGINT NOT NULL,
        PRIMARY KEY (table_name, topic, partition))",
];

#[derive(Debug)]
pub(in crate::commit) struct DatabaseCatalog {
    name: String,
    dialect: Dialect,
    pool: AnyPool,
}

impl DatabaseCatalog {
    pub(super) async fn sqlite(path: &Path) -> Result<Self, LakeError> {
        let pool = connect_sqlite(path).await?;
        Self { name: path.display().to_string(), dialect: Dialect::Sqlite, pool }.set_up().await
    }

    pub(super) async fn postgres(url: &DatabaseUrl) -> Result<Self, LakeError> {
        let pool = connect_postgres(url).await?;
        Self { name: url.to_string(), dialect: Dialect::Postgres, pool }.set_up().await
    }

    async fn set_up(self) -> Result<Self, LakeError> {
        self.check_integrity().await?;
        in_time(self.lay_out()).await.map_err(self.failed("set up"))?;
        Ok(self)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn pointers(&self) -> Result<Pointers, LakeError> {
        let read = async { read_pointers(&mut *self.pool.acquire().await?).await };
        in_time(read).await.map_err(self.failed("read"))
    }

    pub(super) async fn state(&self) -> Result<(Pointers, Positions), LakeError> {
        fail::fail_point!("catalog::before_read", |_| Err(self.failed("read")(late())));
        let read = async {
            let mut transaction = self.begin(self.dialect.begin_read()).await?;
            let pointers = read_pointers(&mut transaction).await?;
            Ok((pointers, read_positions(&mut transaction).await?))
        };
        let (pointers, rows) = in_time(read).await.map_err(self.failed("read"))?;
        Ok((pointers, self.positions_of(rows)?))
    }

    pub(super) async fn register(&self, tables: &Pointers) -> Result<(), LakeError> {
        let register = async {
            let mut transaction = self.begin(self.dialect.begin_write()).await?;
            for (table, location) in tables {
                let namespace = sqlx::query(
                    "INSERT INTO iceberg_namespace_properties VALUES ($1, $2, 'exists', 'true')
                     ON CONFLICT DO NOTHING",
                );
                let namespace = namespace.bind(CATALOG_NAME).bind(table.namespace());
                namespace.execute(&mut *transaction).await?;
                let entry = sqlx::query(
                    "INSERT INTO iceberg_tables VALUES ($1, $2, $3, $4, NULL, 'TABLE') ON CONFLICT DO NOTHING",
                );
                let entry = entry.bind(CATALOG_NAME).bind(table.namespace()).bind(table.name());
                entry.bind(location.as_str()).execute(&mut *transaction).await?;
            }
            fail::fail_point!("catalog::before_register");
            transaction.commit().await
        };
        in_time(register).await.map_err(self.failed("write"))
    }

    pub(super) async fn advance(
        &self,
        tables: &[TableMove],
        positions: &[PositionMove],
    ) -> Result<Advance, AdvanceError> {
        let prepare = async {
            let mut transaction = self.begin(self.dialect.begin_write()).await?;
            if let Some(statement) = self.dialect.insist_on_disk() {
                transaction.execute(statement).await?;
            }
            fail::fail_point!("catalog::begun");
            let moved = move_all(&mut transaction, tables, positions).await?;
            Ok((moved == Advance::Moved).then_some(transaction))
        };
        let transaction = match in_time(prepare).await {
            Ok(Some(transaction)) => transaction,
            Ok(None) => return Ok(Advance::Conflict),
            Err(error) if self.dialect.gave_way(&error) => return Ok(Advance::Conflict),
            Err(error) => return Err(AdvanceError::Refused(self.failed("write")(error))),
        };
        fail::fail_point!("catalog::before_commit");
        match in_time(transaction.commit()).await {
            Ok(()) => {
                fail::fail_point!("catalog::after_commit", |_| Err(AdvanceError::Doubtful(self
                    .failed("commit to")(
                    late()
                ))));
                Ok(Advance::Moved)
            }
            Err(error) if self.dialect.gave_way(&error) => Ok(Advance::Conflict),
            Err(error) => Err(AdvanceError::Doubtful(self.failed("commit to")(error))),
        }
    }

    /// Begins a transaction, by a task of its own: who is given up between the beginning and its acknowledgement would leave it open
    /// in a connection that others get next, and they could not begin theirs.
    async fn begin(&self, statement: &'static str) -> Result<Transaction<'static, Any>, sqlx::Error> {
        let pool = self.pool.clone();
        let begun = tokio::spawn(async move { pool.begin_with(statement).await });
        begun.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
    }

    async fn lay_out(&self) -> Result<(), sqlx::Error> {
        let mut transaction = self.begin(self.dialect.begin_write()).await?;
        for statement in self.dialect.lock_layout().into_iter().chain(LAYOUT) {
            transaction.execute(statement).await?;
        }
        transaction.commit().await
    }

    async fn check_integrity(&self) -> Result<(), LakeError> {
        let Some(statement) = self.dialect.integrity_check() else { return Ok(()) };
        let check = sqlx::query_scalar::<_, String>(statement).fetch_one(&self.pool).await;
        match check.map_err(self.failed("read"))? {
            verdict if verdict == "ok" => Ok(()),
            detail => Err(LakeError::CorruptCatalog { catalog: self.name.clone(), detail }),
        }
    }

    fn positions_of(&self, rows: Vec<PositionRow>) -> Result<Positions, LakeError> {
        let mut positions = Positions::new();
        for (name, topic, partition, offset) in rows {
            let Ok(table) = name.parse() else { continue };
            let impossible = |_| LakeError::ImpossiblePosition {
                catalog: self.name.clone(),
                table: name.clone(),
                position: format!("{topic}/{partition} {offset}"),
            };
            let partition = u32::try_from(partition).map_err(impossible)?;
            let next = u64::try_from(offset).map_err(impossible)?;
            positions.insert(PartitionOfTable { table, topic, partition }, next);
        }
        Ok(positions)
    }

    fn failed(&self, action: &'static str) -> impl Fn(sqlx::Error) -> LakeError {
        let (catalog, dialect) = (self.name.clone(), self.dialect);
        move |source| match dialect.corruption(&source) {
            Some(detail) => LakeError::CorruptCatalog { catalog: catalog.clone(), detail },
            None => LakeError::Catalog { catalog: catalog.clone(), action, source },
        }
    }
}

/// Table, topic, partition, next offset.
type PositionRow = (String, String, i64, i64);

async fn read_pointers(connection: &mut AnyConnection) -> Result<Pointers, sqlx::Error> {
    let rows = sqlx::query_as::<_, (String, String, String)>(
        "SELECT table_namespace, table_name, metadata_location FROM iceberg_tables
         WHERE catalog_name = $1 AND (iceberg_type = 'TABLE' OR iceberg_type IS NULL)",
    );
    let rows = rows.bind(CATALOG_NAME).fetch_all(connection).await?;
    let ours = rows.into_iter().filter_map(|(namespace, name, location)| {
        format!("{namespace}.{name}").parse().ok().map(|table| (table, location))
    });
    Ok(ours.collect())
}

async fn read_positions(connection: &mut AnyConnection) -> Result<Vec<PositionRow>, sqlx::Error> {
    let rows = sqlx::query_as("SELECT table_name, topic, partition, next_offset FROM depthlake_positions");
    rows.fetch_all(connection).await
}

/// In one order, whoever commits, so that no two transactions wait for each other.
async fn move_all(
    connection: &mut AnyConnection,
    tables: &[TableMove],
    positions: &[PositionMove],
) -> Result<Advance, sqlx::Error> {
    let mut tables: Vec<_> = tables.iter().collect();
    tables.sort_by_key(|table| table.base.table);
    for table in tables {
        if move_pointer(connection, table).await? == Advance::Conflict {
            return Ok(Advance::Conflict);
        }
    }
    fail::fail_point!("catalog::pointers_moved");
    let mut positions: Vec<_> = positions.iter().collect();
    positions.sort_by_key(|position| &position.of);
    for position in positions {
        if move_position(connection, position).await? == Advance::Conflict {
            return Ok(Advance::Conflict);
        }
    }
    Ok(Advance::Moved)
}

async fn move_pointer(
    connection: &mut AnyConnection,
    moved_table: &TableMove,
) -> Result<Advance, sqlx::Error> {
    let TableMove { base, to, .. } = moved_table;
    let update = sqlx::query(
        "UPDATE iceberg_tables SET metadata_location = $1, previous_metadata_location = $2
         WHERE catalog_name = $3 AND table_namespace = $4 AND table_name = $5 AND metadata_location = $2",
    );
    let update = update.bind(to.as_str()).bind(base.location.as_str()).bind(CATALOG_NAME);
    let update = update.bind(base.table.namespace()).bind(base.table.name());
    Ok(moved(update.execute(connection).await?.rows_affected()))
}

async fn move_position(
    connection: &mut AnyConnection,
    position: &PositionMove,
) -> Result<Advance, sqlx::Error> {
    let statement = match position.from {
        Some(_) => {
            "UPDATE depthlake_positions SET next_offset = $1
             WHERE table_name = $2 AND topic = $3 AND partition = $4 AND next_offset = $5"
        }
        None => {
            "INSERT INTO depthlake_positions (next_offset, table_name, topic, partition)
             VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
        }
    };
    let PartitionOfTable { table, topic, partition } = &position.of;
    let statement = sqlx::query(statement).bind(column_value(position.to)?).bind(table.to_string());
    let mut statement = statement.bind(topic.as_str()).bind(i64::from(*partition));
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

/// A database that is silent for too long counts as one whose connection broke.
async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(late()))
}

fn late() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "the database does not answer"))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use super::*;

    /// Lets a future be woken so often, and gives it up then.
    async fn given_up_after<T>(wakes: usize, future: impl Future<Output = T>) {
        let (mut future, mut wakes) = (pin!(future), wakes);
        poll_fn(|context| {
            if wakes == 0 || future.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            wakes -= 1;
            Poll::Pending
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_is_given_up_at_any_moment_leaves_nothing_open() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = DatabaseCatalog::sqlite(&folder.path().join("catalog.db")).await.unwrap();
        for wakes in (0..8).cycle().take(200) {
            given_up_after(wakes, catalog.state()).await;
            given_up_after(wakes, catalog.advance(&[], &[])).await;
            catalog.state().await.unwrap();
            assert_eq!(catalog.advance(&[], &[]).await.unwrap(), Advance::Moved);
        }
    }
}
