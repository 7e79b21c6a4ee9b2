//! The handle of a prepared statement: its text, and the parameters that were bound to it. The client keeps it.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::scalar::ScalarValue;
use thiserror::Error;

/// A prepared statement.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Prepared {
    pub(super) text: String,
    /// One row, a column for each parameter.
    pub(super) parameters: Option<RecordBatch>,
}

/// A handle that is none of ours, or parameters that cannot be bound.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum HandleError {
    #[error("the handle of the prepared statement is malformed")]
    Malformed,
    #[error("{rows} rows of parameters were bound, expected one")]
    Rows { rows: usize },
    #[error("the parameters cannot be read: {reason}")]
    Unreadable { reason: String },
}

impl Prepared {
    pub(super) fn to_handle(&self) -> Result<Bytes, HandleError> {
        let length = u32::try_from(self.text.len()).map_err(|_| HandleError::Malformed)?;
        let mut handle = BytesMut::new();
        handle.put_u32(length);
        handle.put_slice(self.text.as_bytes());
        if let Some(batch) = &self.parameters {
            let unreadable = |error: datafusion::arrow::error::ArrowError| HandleError::Unreadable {
                reason: error.to_string(),
            };
            let mut writer =
                StreamWriter::try_new((&mut handle).writer(), &batch.schema()).map_err(unreadable)?;
            writer.write(batch).map_err(unreadable)?;
            writer.finish().map_err(unreadable)?;
        }
        Ok(handle.freeze())
    }

    pub(super) fn of_handle(handle: &[u8]) -> Result<Self, HandleError> {
        let mut rest = handle;
        let length = rest.try_get_u32().map_err(|_| HandleError::Malformed)?;
        let length = usize::try_from(length).map_err(|_| HandleError::Malformed)?;
        let (text, bound) = rest.split_at_checked(length).ok_or(HandleError::Malformed)?;
        let text = std::str::from_utf8(text).map_err(|_| HandleError::Malformed)?.to_owned();
        let parameters = if bound.is_empty() {
            None
        } else {
            let mut reader = StreamReader::try_new(bound, None).map_err(|_| HandleError::Malformed)?;
            Some(reader.next().ok_or(HandleError::Malformed)?.map_err(|_| HandleError::Malformed)?)
        };
        Ok(Self { text, parameters })
    }

    /// The statement with these parameters instead.
    pub(super) fn bound(self, batches: Vec<RecordBatch>) -> Result<Self, HandleError> {
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let batch = batches.into_iter().find(|batch| batch.num_rows() > 0);
        match batch.filter(|_| rows == 1) {
            Some(batch) => Ok(Self { parameters: Some(batch), ..self }),
            None => Err(HandleError::Rows { rows }),
        }
    }

    pub(super) fn values(&self) -> Result<Vec<ScalarValue>, HandleError> {
        let Some(batch) = &self.parameters else { return Ok(Vec::new()) };
        if batch.num_rows() != 1 {
            return Err(HandleError::Rows { rows: batch.num_rows() });
        }
        let values = batch.columns().iter().map(|column| ScalarValue::try_from_array(&Arc::clone(column), 0));
        values
            .collect::<Result<_, _>>()
            .map_err(|error| HandleError::Unreadable { reason: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Int64Array;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_handle_holds_the_statement_and_its_parameters() {
        let prepared = Prepared { text: "SELECT é, $1".to_owned(), parameters: None };
        assert_eq!(Prepared::of_handle(&prepared.to_handle().unwrap()), Ok(prepared.clone()));
        let row = RecordBatch::try_from_iter([("1", Arc::new(Int64Array::from(vec![7])) as _)]).unwrap();
        let bound = prepared.clone().bound(vec![row.clone()]).unwrap();
        let again = Prepared::of_handle(&bound.to_handle().unwrap()).unwrap();
        assert_eq!(again, bound);
        assert_eq!(again.values().unwrap(), [ScalarValue::Int64(Some(7))]);
        assert_eq!(prepared.bound(vec![row.clone(), row]), Err(HandleError::Rows { rows: 2 }));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_handle_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Prepared::of_handle(&bytes);
        }
    }
}
