//! The door with a real server behind it and psql in front of it; `tests/doors.rs` asks with drivers.

use std::path::Path;
use std::process::Command;

use depthlake_lake::table::Table;

use super::*;
use crate::access::AccessConfiguration;
use crate::samples::{LakeInFolder, append, empty_lake, trades};
use crate::session::DatabaseOptions;

/// A door over a lake with a thousand trades.
struct Served {
    _lake: LakeInFolder,
    port: u16,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn start(access: Access, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let lake = empty_lake().await;
        append(&lake.lake, Table::Trades, &trades(0, 1_000)).await;
        let database = Database::open(lake.lake.clone(), DatabaseOptions::default()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let options = PostgresOptions { tls, ..PostgresOptions::default() };
        let server = tokio::spawn(serve(listener, database, access, options, std::future::pending()));
        Self { _lake: lake, port, server }
    }

    /// Runs psql; `None`, with a message, where there is none.
    async fn psql(&self, user: &str, more: &[&str], environment: &[(&str, &str)]) -> Option<(bool, String)> {
        let mut command = Command::new("psql");
        command
            .args(["--no-psqlrc", "--host", "127.0.0.1", "--username", user, "--dbname", "depthlake"])
            .args([
                "--port",
                &self.port.to_string(),
                "--tuples-only",
                "--no-align",
                "--set",
                "ON_ERROR_STOP=1",
            ])
            .args(more)
            .envs(environment.iter().copied());
        let Ok(output) = tokio::task::spawn_blocking(move || command.output()).await.unwrap() else {
            eprintln!("SKIPPED: there is no psql");
            return None;
        };
        let said = [output.stdout, output.stderr].concat();
        Some((output.status.success(), String::from_utf8_lossy(&said).trim().to_owned()))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn tls() -> Arc<rustls::ServerConfig> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls");
    let (certificate, key) = (folder.join("localhost.crt"), folder.join("localhost.key"));
    Arc::new(crate::server::server_config(&crate::server::TlsOptions { certificate, key }).unwrap())
}

/// `ana`, whose password is `secret`.
fn ana() -> Access {
    let users = serde_json::json!({ "ana": { "password": bcrypt::hash("secret", 4).unwrap() } });
    let users = serde_json::from_value(users).unwrap();
    Access::new(&AccessConfiguration { users, jwt: None }).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_asks_and_describes() {
    let served = Served::start(Access::open(), None).await;
    let ask = async |text: &str| served.psql("ana", &["--command", text], &[]).await;
    let Some(answer) = ask("SELECT count(*), max(trade_id) FROM normalized.trades").await else { return };
    assert_eq!(answer, (true, "1000|999".to_owned()));
    let both = ask("SELECT 1; SELECT 'two'").await.unwrap();
    assert_eq!(both, (true, "1\ntwo".to_owned()));
    let types = "SELECT to_regtype('numeric'), to_regtype('Double Precision'), to_regtype('hstore') IS NULL FROM pg_class LIMIT 1";
    assert_eq!(ask(types).await.unwrap(), (true, "1700|701|t".to_owned()));
    let escaped = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pg/_cat' || '%' ESCAPE '/'";
    assert_eq!(ask(escaped).await.unwrap(), (true, "1".to_owned()));
    for (command, expected) in [
        ("\\l", "depthlake"),
        ("\\dn", "normalized"),
        ("\\dt normalized.*", "normalized|trades|table"),
        ("\\d normalized.trades", "numeric(18,8)"),
        ("\\du", "ana"),
        ("\\conninfo", "database \"depthlake\""),
    ] {
        let (is_well, said) = ask(command).await.unwrap();
        assert!(is_well && said.contains(expected), "{command}: {said}");
    }
    let (is_well, said) = ask("SELECT nothing FROM normalized.trades").await.unwrap();
    assert!(!is_well && said.contains("ERROR"), "{said}");
    let (is_well, said) = ask("DROP TABLE normalized.trades").await.unwrap();
    assert!(!is_well && said.contains("ERROR"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_asked_for_and_taken_over_tls() {
    let served = Served::start(ana(), Some(tls())).await;
    let ask = async |user: &str, password: &str| {
        let environment = [("PGPASSWORD", password), ("PGSSLMODE", "require")];
        served.psql(user, &["--command", "SELECT 7"], &environment).await
    };
    let Some(answer) = ask("ana", "secret").await else { return };
    assert_eq!(answer, (true, "7".to_owned()));
    for (user, password) in [("ana", "wrong"), ("bo", "secret"), ("ana", "")] {
        let (is_in, said) = ask(user, password).await.unwrap();
        assert!(!is_in, "{user} {said}");
    }
    let (_, said) = ask("ana", "wrong").await.unwrap();
    assert!(said.contains("password authentication failed for user \"ana\""), "{said}");
}
