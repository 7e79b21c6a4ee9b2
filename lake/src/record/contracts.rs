//! The schemas of records by the ids in their frames: our own numbers, or those of a schema registry.
//!
//! With a registry, records are written with its ids, and an id never seen before is looked up there once, resolved against
//! our schema and kept. Records written before there was a registry have our own ids, which may be in use there for
//! another version: then both readings are tried. Versions differ by fields at their end alone, so that only the right one
//! takes a record to its last byte.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use depthlake_orderbook::record::{Derived, RecordKind, Trigger};

use super::avro::DatumReader;
use super::avro_schema::RecordSchema;
use super::columns::Value;
use super::error::{DecodeError, EncodeError, RowsError};
use super::letter::letter;
use super::resolution::Resolution;
use super::rows::{Rows, Unusable, rows_by};
use super::schema::{Schema, Version};
use super::{encode_with, topic_of_kind};
use crate::log::{Record, StoredRecord, Topic, TopicPartition};
use crate::registry::{Registry, RegistryError};

/// More ids than any registry has for us are those of damaged records: they are not kept.
const MOST_KEPT: usize = 4_096;

/// How the schema ids of records are to be understood. Clones share what was learnt.
#[derive(Debug, Clone, Default)]
pub struct Contracts {
    registered: Option<Arc<Registered>>,
}

#[derive(Debug)]
struct Registered {
    registry: Registry,
    /// In the order of [`Schema::ALL`].
    written: [u32; Schema::ALL.len()],
    read: Mutex<HashMap<(Schema, u32), Known>>,
}

/// What a registry says of an id.
#[derive(Debug, Clone)]
enum Known {
    Read(Arc<Resolution>),
    /// Its records cannot be read by the schema of this topic, and why.
    Unreadable(String),
    NotThere,
}

/// The ways to read the records of one id.
#[derive(Debug)]
pub(super) struct Readings {
    id: u32,
    known: Known,
    own: Option<&'static Resolution>,
}

impl Contracts {
    /// Our own ids, and no registry.
    #[must_use]
    pub fn own() -> Self {
        Self::default()
    }

    /// The ids of a registry. Every schema is checked before any is registered. Blocks while the registry is asked.
    ///
    /// # Errors
    /// [`RegistryError`] where it does not answer for a quarter of a minute, or a schema does not go with what is
    /// registered; the message names the field.
    pub fn registered(registry: Registry) -> Result<Self, RegistryError> {
        let written = registry.register_all()?;
        let own = |schema: Schema| schema.own_resolution(schema.id(Version::LATEST));
        let known = Schema::ALL
            .into_iter()
            .zip(written)
            .filter_map(|(schema, id)| Some(((schema, id), Known::Read(Arc::new(own(schema)?.clone())))));
        let read = Mutex::new(known.collect());
        Ok(Self { registered: Some(Arc::new(Registered { registry, written, read })) })
    }

    /// The ids of a registry, for reading alone: nothing is checked or registered there. Blocks while the registry is asked.
    ///
    /// # Errors
    /// [`RegistryError`] where it does not answer for a quarter of a minute.
    pub fn reading(registry: Registry) -> Result<Self, RegistryError> {
        registry.find()?;
        let written = Schema::ALL.map(|schema| schema.id(Version::LATEST));
        Ok(Self { registered: Some(Arc::new(Registered { registry, written, read: Mutex::default() })) })
    }

    /// Whether ids are looked up at a registry.
    #[must_use]
    pub const fn is_registered(&self) -> bool {
        self.registered.is_some()
    }

    /// The record of `market.dlq` about a place in the log that gives no row, and its topic partition. Whoever reads it
    /// finds its row in the table already: it gives none itself.
    #[must_use]
    pub fn letter(&self, unusable: &Unusable) -> (TopicPartition, Record) {
        letter(self.written_id(Schema::of(RecordKind::DeadLetter)), unusable)
    }

    /// A derived record as the log takes it, and its topic: the symbol is the key, the trigger the header, and the value is
    /// Avro in the Confluent wire format.
    ///
    /// # Errors
    /// [`EncodeError`] for a number that does not fit the decimal or the long of its field, to be made a dead letter of.
    pub fn encode(&self, trigger: &Trigger, record: &Derived) -> Result<(Topic, Record), EncodeError> {
        let kind = record.kind();
        let record = encode_with(self.written_id(Schema::of(kind)), trigger, record)?;
        Ok((topic_of_kind(kind), record))
    }

    /// Makes rows of records of one topic partition, all of them of the topic's table. Meant for some megabytes at a time.
    /// Blocks while a registry is asked about an id that was never seen.
    ///
    /// # Errors
    /// [`RowsError::Registry`] where it does not answer, to be tried again. [`RowsError::NoTable`] for a topic that is not
    /// for the lake. [`RowsError::Columns`] where the table does not take what the topic's schema gives, which the tests
    /// rule out.
    pub fn rows(&self, at: TopicPartition, records: &[StoredRecord]) -> Result<Rows, RowsError> {
        rows_by(self, at, records)
    }

    fn written_id(&self, schema: Schema) -> u32 {
        let registered = self.registered.as_deref();
        let id = registered.and_then(|registered| registered.written.get(schema as usize));
        id.copied().unwrap_or(schema.id(Version::LATEST))
    }

    /// How records of a schema's topic are read that have this id.
    pub(super) fn readings(&self, schema: Schema, id: u32) -> Result<Readings, RegistryError> {
        let known = match &self.registered {
            Some(registered) => registered.known(schema, id)?,
            None => Known::NotThere,
        };
        Ok(Readings { id, known, own: schema.own_resolution(id) })
    }
}

impl Registered {
    fn known(&self, schema: Schema, id: u32) -> Result<Known, RegistryError> {
        let lock = || self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&(schema, id)) {
            return Ok(known.clone());
        }
        // Asked without the lock: what is known goes on being read meanwhile.
        let known = match self.registry.schema_of(id)? {
            None => Known::NotThere,
            Some(text) => match resolution(&text, schema) {
                Ok(resolution) => Known::Read(Arc::new(resolution)),
                Err(reason) => Known::Unreadable(reason),
            },
        };
        let mut read = lock();
        if read.len() >= MOST_KEPT {
            read.retain(|_, known| matches!(known, Known::Read(_)));
        }
        read.insert((schema, id), known.clone());
        Ok(known)
    }
}

fn resolution(text: &str, schema: Schema) -> Result<Resolution, String> {
    let writer = RecordSchema::parse(text).map_err(|error| error.to_string())?;
    Resolution::new(&writer, schema.latest(), schema.fields()).map_err(|error| error.to_string())
}

impl Readings {
    pub(super) const fn id(&self) -> u32 {
        self.id
    }

    /// Reads one datum into `values`.
    pub(super) fn read<'a>(
        &self,
        schema: Schema,
        datum: DatumReader<'a>,
        values: &mut Vec<Value<'a>>,
    ) -> Result<(), DecodeError> {
        let fields = schema.fields().len();
        match (&self.known, self.own) {
            (Known::Read(registered), own) => registered
                .read(datum, values, fields)
                .or_else(|error| own.and_then(|own| own.read(datum, values, fields).ok()).ok_or(error)),
            (_, Some(own)) => own.read(datum, values, fields),
            (Known::Unreadable(reason), None) => {
                Err(DecodeError::Unreadable { id: self.id, reason: reason.clone() })
            }
            (Known::NotThere, None) => Err(DecodeError::Schema { found: self.id, topic: schema.topic() }),
        }
    }
}
