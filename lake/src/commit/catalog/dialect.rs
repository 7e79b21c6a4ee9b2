//! What sets the databases of a catalog apart: how one is reached, its transactions, and what its errors mean.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::Url;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers};
use sqlx::error::DatabaseError;
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection, Executor};

use crate::address::DatabaseUrl;
use crate::commit::error::LakeError;
use crate::storage::{create_folder, sync_folder};

/// How long an operation may take before the database counts as away.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// Connections of one process: of its sink, its maintenance and its queries.
const CONNECTIONS: u32 = 4;

/// Kept in the file: readers and a writer go on side by side.
const WRITE_AHEAD: &str = "PRAGMA journal_mode = WAL";

/// Of each connection. A commit waits for another process to finish its own, and is on disk when it is acknowledged.
const SETTINGS_OF_SQLITE: [&str; 2] = ["PRAGMA busy_timeout = 30000", "PRAGMA synchronous = FULL"];

/// Between two attempts at a file that another holds.
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// Which database a catalog is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// Begins a transaction that sees one state of the database.
    pub(super) const fn begin_read(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// Begins a transaction whose updates wait for those of others and then see what they did.
    pub(super) const fn begin_write(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED",
        }
    }

    /// To be said first in a transaction that creates tables, so that one process does at a time.
    pub(super) const fn lock_layout(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("SELECT pg_advisory_xact_lock(7231946550617)"),
        }
    }

    /// To be said first in a transaction that must be on disk once it is acknowledged.
    pub(super) const fn insist_on_disk(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(
                "SELECT set_config('synchronous_commit', 'on', true)
                 WHERE current_setting('synchronous_commit') = 'off'",
            ),
        }
    }

    /// Asks the database whether it is whole.
    pub(super) const fn integrity_check(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => Some("PRAGMA quick_check(1)"),
            Self::Postgres => None,
        }
    }

    /// The message where an error says that the file is damaged or no database.
    pub(super) fn corruption(self, error: &sqlx::Error) -> Option<String> {
        const CORRUPT: i32 = 11;
        const NOT_A_DATABASE: i32 = 26;
        let is_damaged =
            self == Self::Sqlite && matches!(primary_code(error), Some(CORRUPT | NOT_A_DATABASE));
        error.as_database_error().filter(|_| is_damaged).map(|error| error.message().to_owned())
    }

    /// Whether an error says that the transaction gave way to another.
    pub(super) fn gave_way(self, error: &sqlx::Error) -> bool {
        const SERIALIZATION_FAILURE: &str = "40001";
        const DEADLOCK_DETECTED: &str = "40P01";
        let code = error.as_database_error().and_then(DatabaseError::code);
        self == Self::Postgres
            && code.is_some_and(|code| matches!(&*code, SERIALIZATION_FAILURE | DEADLOCK_DETECTED))
    }
}

pub(super) async fn connect_sqlite(path: &Path) -> Result<AnyPool, LakeError> {
    install_default_drivers();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |source| LakeError::Create { path: folder.to_owned(), source };
    create_folder(folder).map_err(failed)?;
    let absolute = std::path::absolute(path).map_err(failed)?;
    let url =
        Url::from_file_path(&absolute).map_err(|()| LakeError::PathNotUtf8 { path: absolute.clone() })?;
    let url = format!("sqlite://{}?mode=rwc", url.path());
    let opened = open_sqlite(&url).await;
    let catalog = path.display().to_string();
    let opened = opened.map_err(|source| match Dialect::Sqlite.corruption(&source) {
        Some(detail) => LakeError::CorruptCatalog { catalog: catalog.clone(), detail },
        None => LakeError::Catalog { catalog: catalog.clone(), action: "open", source },
    })?;
    sync_folder(folder).map_err(failed)?;
    Ok(opened)
}

/// The first connection shows what is wrong with the file: a pool would go on trying.
async fn open_sqlite(url: &str) -> Result<AnyPool, sqlx::Error> {
    let options: AnyConnectOptions = url.parse()?;
    let mut first = AnyConnection::connect_with(&options).await?;
    write_ahead(&mut first).await?;
    first.close().await?;
    let pool = AnyPoolOptions::new().max_connections(CONNECTIONS).after_connect(|connection, _| {
        Box::pin(async move {
            for setting in SETTINGS_OF_SQLITE {
                connection.execute(setting).await?;
            }
            Ok(())
        })
    });
    pool.connect_with(options).await
}

/// `SQLite` does not wait for a lock where two that hold the file both want the other gone, as two that open a new
/// catalog do: one of them is told that it is busy at once, and asks again here.
async fn write_ahead(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let started = Instant::now();
    while let Err(error) = connection.execute(WRITE_AHEAD).await {
        if !is_busy(&error) || started.elapsed() > PATIENCE {
            return Err(error);
        }
        tokio::time::sleep(BUSY_PAUSE).await;
    }
    Ok(())
}

fn is_busy(error: &sqlx::Error) -> bool {
    const BUSY: i32 = 5;
    primary_code(error) == Some(BUSY)
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    Some(error.as_database_error()?.code()?.parse::<i32>().ok()? & 0xff)
}

pub(super) async fn connect_postgres(url: &DatabaseUrl) -> Result<AnyPool, LakeError> {
    install_default_drivers();
    let opened = async {
        let options = AnyConnectOptions::from_url(url.with_password())?;
        // The first connection shows what is wrong: a pool would go on trying.
        AnyConnection::connect_with(&options).await?.close().await?;
        AnyPoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await
    };
    opened.await.map_err(|source| LakeError::Catalog { catalog: url.to_string(), action: "open", source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_that_open_a_new_catalog_at_once_all_get_it() {
        const AT_ONCE: usize = 8;
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("catalog.db");
            let start = std::sync::Barrier::new(AT_ONCE);
            std::thread::scope(|scope| {
                let open = || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    start.wait();
                    runtime.block_on(async { connect_sqlite(&path).await.map(drop) })
                };
                let opening: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(open)).collect();
                for opened in opening {
                    opened.join().unwrap().unwrap();
                }
            });
        }
    }
}
