//! Which layers are compared with what, and why nothing was.

use anyhow::Result;
use depthlake_lake::model::Model;
use depthlake_lake::reconcile::Layer;
use depthlake_lake::table::Table;
use depthlake_orderbook::time::Timestamp;
use depthlake_query::output::utc;

use super::judge::Judge;

/// A layer, and what gives its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pair {
    RawWithLog,
    NormalizedWithRaw,
    NormalizedWithHistory,
    NormalizedWithLog,
    MartsWithModels,
}

impl Pair {
    const ALL: [Self; 5] = [
        Self::RawWithLog,
        Self::NormalizedWithRaw,
        Self::NormalizedWithHistory,
        Self::NormalizedWithLog,
        Self::MartsWithModels,
    ];

    /// The pairs of some layers.
    pub fn of(layers: &[Layer]) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|pair| layers.contains(&pair.layer()))
    }

    pub const fn layer(self) -> Layer {
        match self {
            Self::RawWithLog => Layer::Raw,
            Self::NormalizedWithRaw | Self::NormalizedWithHistory | Self::NormalizedWithLog => {
                Layer::Normalized
            }
            Self::MartsWithModels => Layer::Marts,
        }
    }

    /// What gives the rows.
    pub const fn source(self) -> &'static str {
        match self {
            Self::RawWithLog | Self::NormalizedWithLog => Layer::Raw.source(),
            Self::NormalizedWithRaw | Self::NormalizedWithHistory => Layer::Normalized.source(),
            Self::MartsWithModels => Layer::Marts.source(),
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::RawWithLog => "raw with the log",
            Self::NormalizedWithRaw => "normalized with raw",
            Self::NormalizedWithHistory => "normalized with raw.history",
            Self::NormalizedWithLog => "normalized with the log",
            Self::MartsWithModels => "marts with their models",
        }
    }
}

impl Judge<'_> {
    /// How many rows each pair has been compared of, and for none why. `log_away` tells why there is no log.
    pub async fn pairs(
        &self,
        layers: &[Layer],
        log_away: Option<&str>,
    ) -> Result<Vec<(Pair, u64, Option<String>)>> {
        let mut told = Vec::new();
        for pair in Pair::of(layers) {
            let rows = self.of_pairs.get(&pair).copied().unwrap_or(0);
            let because = match rows {
                0 if self.failures.is_empty() => {
                    Some(format!("nothing to compare yet, because {}", self.because(pair, log_away).await?))
                }
                0 => Some("could not be compared".to_owned()),
                _ => None,
            };
            told.push((pair, rows, because));
        }
        Ok(told)
    }

    /// Why there was nothing to compare.
    async fn because(&self, pair: Pair, log_away: Option<&str>) -> Result<String> {
        let raw = [Table::RawOrderbookDiffs, Table::RawTrades];
        let marts: Vec<Table> = Model::all().iter().filter_map(|model| model.name.parse().ok()).collect();
        let (tables, empty, otherwise): (&[Table], _, _) = match pair {
            Pair::RawWithLog | Pair::NormalizedWithLog => match log_away {
                Some(reason) => return Ok(reason.to_owned()),
                None => (&raw, "the raw tables have no rows", "the log has let go of what the tables have"),
            },
            Pair::NormalizedWithRaw => {
                (&raw, "the raw tables have no rows", "no session begins among the raw rows")
            }
            Pair::NormalizedWithHistory => {
                (&[Table::RawHistory], "nothing was backfilled", "what was backfilled gives no rows")
            }
            Pair::MartsWithModels => (&marts, "no mart is built", "no mart has whole minutes of these times"),
        };
        let (mut rows, mut is_in_time) = (0, false);
        for &table in tables {
            for file in self.lake.data_files(table).await?.files {
                rows += file.rows;
                let times = file.times.map(|times| {
                    Timestamp::from_microseconds(times.least)..=Timestamp::from_microseconds(times.greatest)
                });
                is_in_time |= times.is_none_or(|times| {
                    *times.start() < self.scope.received.end && self.scope.received.start <= *times.end()
                });
            }
        }
        Ok(match (rows, is_in_time) {
            (0, _) => empty.to_owned(),
            (_, true) => otherwise.to_owned(),
            (_, false) => self.out_of_time(),
        })
    }

    fn out_of_time(&self) -> String {
        format!("nothing was received{}", self.times())
    }

    /// From when until when what was received is compared, and why no later; empty where everything is.
    pub fn times(&self) -> String {
        let (start, end) = (self.scope.received.start, self.scope.received.end);
        let from = if start > Timestamp(0) { format!(" from {}", utc(start)) } else { String::new() };
        let until = if end < Timestamp(i64::MAX) { format!(" until {}", utc(end)) } else { String::new() };
        let left_alone = if self.scope.is_written {
            ", and what was received within the last five minutes is left alone while a program is writing"
        } else {
            ""
        };
        format!("{from}{until}{left_alone}")
    }
}
