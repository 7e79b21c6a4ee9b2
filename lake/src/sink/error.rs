//! Why a sink does not commit.

use thiserror::Error;

use crate::commit::{CommitError, LakeError};
use crate::log::LogError;
use crate::record::RowsError;

/// Why records of the log did not come into the lake. They are still in the log.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SinkError {
    #[error("cannot read the log")]
    Log(#[from] LogError),
    #[error("another sink has committed what this one was about to, so this one stops")]
    Superseded(#[source] CommitError),
    #[error("cannot commit to the lake")]
    Commit(#[source] CommitError),
    #[error("cannot read how far the lake has come")]
    Positions(#[source] LakeError),
    #[error(transparent)]
    Rows(#[from] RowsError),
    #[error("the program is shutting down")]
    ShuttingDown,
}

impl SinkError {
    /// Whether the same call may succeed later with nothing else changed: storage, catalog or log did not answer or
    /// refused.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Log(LogError::Io { .. } | LogError::Broker { .. })
            | Self::Rows(RowsError::Registry { .. })
            | Self::Commit(
                CommitError::Contended { .. } | CommitError::Doubtful(_) | CommitError::FilesGone { .. },
            ) => true,
            Self::Commit(CommitError::Lake(error)) | Self::Positions(error) => passes(error),
            _ => false,
        }
    }

    /// Whether others who write to the tables were in the way, which is no fault of anything.
    pub(super) const fn is_rivalry(&self) -> bool {
        matches!(self, Self::Commit(CommitError::Contended { .. } | CommitError::FilesGone { .. }))
    }

    pub(super) fn of_commit(error: CommitError) -> Self {
        match error {
            CommitError::Superseded { .. }
            | CommitError::PartialOverlap { .. }
            | CommitError::PartlyDone { .. } => Self::Superseded(error),
            other => Self::Commit(other),
        }
    }
}

fn passes(error: &LakeError) -> bool {
    if let LakeError::RestCatalog { source, .. } = error {
        return source.passes();
    }
    matches!(
        error,
        LakeError::Create { .. }
            | LakeError::Catalog { .. }
            | LakeError::Unsteady { .. }
            | LakeError::Warehouse(_)
            | LakeError::Table { .. }
    )
}
