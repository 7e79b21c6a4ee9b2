//! The Avro schemas of derived records, in their versions.
//!
//! The files in `lake/schemas/` are the contract with other readers of the log. What is read is read by them; what is
//! written is written by hand, in the order of the latest, and compared with it in the tests. A version differs from the
//! one before by optional fields at its end and by nothing else, so that each can be read by all others.

use std::sync::LazyLock;

use depthlake_orderbook::record::RecordKind;

use super::avro_schema::RecordSchema;
use super::resolution::{Field, Resolution, fields_of};
use crate::log::Topic;

/// The schema of a topic's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Schema {
    BookTicker,
    Trade,
    Ohlcv1m,
    DeadLetter,
    FeedEvent,
}

/// A version of the schemas, all of which change together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    First,
    Second,
}

impl Version {
    /// Every version, oldest first.
    pub const ALL: [Self; 2] = [Self::First, Self::Second];

    /// What is written.
    pub const LATEST: Self = Self::Second;
}

impl Schema {
    /// Every schema.
    pub const ALL: [Self; 5] =
        [Self::BookTicker, Self::Trade, Self::Ohlcv1m, Self::DeadLetter, Self::FeedEvent];

    /// The schema's id where no registry gives one. These numbers are in logs: never renumber.
    #[must_use]
    pub const fn id(self, version: Version) -> u32 {
        let number = match self {
            Self::BookTicker => 1,
            Self::Trade => 2,
            Self::Ohlcv1m => 3,
            Self::DeadLetter => 4,
            Self::FeedEvent => 5,
        };
        match version {
            Version::First => number,
            Version::Second => 5 + number,
        }
    }

    /// The schema as JSON, as a registry takes it.
    #[must_use]
    pub const fn json(self, version: Version) -> &'static str {
        match (self, version) {
            (Self::BookTicker, Version::First) => include_str!("../../schemas/book_ticker.v1.avsc"),
            (Self::BookTicker, Version::Second) => include_str!("../../schemas/book_ticker.v2.avsc"),
            (Self::Trade, Version::First) => include_str!("../../schemas/trade.v1.avsc"),
            (Self::Trade, Version::Second) => include_str!("../../schemas/trade.v2.avsc"),
            (Self::Ohlcv1m, Version::First) => include_str!("../../schemas/ohlcv_1m.v1.avsc"),
            (Self::Ohlcv1m, Version::Second) => include_str!("../../schemas/ohlcv_1m.v2.avsc"),
            (Self::DeadLetter, Version::First) => include_str!("../../schemas/dead_letter.v1.avsc"),
            (Self::DeadLetter, Version::Second) => include_str!("../../schemas/dead_letter.v2.avsc"),
            (Self::FeedEvent, Version::First) => include_str!("../../schemas/feed_event.v1.avsc"),
            (Self::FeedEvent, Version::Second) => include_str!("../../schemas/feed_event.v2.avsc"),
        }
    }

    /// The schema of the derived records of a kind.
    #[must_use]
    pub const fn of(kind: RecordKind) -> Self {
        match kind {
            RecordKind::Book => Self::BookTicker,
            RecordKind::Trade => Self::Trade,
            RecordKind::Bar => Self::Ohlcv1m,
            RecordKind::DeadLetter => Self::DeadLetter,
            RecordKind::Feed => Self::FeedEvent,
        }
    }

    /// The schema of a topic's values; `None` where they are no Avro.
    #[must_use]
    pub const fn of_topic(topic: Topic) -> Option<Self> {
        match topic {
            Topic::BookTicker => Some(Self::BookTicker),
            Topic::Trade => Some(Self::Trade),
            Topic::Ohlcv1m => Some(Self::Ohlcv1m),
            Topic::DeadLetter => Some(Self::DeadLetter),
            Topic::FeedEvent => Some(Self::FeedEvent),
            Topic::RawOrderbook | Topic::RawTrade | Topic::Checkpoint => None,
        }
    }

    /// The topic whose values have the schema.
    #[must_use]
    pub const fn topic(self) -> Topic {
        match self {
            Self::BookTicker => Topic::BookTicker,
            Self::Trade => Topic::Trade,
            Self::Ohlcv1m => Topic::Ohlcv1m,
            Self::DeadLetter => Topic::DeadLetter,
            Self::FeedEvent => Topic::FeedEvent,
        }
    }

    /// What the latest version says.
    pub(super) fn latest(self) -> &'static RecordSchema {
        &self.own().latest
    }

    /// The fields of the latest version, in the order of the file: what any version is read as.
    pub(super) fn fields(self) -> &'static [Field] {
        &self.own().fields
    }

    /// How a version of ours is read, by its own id.
    pub(super) fn own_resolution(self, id: u32) -> Option<&'static Resolution> {
        let place = Version::ALL.into_iter().position(|version| self.id(version) == id)?;
        self.own().resolutions.get(place)
    }

    fn own(self) -> &'static Own {
        static OWN: LazyLock<[Own; 5]> = LazyLock::new(|| {
            Schema::ALL.map(|schema| {
                Own::of(schema)
                    .expect("our own schemas are in the part of Avro that we read; a test reads them all")
            })
        });
        &OWN[self as usize]
    }
}

/// What is made of the files once.
struct Own {
    latest: RecordSchema,
    fields: Vec<Field>,
    /// In the order of [`Version::ALL`].
    resolutions: Vec<Resolution>,
}

impl Own {
    fn of(schema: Schema) -> Option<Self> {
        let parsed = |version| RecordSchema::parse(schema.json(version)).ok();
        let latest = parsed(Version::LATEST)?;
        let fields = fields_of(&latest).ok()?;
        let resolution = |version| Resolution::new(&parsed(version)?, &latest, &fields).ok();
        let resolutions = Version::ALL.into_iter().map(resolution).collect::<Option<_>>()?;
        Some(Self { latest, fields, resolutions })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::avro_schema::{AvroType, SchemaField};
    use super::*;

    #[test]
    fn schemas_are_found_by_their_ids_and_topics() {
        for (index, schema) in Schema::ALL.into_iter().enumerate() {
            assert_eq!(schema as usize, index);
            assert_eq!(Schema::of_topic(schema.topic()), Some(schema));
        }
        let of_topics: Vec<_> = Topic::ALL.into_iter().filter_map(Schema::of_topic).collect();
        assert_eq!(of_topics, Schema::ALL);
    }

    #[test]
    fn no_two_versions_share_an_id() {
        let ids = Schema::ALL.into_iter().flat_map(|schema| Version::ALL.map(|version| schema.id(version)));
        assert_eq!(ids.collect::<BTreeSet<_>>(), (1..=10).collect());
        assert_eq!(Schema::ALL.map(|schema| schema.id(Version::First)), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn every_file_is_read_as_avro_reads_it() {
        for schema in Schema::ALL {
            for version in Version::ALL {
                let avro = apache_avro::Schema::parse_str(schema.json(version)).unwrap();
                let apache_avro::Schema::Record(record) = avro else { panic!("{schema:?} is no record") };
                let names: Vec<_> = record.fields.iter().map(|field| &field.name).collect();
                let ours = RecordSchema::parse(schema.json(version)).unwrap();
                assert_eq!(ours.fields.iter().map(|field| &field.name).collect::<Vec<_>>(), names);
                for field in &record.fields {
                    assert!(
                        field.doc.as_ref().is_some_and(|doc| doc.len() > 10),
                        "{schema:?}.{}",
                        field.name
                    );
                }
            }
        }
    }

    #[test]
    fn a_version_only_adds_optional_fields_at_the_end() {
        for schema in Schema::ALL {
            let parsed = Version::ALL.map(|version| RecordSchema::parse(schema.json(version)).unwrap());
            for pair in parsed.windows(2) {
                let (before, after) = (&pair[0], &pair[1]);
                let (kept, added) = after.fields.split_at(before.fields.len());
                assert_eq!((&before.name, &before.fields[..]), (&after.name, kept), "{schema:?}");
                let is_optional = |field: &SchemaField| {
                    let starts_with_null =
                        matches!(&field.kind, AvroType::Union(kinds) if kinds[0] == AvroType::Null);
                    field.has_default && starts_with_null
                };
                assert!(added.iter().all(is_optional), "{schema:?}");
            }
        }
    }
}
