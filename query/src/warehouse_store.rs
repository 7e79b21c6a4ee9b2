//! The files of a lake's bucket as `DataFusion` reads them: by the lake's own way to them, so that there is one place for
//! addresses and credentials. It reads single files, and does nothing else.

use std::fmt;

use async_trait::async_trait;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::object_store::path::Path;
use datafusion::object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use depthlake_lake::warehouse::{Warehouse, WarehouseError};
use futures::StreamExt;
use futures::stream::{self, BoxStream};

const NAME: &str = "warehouse";

/// The bucket that a warehouse lies in.
#[derive(Debug)]
pub(crate) struct WarehouseStore {
    warehouse: Warehouse,
    /// `s3://BUCKET/`
    root: String,
}

impl WarehouseStore {
    /// The bucket of a warehouse and its address; `None` where it is a folder, which `DataFusion` reads itself.
    pub(crate) fn of(warehouse: &Warehouse) -> Option<Result<(ObjectStoreUrl, Self), DataFusionError>> {
        let (bucket, _) = bucket_and_key(warehouse.location())?;
        let root = format!("s3://{bucket}/");
        let store = Self { warehouse: warehouse.clone(), root };
        Some(ObjectStoreUrl::parse(&store.root).map(|url| (url, store)))
    }

    fn location(&self, path: &Path) -> String {
        format!("{}{path}", self.root)
    }
}

/// The bucket and the key of `s3://BUCKET/KEY`.
pub(crate) fn bucket_and_key(location: &str) -> Option<(&str, &str)> {
    let path = location.strip_prefix("s3://")?;
    Some(path.split_once('/').unwrap_or((path, "")))
}

impl fmt::Display for WarehouseStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for WarehouseStore {
    /// Of a range with an end the size of the whole file is not asked for: the size told is then the end of the range.
    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let location = self.location(path);
        let size = match &options.range {
            Some(GetRange::Bounded(range)) if !options.head => range.end,
            _ => self.warehouse.size(&location).await.map_err(failed)?,
        };
        let range = match &options.range {
            None => 0..size,
            Some(range) => range.as_range(size).map_err(|error| generic(error.into()))?,
        };
        let payload = if options.head {
            stream::empty().boxed()
        } else {
            let bytes = self.warehouse.read(&location, range.clone()).await.map_err(failed)?;
            stream::once(async { Ok(bytes) }).boxed()
        };
        // Files never change, so the time of change may be any.
        let mut meta = PartitionedFile::new("", size).object_meta;
        meta.location = path.clone();
        let payload = GetResultPayload::Stream(payload);
        Ok(GetResult { payload, meta, range, attributes: Attributes::default() })
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(only_reads("put_opts"))
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(only_reads("put_multipart_opts"))
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        stream::once(async { Err(only_reads("delete_stream")) }).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::once(async { Err(only_reads("list")) }).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(only_reads("list_with_delimiter"))
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(only_reads("copy_opts"))
    }
}

fn failed(error: WarehouseError) -> Error {
    match error {
        WarehouseError::Missing { location } => {
            let source = WarehouseError::Missing { location: location.clone() }.into();
            Error::NotFound { path: location, source }
        }
        error => generic(error.into()),
    }
}

fn generic(source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::Generic { store: NAME, source }
}

fn only_reads(operation: &str) -> Error {
    Error::NotImplemented { operation: operation.to_owned(), implementer: NAME.to_owned() }
}
