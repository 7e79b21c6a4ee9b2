//! The door with a real server behind it and psql in front of it; `tests/doors.rs` asks with drivers.

use std::path::Path;
use std::process::Command;

use tokio::io::AsyncReadExt;

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
        Self::start_with(access, PostgresOptions { tls, ..PostgresOptions::default() }).await
    }

    async fn start_with(access: Access, options: PostgresOptions) -> Self {
        let lake = empty_lake().await;
        append(&lake.lake, Table::Trades, &trades(0, 1_000)).await;
        let database = Database::open(lake.lake.clone(), DatabaseOptions::default()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(serve(listener, database, access, options, std::future::pending()));
        Self { _lake: lake, port, server }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    /// A connection that has been let in.
    async fn session(&self) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(STARTUP).await.unwrap();
        assert_eq!(message(&mut stream, b"ZE").await, Some(b'Z'));
        stream
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

/// The startup message of a client that calls itself ana.
const STARTUP: &[u8] = b"\0\0\0\x12\0\x03\0\0user\0ana\0\0";

/// Reads up to a message of one of these kinds; `None` where the other side closes before.
async fn message(stream: &mut TcpStream, kinds: &[u8]) -> Option<u8> {
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head).await.ok()?;
        let [kind, length @ ..] = head;
        let mut body = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap() - 4];
        stream.read_exact(&mut body).await.ok()?;
        if kinds.contains(&kind) {
            return Some(kind);
        }
    }
}

async fn ask(stream: &mut TcpStream, query: &str) {
    let length = u32::try_from(query.len() + 5).unwrap().to_be_bytes();
    stream.write_all(&[b"Q", &length[..], query.as_bytes(), b"\0"].concat()).await.unwrap();
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
async fn rows_are_copied_as_lines() {
    let served = Served::start(Access::open(), None).await;
    let ask = async |text: &str| served.psql("ana", &["--command", text], &[]).await;
    let two = "SELECT trade_id, symbol, CAST(NULL AS varchar) AS nothing, 'a, \"b\"' AS text FROM normalized.trades ORDER BY trade_id LIMIT 2";
    let Some(copied) = ask(&format!("COPY ({two}) TO STDOUT")).await else { return };
    assert_eq!(copied, (true, "0\tADAUSDT\t\\N\ta, \"b\"\n1\tSOLUSDT\t\\N\ta, \"b\"".to_owned()));
    let csv =
        "trade_id,symbol,nothing,text\n0,ADAUSDT,,\"a, \"\"b\"\"\"\n1,SOLUSDT,,\"a, \"\"b\"\"\"".to_owned();
    for form in ["(FORMAT csv, HEADER)", "WITH CSV HEADER", "WITH (FORMAT CSV, HEADER TRUE, ENCODING 'UTF8')"]
    {
        assert_eq!(
            ask(&format!("COPY ({two}) TO STDOUT {form}")).await.unwrap(),
            (true, csv.clone()),
            "{form}"
        );
    }
    assert_eq!(ask(&format!("\\copy ({two}) TO STDOUT CSV HEADER")).await.unwrap(), (true, csv));
    let (is_well, lines) = ask("COPY normalized.trades (trade_id, price) TO STDOUT").await.unwrap();
    assert_eq!((is_well, lines.lines().count()), (true, 1_000));
    assert_eq!(ask("COPY (SELECT 1 WHERE false) TO STDOUT CSV").await.unwrap(), (true, String::new()));
    for (refused, why) in [
        ("COPY normalized.trades FROM STDIN", "not supported"),
        ("COPY (SELECT 1) TO '/tmp/x'", "not supported"),
        ("COPY (SELECT 1) TO PROGRAM 'cat'", "not supported"),
        ("COPY (SELECT 1) TO STDOUT (FORMAT binary)", "not supported"),
        ("COPY (SELECT nothing FROM normalized.trades) TO STDOUT", "nothing"),
    ] {
        let (is_well, said) = ask(refused).await.unwrap();
        assert!(!is_well && said.contains(why), "{refused}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_describes_what_comes_through_a_pipe() {
    let served = Served::start(Access::open(), None).await;
    let input = "\\d\n\\d normalized.trades\n\\dt *.*\nSELECT count(*) FROM normalized.trades;\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("input");
    std::fs::write(&file, input).unwrap();
    let command = format!(
        "psql --no-psqlrc -h 127.0.0.1 -p {} -U ana -d depthlake -v ON_ERROR_STOP=1 < {}",
        served.port,
        file.display()
    );
    let asked = move || Command::new("sh").args(["-c", &command]).output().unwrap();
    let output = tokio::task::spawn_blocking(asked).await.unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if said.contains("not found") {
        eprintln!("SKIPPED: there is no psql");
        return;
    }
    assert!(output.status.success(), "{said}");
    for expected in ["normalized", "numeric(18,8)", "1000"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

/// What dashboards ask, each in its own way, and what the answer begins with.
const DASHBOARDS: [(&str, &str); 12] = [
    // Grafana: what server this is, what it has, and a panel.
    ("SELECT current_setting('server_version_num')::int/100 as version", ""),
    ("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'", "0"),
    (
        "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) FROM information_schema.tables WHERE table_schema = 'normalized' AND table_name = 'trades'",
        "normalized.trades",
    ),
    (
        "SELECT quote_ident(column_name) AS \"column\", data_type AS \"type\" FROM information_schema.columns WHERE quote_ident(table_schema) || '.' || quote_ident(table_name) = 'normalized.trades' AND column_name = 'trade_id'",
        "trade_id|bigint",
    ),
    (
        "SELECT floor(extract(epoch from event_time)/60)*60 AS \"time\", avg(price) AS \"price\" FROM normalized.trades WHERE event_time BETWEEN '2000-01-01T00:00:00Z' AND '2100-01-01T00:00:00.000Z' GROUP BY 1 ORDER BY 1 LIMIT 1",
        "",
    ),
    (
        "SELECT date_trunc('minute', event_time) AS \"time\", symbol AS metric, sum(quantity) FROM normalized.trades WHERE event_time >= '2000-01-01T00:00:00Z' GROUP BY 1, 2 ORDER BY 1 LIMIT 1",
        "",
    ),
    // Metabase: schemas, tables that may be read, time zone, and a question of its editor.
    (
        "SELECT nspname FROM pg_namespace WHERE nspname = 'normalized' AND has_schema_privilege(nspname, 'USAGE')",
        "normalized",
    ),
    (
        "SELECT n.nspname, c.relname, c.relkind FROM pg_catalog.pg_class c INNER JOIN pg_catalog.pg_namespace n ON c.relnamespace = n.oid WHERE c.relkind IN ('r', 'p', 'v', 'f', 'm') AND n.nspname = 'normalized' AND c.relname = 'trades'",
        "normalized|trades|r",
    ),
    ("SHOW TIMEZONE", ""),
    ("SELECT to_char(current_timestamp, 'YYYY-MM-DD HH24:MI:SS.MS TZ') IS NOT NULL", "t"),
    (
        "SELECT \"source\".\"symbol\" AS \"symbol\", COUNT(*) AS \"count\" FROM (SELECT \"normalized\".\"trades\".\"symbol\" AS \"symbol\" FROM \"normalized\".\"trades\") AS \"source\" GROUP BY \"source\".\"symbol\" ORDER BY \"source\".\"symbol\" ASC",
        "ADAUSDT|247",
    ),
    (
        "SELECT CAST(DATE_TRUNC('month', \"normalized\".\"trades\".\"event_time\") AS date) AS \"event_time\", COUNT(*) AS \"count\" FROM \"normalized\".\"trades\" GROUP BY CAST(DATE_TRUNC('month', \"normalized\".\"trades\".\"event_time\") AS date) ORDER BY CAST(DATE_TRUNC('month', \"normalized\".\"trades\".\"event_time\") AS date) ASC",
        "",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn dashboards_are_answered_in_their_ways() {
    let served = Served::start(Access::open(), None).await;
    let mut unanswered = Vec::new();
    for (text, expected) in DASHBOARDS {
        let Some((is_well, said)) = served.psql("ana", &["--command", text], &[]).await else { return };
        if !is_well || !said.starts_with(expected) {
            unanswered.push(format!("{text}\n    {said}"));
        }
    }
    assert!(unanswered.is_empty(), "{}", unanswered.join("\n"));
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
    let of_table = "SELECT count(*) > 0 FROM pg_attribute WHERE attrelid = 'normalized.trades'::regclass";
    assert_eq!(ask(of_table).await.unwrap(), (true, "t".to_owned()));
    let unknown = "SELECT to_regclass('normalized.nothing') IS NULL AND 'pg_class'::regclass::oid = 1259";
    assert_eq!(ask(unknown).await.unwrap(), (true, "t".to_owned()));
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

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_keeps_nobody_out() {
    let options = PostgresOptions { connections: 4, ..PostgresOptions::default() };
    let served = Served::start_with(Access::open(), options).await;
    let mut first = served.session().await;
    let mut silent = Vec::new();
    for beginning in [&b""[..], b"\0", &STARTUP[..9], b"GET / HTTP/1.1\r\n"].repeat(10) {
        let mut stream = served.connect().await;
        // It may be closed already.
        let _ = stream.write_all(beginning).await;
        silent.push(stream);
    }
    let mut second = served.session().await;
    for session in [&mut first, &mut second] {
        ask(session, "SELECT 1").await;
        assert_eq!(message(session, b"DE").await, Some(b'D'));
        assert_eq!(message(session, b"Z").await, Some(b'Z'));
    }
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_idle_makes_room_and_who_works_does_not() {
    let options = PostgresOptions { connections: 2, ..PostgresOptions::default() };
    let served = Served::start_with(Access::open(), options).await;
    let mut idle = served.session().await;
    let mut at_work = served.session().await;
    // More than the system keeps for a client that does not read on.
    let long = "SELECT n, rpad('x', 5000, 'y') FROM UNNEST(sequence(1, 10000)) AS t(n)";
    ask(&mut at_work, long).await;
    assert_eq!(message(&mut at_work, b"DE").await, Some(b'D'));
    let mut next = served.session().await;
    assert_eq!(message(&mut idle, b"Z").await, None);
    ask(&mut next, long).await;
    assert_eq!(message(&mut next, b"DE").await, Some(b'D'));
    let mut refused = served.connect().await;
    assert_eq!(message(&mut refused, b"ZE").await, Some(b'E'));
    drop((at_work, next));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_begin_in_time_is_closed() {
    let options = PostgresOptions { startup_time: Duration::from_millis(200), ..PostgresOptions::default() };
    let served = Served::start_with(ana(), options).await;
    for beginning in [&b""[..], &STARTUP[..9], STARTUP] {
        let mut stream = served.connect().await;
        stream.write_all(beginning).await.unwrap();
        assert_eq!(message(&mut stream, b"Z").await, None);
    }
}
