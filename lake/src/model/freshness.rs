//! When a mart was built last. Its last snapshot does not tell: care of the table makes snapshots too.

use depthlake_orderbook::time::Timestamp;

use crate::commit::{Lake, LakeError};
use crate::table::Table;

/// The property by which a mart tells when it was built, in microseconds since 1970 UTC.
pub(super) const BUILT_AT: &str = "depthlake.built-at";

/// How fresh a mart is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// When rows were last built; `None` where they never were, or nothing that is kept tells.
    pub built_at: Option<Timestamp>,
    /// The last minute of its rows; `None` where it has none.
    pub last_minute: Option<Timestamp>,
}

impl Freshness {
    /// The freshness of a mart now.
    ///
    /// # Errors
    /// [`LakeError`] where the table cannot be read.
    pub async fn of(lake: &Lake, mart: Table) -> Result<Self, LakeError> {
        let contents = lake.data_files(mart).await?;
        let told = contents.properties.get(BUILT_AT).and_then(|time| time.parse().ok());
        let built_at = match told.map(Timestamp::from_microseconds) {
            Some(told) => Some(told),
            None => last_data(lake, mart).await?,
        };
        let last = contents.files.iter().filter_map(|file| Some(file.times.as_ref()?.greatest)).max();
        Ok(Self { built_at, last_minute: last.map(Timestamp::from_microseconds) })
    }
}

/// The last commit that is kept and was of rows.
async fn last_data(lake: &Lake, table: Table) -> Result<Option<Timestamp>, LakeError> {
    let snapshots = lake.snapshots(table).await?;
    let of_rows = snapshots.iter().rev().find(|snapshot| snapshot.operation != "replace");
    Ok(of_rows.map(|snapshot| snapshot.committed_at))
}
