//! Places for lakes on servers, each of them new.

use std::env;
use std::io::Write;
use std::process::{Command, Stdio};

use sqlx::any::install_default_drivers;
use sqlx::{AnyPool, Executor};
use tempfile::TempDir;
use uuid::Uuid;

use super::super::super::*;
use super::cut_connection::CutConnection;
use crate::address::{CatalogAddress, S3Credentials, S3Settings, WarehouseAddress};

/// An address at which there is no lake yet.
pub(super) struct SharedPlace {
    catalog: String,
    warehouse: Place,
}

enum Place {
    Folder(TempDir),
    Bucket { prefix: String, settings: S3Settings },
}

/// One place of each kind for which there are servers.
pub(super) async fn places() -> Vec<SharedPlace> {
    let mut places = Vec::new();
    let bucket = bucket();
    if let Some(catalog) = new_database().await {
        let warehouse = Place::Folder(tempfile::tempdir().unwrap());
        places.push(SharedPlace { catalog, warehouse });
    }
    if let (Some(catalog), Some(warehouse)) =
        (new_database().await, bucket.as_ref().map(BucketOf::new_prefix))
    {
        places.push(SharedPlace { catalog, warehouse });
    }
    if let (Some(catalog), Some(warehouse)) = (new_branch().await, bucket.as_ref().map(BucketOf::whole)) {
        places.push(SharedPlace { catalog, warehouse });
    }
    places
}

impl SharedPlace {
    pub(super) fn name(&self) -> String {
        format!("{} with {}", self.catalog, self.warehouse_text())
    }

    pub(super) async fn open(&self) -> Lake {
        Lake::open_at(&self.address(&self.catalog)).await.unwrap()
    }

    /// The lake, its catalog reached through a connection that can be cut.
    pub(super) async fn open_through_a_cut(&self) -> Option<(Lake, CutConnection)> {
        let (scheme, rest) = self.catalog.split_once("://")?;
        let (host, path) = rest.split_once('/')?;
        let (user, host) = host.rsplit_once('@').map_or(("", host), |(user, host)| (user, host));
        let connection = CutConnection::to(host.to_owned()).await;
        let user = if user.is_empty() { String::new() } else { format!("{user}@") };
        let through = format!("{scheme}://{user}{}/{path}", connection.address());
        Some((Lake::open_at(&self.address(&through)).await.unwrap(), connection))
    }

    fn address(&self, catalog: &str) -> LakeAddress {
        let catalog: CatalogAddress = catalog.parse().unwrap();
        let mut warehouse: WarehouseAddress = self.warehouse_text().parse().unwrap();
        if let (WarehouseAddress::S3(address), Place::Bucket { settings, .. }) =
            (&mut warehouse, &self.warehouse)
        {
            address.settings = settings.clone();
        }
        LakeAddress { catalog, warehouse }
    }

    fn warehouse_text(&self) -> String {
        match &self.warehouse {
            Place::Folder(folder) => folder.path().join("ware house").display().to_string(),
            Place::Bucket { prefix, .. } => prefix.clone(),
        }
    }

    /// Has `PyIceberg` read tables by the catalog, where it is installed.
    pub(super) fn assert_pyiceberg_reads(&self, expected: &[(Table, u64)]) {
        let tables: Vec<_> = expected.iter().map(|(table, _)| *table).collect();
        let Some(rows) = self.pyiceberg("count", &tables) else { return };
        assert_eq!(rows, expected.iter().map(|(_, rows)| *rows).collect::<Vec<_>>());
    }

    /// Has `PyIceberg` append the rows of a table to it once more; returns how many, or `None` where it cannot.
    pub(super) fn pyiceberg_doubles(&self, table: Table) -> Option<u64> {
        self.pyiceberg("double", &[table])?.pop()
    }

    fn pyiceberg(&self, what: &str, tables: &[Table]) -> Option<Vec<u64>> {
        let Some(python) = env::var_os("DEPTHLAKE_PYTHON") else {
            eprintln!("SKIPPED: PyIceberg, for DEPTHLAKE_PYTHON is not set");
            return None;
        };
        let mut properties = if self.catalog.starts_with("http") {
            serde_json::json!({ "type": "rest", "uri": self.catalog })
        } else {
            let uri = self.catalog.replacen("postgres://", "postgresql+psycopg://", 1);
            serde_json::json!({ "type": "sql", "uri": uri, "init_catalog_tables": "false" })
        };
        if let Place::Bucket { settings, .. } = &self.warehouse {
            properties["s3.endpoint"] = settings.endpoint.clone().into();
            let S3Credentials { access_key_id, secret_access_key } = settings.credentials.as_ref().unwrap();
            properties["s3.access-key-id"] = access_key_id.as_str().into();
            properties["s3.secret-access-key"] = secret_access_key.reveal().into();
            properties["s3.region"] = "us-east-1".into();
        }
        let mut script = Command::new(python)
            .args(["-", &properties.to_string(), what])
            .args(tables.iter().map(Table::to_string))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        script.stdin.take().unwrap().write_all(include_bytes!("other_engine.py")).unwrap();
        let output = script.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
        if told.starts_with("SKIPPED") {
            eprintln!("{told}");
            return None;
        }
        Some(told.lines().map(|line| line.parse().unwrap()).collect())
    }
}

struct BucketOf {
    name: String,
    settings: S3Settings,
}

impl BucketOf {
    /// For a server that gives each table a folder that no other has.
    fn whole(&self) -> Place {
        Place::Bucket { prefix: format!("s3://{}", self.name), settings: self.settings.clone() }
    }

    fn new_prefix(&self) -> Place {
        let prefix = format!("s3://{}/{}", self.name, Uuid::new_v4());
        Place::Bucket { prefix, settings: self.settings.clone() }
    }
}

fn bucket() -> Option<BucketOf> {
    let endpoint = variable("DEPTHLAKE_TEST_S3", "infra/local/s3")?;
    let settings = S3Settings {
        endpoint: Some(endpoint),
        region: None,
        credentials: Some(S3Credentials {
            access_key_id: env::var("DEPTHLAKE_TEST_S3_KEY").unwrap(),
            secret_access_key: env::var("DEPTHLAKE_TEST_S3_SECRET").unwrap().into(),
        }),
    };
    Some(BucketOf { name: env::var("DEPTHLAKE_TEST_S3_BUCKET").unwrap(), settings })
}

/// A database of its own in the server.
async fn new_database() -> Option<String> {
    let server = variable("DEPTHLAKE_TEST_POSTGRES", "infra/local/postgres")?;
    let name = format!("lake_{}", Uuid::new_v4().simple());
    install_default_drivers();
    let pool = AnyPool::connect(&server).await.unwrap();
    pool.execute(format!("CREATE DATABASE {name}").as_str()).await.unwrap();
    pool.close().await;
    let (host, _) = server.rsplit_once('/').unwrap();
    Some(format!("{host}/{name}"))
}

/// A branch of its own on the server.
async fn new_branch() -> Option<String> {
    let server = variable("DEPTHLAKE_TEST_REST", "infra/local/rest-catalog")?;
    let branch = format!("test-{}", Uuid::new_v4());
    let api = server.replacen("/iceberg", "/api/v2/trees", 1);
    let http = reqwest::Client::new();
    let main: serde_json::Value = http.get(format!("{api}/main")).send().await.unwrap().json().await.unwrap();
    let made =
        http.post(format!("{api}?name={branch}&type=BRANCH")).json(&main["reference"]).send().await.unwrap();
    assert!(made.status().is_success(), "{}", made.text().await.unwrap());
    Some(format!("{server}/{branch}"))
}

fn variable(name: &str, script: &str) -> Option<String> {
    let value = env::var(name).ok();
    if value.is_none() {
        eprintln!("SKIPPED: {name} is not set; `eval \"$({script} start DIR)\"` sets it");
    }
    value
}
