//! A real registry of this machine, started by `infra/local/registry/registry.sh`. `DEPTHLAKE_REGISTRY` names that script;
//! without it these tests do nothing.

use std::env;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::*;
use crate::commit::Lake;
use crate::log::{EmbeddedLog, Log, Options};
use crate::record::{DecodeError, Fault, RowsError, encode};
use crate::sink::{Sink, SinkConfig, SinkError};
use crate::table::Table;

/// A registry, which ends with this and forgets everything.
struct Server {
    script: PathBuf,
    data: tempfile::TempDir,
    registry: Registry,
}

impl Server {
    fn start() -> Option<Self> {
        let Some(script) = env::var_os("DEPTHLAKE_REGISTRY").map(PathBuf::from) else {
            eprintln!("SKIPPED: DEPTHLAKE_REGISTRY does not name the script that starts a schema registry");
            return None;
        };
        let data = tempfile::tempdir().unwrap();
        let started =
            Command::new(&script).arg("start").arg(data.path()).stderr(Stdio::inherit()).output().unwrap();
        assert!(started.status.success(), "{} start failed", script.display());
        let registry = Registry::at(String::from_utf8(started.stdout).unwrap().trim()).unwrap();
        Some(Self { script, data, registry })
    }

    fn stop(&self) {
        let stopped = Command::new(&self.script).arg("stop").arg(self.data.path()).status().unwrap();
        assert!(stopped.success(), "{} stop failed", self.script.display());
    }

    fn found(&self, method: Method, path: &str, body: Option<Json>) -> Json {
        match self.registry.call_once(method, path, body).unwrap() {
            Answer::Found(json) => json,
            Answer::NotThere => panic!("{path} is not there"),
        }
    }

    fn subjects(&self) -> Vec<String> {
        serde_json::from_value(self.found(Method::GET, "subjects", None)).unwrap()
    }

    fn clear(&self) {
        for subject in self.subjects() {
            self.found(Method::DELETE, &format!("subjects/{subject}"), None);
            self.found(Method::DELETE, &format!("subjects/{subject}?permanent=true"), None);
        }
        assert_eq!(self.subjects(), Vec::<String>::new());
    }

    /// Registers a schema as another program would, and gives its id.
    fn register(&self, schema: Schema, text: &str) -> u32 {
        let path = format!("subjects/{}/versions", subject_of(schema));
        id_of(&self.found(Method::POST, &path, Some(json!({ "schema": text })))).unwrap()
    }

    fn require(&self, compatibility: &str) {
        self.found(Method::PUT, "config", Some(json!({ "compatibility": compatibility })));
    }

    fn contracts(&self) -> Contracts {
        Contracts::registered(self.registry.clone()).unwrap()
    }

    fn refusal(&self) -> String {
        Contracts::registered(self.registry.clone()).unwrap_err().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The trades' latest schema, changed by one who does not keep the rules.
fn changed_trade(change: impl FnOnce(&mut Vec<Json>)) -> String {
    let mut schema: Json = serde_json::from_str(Schema::Trade.json(Version::LATEST)).unwrap();
    change(schema["fields"].as_array_mut().unwrap());
    schema.to_string()
}

fn trade() -> (Trigger, Derived) {
    one_of_each().into_iter().nth(Schema::Trade as usize).unwrap()
}

/// A record with the fields of the first version alone: those of the second are at its end.
fn first_version(record: &Record) -> Record {
    let at = place_of(Schema::Trade);
    let is_first = |end: &usize| {
        let cut = with_id(
            &Record { value: record.value.slice(..*end), ..record.clone() },
            Schema::Trade.id(Version::First),
        );
        Contracts::own().rows(at, &[stored(0, cut)]).unwrap().unusable.is_empty()
    };
    let end = (5..record.value.len()).rev().find(is_first).unwrap();
    Record { value: record.value.slice(..end), ..record.clone() }
}

/// One server for all that follows: it takes a while to start.
#[test]
fn a_registry_and_programs_of_several_versions() {
    let Some(server) = Server::start() else { return };
    every_schema_is_registered_once(&server);
    an_earlier_version_is_followed(&server);
    a_later_version_is_read(&server);
    a_schema_that_cannot_be_read_is_refused_and_nothing_registered(&server);
    a_verdict_of_the_registry_is_told_with_the_field(&server);
    ids_of_ours_are_read_beside_those_of_the_registry(&server);
    what_is_known_outlives_the_registry(&server);
}

fn every_schema_is_registered_once(server: &Server) {
    let contracts = server.contracts();
    let mut subjects = server.subjects();
    subjects.sort_unstable();
    let mut expected = Schema::ALL.map(subject_of);
    expected.sort_unstable();
    assert_eq!(subjects, expected);
    for (schema, (trigger, record)) in Schema::ALL.into_iter().zip(one_of_each()) {
        let (topic, encoded) = contracts.encode(&trigger, &record).unwrap();
        assert_eq!(topic, schema.topic());
        let text = server.registry.schema_of(framed_id(&encoded)).unwrap().unwrap();
        let parse = |text: &str| RecordSchema::parse(text).unwrap();
        assert_eq!(parse(&text), parse(schema.json(Version::LATEST)));
        // Another process, which has to ask, reads the same.
        let other = server.contracts();
        let encoded = [encoded];
        assert_eq!(rows_of(&other, schema, &encoded), rows_of(&contracts, schema, &encoded));
        assert_eq!(other.encode(&trigger, &record).unwrap().1, encoded[0]);
    }
    server.clear();
}

fn an_earlier_version_is_followed(server: &Server) {
    server.require("FULL_TRANSITIVE");
    let old_id = server.register(Schema::Trade, Schema::Trade.json(Version::First));
    let contracts = server.contracts();
    let (trigger, record) = trade();
    let (_, new) = contracts.encode(&trigger, &record).unwrap();
    assert_ne!(framed_id(&new), old_id);
    let path = format!("subjects/{}/versions", subject_of(Schema::Trade));
    assert_eq!(server.found(Method::GET, &path, None), json!([1, 2]));
    let old = with_id(&first_version(&new), old_id);
    let batch = rows_of(&contracts, Schema::Trade, &[old.clone(), new.clone()]);
    let quote = batch.column_by_name("quote_quantity").unwrap();
    assert!(quote.is_null(0), "the first version has no such field");
    carry(&contracts, &[old, new]);
    server.clear();
}

/// From a log to a lake, by a sink that knows the registry and one that does not.
fn carry(contracts: &Contracts, records: &[Record]) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(NonZeroU16::MIN);
    let log = Arc::new(EmbeddedLog::open(&folder.path().join("log"), &options).unwrap());
    for record in records {
        log.append(place_of(Schema::Trade), record).unwrap();
    }
    log.sync().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let rows = |contracts: &Contracts, name: &str| {
        let place = folder.path().join(name);
        runtime.block_on(async {
            let lake = Lake::open(&place.join("catalog.db"), &place.join("warehouse")).await.unwrap();
            let log = Arc::clone(&log) as Arc<dyn Log>;
            let mut sink = Sink::new(log, lake, SinkConfig::default()).with_contracts(contracts.clone());
            let report = sink.commit_once().await.unwrap();
            [Table::Trades, Table::DeadLetters].map(|table| report.rows.get(&table).copied().unwrap_or(0))
        })
    };
    let all = records.len() as u64;
    assert_eq!(rows(contracts, "registered"), [all, 0]);
    assert_eq!(rows(&Contracts::own(), "own"), [0, all]);
}

fn a_later_version_is_read(server: &Server) {
    server.require("BACKWARD");
    server.register(Schema::Trade, Schema::Trade.json(Version::LATEST));
    let later = changed_trade(|fields| {
        fields.push(json!({"name": "venue", "type": ["null", "string"], "default": null}));
    });
    let later_id = server.register(Schema::Trade, &later);
    let contracts = server.contracts();
    let (trigger, record) = trade();
    let (_, ours) = contracts.encode(&trigger, &record).unwrap();
    // Branch 1 of the union: a text of three bytes.
    let value = [&ours.value[..], &[2, 6], b"XYZ"].concat();
    let theirs = with_id(&Record { value: value.into(), ..ours.clone() }, later_id);
    let [one, other] = [ours, theirs].map(|record| rows_of(&contracts, Schema::Trade, &[record]));
    assert_eq!(one, other);
    let path = format!("subjects/{}/versions", subject_of(Schema::Trade));
    assert_eq!(server.found(Method::GET, &path, None), json!([1, 2]), "ours is registered already");
    server.clear();
}

fn a_schema_that_cannot_be_read_is_refused_and_nothing_registered(server: &Server) {
    server.require("NONE");
    let retyped = changed_trade(|fields| {
        fields.iter_mut().find(|field| field["name"] == "price").unwrap()["type"] = json!("string");
    });
    server.register(Schema::Trade, &retyped);
    assert_eq!(
        server.refusal(),
        "version 1 of market.normalized.trade-value in the schema registry cannot be read by this program: field price \
         is string, expected decimal(18,8)"
    );
    assert_eq!(server.subjects(), [subject_of(Schema::Trade)]);
    server.clear();

    let short = changed_trade(|fields| fields.retain(|field| field["name"] != "taker_side"));
    server.register(Schema::Trade, &short);
    let text = server.refusal();
    assert!(text.ends_with("field taker_side is missing, and there is no default for it"), "{text}");
    assert_eq!(server.subjects(), [subject_of(Schema::Trade)]);
    server.clear();
}

fn a_verdict_of_the_registry_is_told_with_the_field(server: &Server) {
    let more = changed_trade(|fields| fields.push(json!({"name": "venue", "type": "string"})));
    server.register(Schema::Trade, &more);
    // Old readers would miss the field in new records.
    server.require("FORWARD");
    let text = server.refusal();
    let begin = "the schema registry refuses this program's schema after version 1 of market.normalized.trade-value: \
                 field venue is missing, and there is no default for it; ";
    assert!(text.starts_with(begin), "{text}");
    assert_eq!(server.subjects(), [subject_of(Schema::Trade)]);
    server.clear();
    server.require("BACKWARD");
}

fn ids_of_ours_are_read_beside_those_of_the_registry(server: &Server) {
    let contracts = server.contracts();
    for (schema, (trigger, record)) in Schema::ALL.into_iter().zip(one_of_each()) {
        let (_, ours) = encode(&trigger, &record).unwrap();
        let (_, registered) = contracts.encode(&trigger, &record).unwrap();
        let [one, other] = [ours, registered].map(|record| rows_of(&contracts, schema, &[record]));
        assert_eq!(one, other, "{schema:?}");
    }
    server.clear();
}

fn what_is_known_outlives_the_registry(server: &Server) {
    let contracts = server.contracts();
    let (trigger, record) = trade();
    let (_, encoded) = contracts.encode(&trigger, &record).unwrap();
    let at = place_of(Schema::Trade);
    let unknown = with_id(&encoded, 4_000_000_000);
    let foreign =
        with_id(&encoded, framed_id(&contracts.encode(&one_of_each()[0].0, &one_of_each()[0].1).unwrap().1));
    let found = contracts.rows(at, &[stored(0, unknown.clone()), stored(1, foreign)]).unwrap().unusable;
    let faults: Vec<_> = found.into_iter().map(|place| place.fault).collect();
    let [
        Fault::Undecodable(DecodeError::Schema { found, .. }),
        Fault::Undecodable(DecodeError::Unreadable { reason, .. }),
    ] = &faults[..]
    else {
        panic!("{faults:?}")
    };
    assert_eq!(*found, 4_000_000_000);
    assert_eq!(
        reason,
        "the record is called market.normalized.book_ticker, expected market.normalized.trade"
    );

    server.stop();
    // It was asked about already, and so were those that are written.
    assert_eq!(contracts.rows(at, &[stored(0, unknown)]).unwrap().unusable.len(), 1);
    assert_eq!(contracts.encode(&trigger, &record).unwrap().1, encoded);
    rows_of(&contracts, Schema::Trade, std::slice::from_ref(&encoded));
    let never_seen = with_id(&encoded, 3_999_999_999);
    let error = contracts.rows(at, &[stored(0, never_seen)]).unwrap_err();
    assert!(matches!(&error, RowsError::Registry { .. }), "{error}");
    assert!(SinkError::from(error).is_transient());
}
