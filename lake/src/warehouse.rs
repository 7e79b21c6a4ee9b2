//! The warehouse: where the files of the tables lie, on this machine or in a bucket.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use depthlake_orderbook::time::Timestamp;
use futures_core::Stream;
use iceberg::io::{
    FileIO, FileIOBuilder, S3_ACCESS_KEY_ID, S3_ENDPOINT, S3_PATH_STYLE_ACCESS, S3_REGION,
    S3_SECRET_ACCESS_KEY,
};
use iceberg_storage_opendal::OpenDalStorageFactory;
use opendal::layers::{RetryLayer, TimeoutLayer};
use opendal::options::{ListOptions, ReadOptions};
use opendal::services::S3;
use opendal::{ErrorKind, Operator};
use thiserror::Error;

use crate::address::{S3Address, S3Credentials, WarehouseAddress};
use crate::storage::{create_folder, durable_file_io, location_of, path_of};

/// The region that servers other than AWS's take for any.
const ANY_REGION: &str = "us-east-1";

/// AWS's own name for the server's address, where it is not configured.
const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL";

/// The files of a lake. Clones share what reaches them.
#[derive(Debug, Clone)]
pub struct Warehouse {
    root: String,
    file_io: FileIO,
    place: Place,
    reader_properties: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
enum Place {
    Folder(PathBuf),
    /// The operator's root is the bucket.
    Bucket(Operator),
}

/// A file that lies in the warehouse, whether anything refers to it or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// As Iceberg has it: `file:///folder/name` or `s3://bucket/key`, unencoded.
    pub location: String,
    pub bytes: u64,
    /// When it was written; `None` where the storage does not tell.
    pub written_at: Option<Timestamp>,
}

/// Why a warehouse cannot be reached or listed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WarehouseError {
    #[error("cannot {action} {location}")]
    Folder { action: &'static str, location: String, source: io::Error },
    #[error("cannot {action} {location}")]
    Bucket { action: &'static str, location: String, source: Box<opendal::Error> },
    #[error("{location} is missing")]
    Missing { location: String },
    #[error("{location} is not in the warehouse {warehouse}")]
    Outside { location: String, warehouse: String },
    #[error("the path {} is not UTF-8, as Iceberg locations must be", .path.display())]
    PathNotUtf8 { path: PathBuf },
}

impl Warehouse {
    /// Reaches a warehouse. A folder that is missing is not made.
    ///
    /// # Errors
    /// [`WarehouseError`] where the address cannot be understood by the storage.
    pub fn at(address: &WarehouseAddress) -> Result<Self, WarehouseError> {
        match address {
            WarehouseAddress::Folder(path) => Self::folder(path),
            WarehouseAddress::S3(address) => Self::bucket(address),
        }
    }

    fn folder(path: &Path) -> Result<Self, WarehouseError> {
        let failed =
            |source| WarehouseError::Folder { action: "find", location: path.display().to_string(), source };
        let path =
            if path.exists() { path.canonicalize() } else { std::path::absolute(path) }.map_err(failed)?;
        let root = location_of(&path).ok_or_else(|| WarehouseError::PathNotUtf8 { path: path.clone() })?;
        let (place, reader_properties) = (Place::Folder(path), BTreeMap::new());
        Ok(Self { root, file_io: durable_file_io(), place, reader_properties })
    }

    fn bucket(address: &S3Address) -> Result<Self, WarehouseError> {
        let settings = &address.settings;
        let region = region(settings.region.as_deref());
        let mut file_io =
            FileIOBuilder::new(Arc::new(OpenDalStorageFactory::S3 { customized_credential_load: None }))
                .with_prop(S3_PATH_STYLE_ACCESS, "true")
                .with_prop(S3_REGION, &region);
        let mut s3 = S3::default().bucket(&address.bucket).region(&region);
        let mut reader_properties = BTreeMap::from([
            (S3_PATH_STYLE_ACCESS.to_owned(), "true".to_owned()),
            (S3_REGION.to_owned(), region.clone()),
        ]);
        if let Some(endpoint) = settings.endpoint.clone().or_else(|| env::var(ENDPOINT_VARIABLE).ok()) {
            reader_properties.insert(S3_ENDPOINT.to_owned(), endpoint);
        }
        if let Some(endpoint) = &settings.endpoint {
            file_io = file_io.with_prop(S3_ENDPOINT, endpoint);
            s3 = s3.endpoint(endpoint);
        }
        if let Some(S3Credentials { access_key_id: id, secret_access_key: secret }) = &settings.credentials {
            file_io =
                file_io.with_prop(S3_ACCESS_KEY_ID, id).with_prop(S3_SECRET_ACCESS_KEY, secret.reveal());
            s3 = s3.access_key_id(id).secret_access_key(secret.reveal());
        }
        let root = address.location();
        let failed = |source| WarehouseError::Bucket {
            action: "reach",
            location: root.clone(),
            source: Box::new(source),
        };
        let operator = Operator::new(s3).map_err(failed)?.finish();
        let operator = operator.layer(TimeoutLayer::new()).layer(RetryLayer::new());
        Ok(Self { root, file_io: file_io.build(), place: Place::Bucket(operator), reader_properties })
    }

    /// The Iceberg location that all files lie under, without a slash at its end.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.root
    }

    /// What a reader in another program must know to reach the files, by the names that Iceberg's readers have for it. No
    /// credentials are among it; of a folder there is nothing to know.
    #[must_use]
    pub fn reader_properties(&self) -> &BTreeMap<String, String> {
        &self.reader_properties
    }

    /// Reads, writes and removes files by their locations. Those of a folder block their thread.
    #[must_use]
    pub fn file_io(&self) -> &FileIO {
        &self.file_io
    }

    /// Makes the folder where it is missing; a bucket must exist.
    pub(crate) async fn create(&mut self) -> Result<(), WarehouseError> {
        match &self.place {
            Place::Bucket(_) => self.list_some("").await.map(drop),
            Place::Folder(path) => {
                let failed = |source| WarehouseError::Folder {
                    action: "create",
                    location: path.display().to_string(),
                    source,
                };
                create_folder(path).map_err(failed)?;
                *self = Self::folder(path)?;
                Ok(())
            }
        }
    }

    /// Whether it is there; a bucket, whether it can be listed.
    pub(crate) async fn exists(&self) -> Result<bool, WarehouseError> {
        match &self.place {
            Place::Folder(path) => Ok(path.is_dir()),
            Place::Bucket(_) => self.list_some("").await.map(|_| true),
        }
    }

    /// Whether any file lies in a folder of the warehouse.
    pub(crate) async fn has_files(&self, folder: &str) -> Result<bool, WarehouseError> {
        match &self.place {
            Place::Folder(path) => Ok(path.join(folder).is_dir()),
            Place::Bucket(_) => self.list_some(folder).await,
        }
    }

    /// All files below a folder of the warehouse, given by its name inside it, as `raw/trades`; in no order. One request
    /// a thousand files of a bucket.
    ///
    /// # Errors
    /// [`WarehouseError`] where the storage cannot be read. A folder that is missing has no files.
    pub async fn list(&self, folder: &str) -> Result<Vec<ListedFile>, WarehouseError> {
        match &self.place {
            Place::Folder(path) => {
                let path = path.join(folder);
                tokio::task::spawn_blocking(move || list_folder(&path)).await.unwrap_or_else(|panic| {
                    let location = folder.to_owned();
                    Err(WarehouseError::Folder { action: "list", location, source: io::Error::other(panic) })
                })
            }
            Place::Bucket(operator) => {
                let options = ListOptions { recursive: true, ..ListOptions::default() };
                let listed = operator.list_options(&self.key_of(folder), options).await;
                let listed = listed.map_err(|error| self.not_listed(folder, error))?;
                let bucket = operator.info().name();
                let files = listed.into_iter().filter(|entry| entry.metadata().is_file());
                Ok(files.map(|entry| listed_file(&bucket, &entry)).collect())
            }
        }
    }

    /// The size of a file in bytes.
    ///
    /// # Errors
    /// [`WarehouseError`] where it is missing or cannot be reached.
    pub async fn size(&self, location: &str) -> Result<u64, WarehouseError> {
        match &self.place {
            Place::Folder(_) => {
                let found = fs::metadata(path_of(location)).map(|metadata| metadata.len());
                found.map_err(|error| not_read_from_folder(location, error))
            }
            Place::Bucket(operator) => {
                let found = operator.stat(self.key_in_bucket(location)?).await;
                found.map(|metadata| metadata.content_length()).map_err(|error| not_read(location, error))
            }
        }
    }

    /// A part of a file. Of a folder it blocks its thread.
    ///
    /// # Errors
    /// [`WarehouseError`] where the file is missing, shorter, or cannot be reached.
    pub async fn read(&self, location: &str, range: Range<u64>) -> Result<Bytes, WarehouseError> {
        match &self.place {
            Place::Folder(_) => {
                let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
                let mut bytes = vec![0; length];
                let read = fs::File::open(path_of(location))
                    .and_then(|file| file.read_exact_at(&mut bytes, range.start));
                read.map(|()| bytes.into()).map_err(|error| not_read_from_folder(location, error))
            }
            Place::Bucket(operator) => {
                let options = ReadOptions { range: range.into(), ..ReadOptions::default() };
                let read = operator.read_options(self.key_in_bucket(location)?, options).await;
                read.map(|buffer| buffer.to_bytes()).map_err(|error| not_read(location, error))
            }
        }
    }

    fn key_in_bucket<'a>(&self, location: &'a str) -> Result<&'a str, WarehouseError> {
        let Place::Bucket(operator) = &self.place else { return Ok(location) };
        let outside =
            || WarehouseError::Outside { location: location.to_owned(), warehouse: self.root.clone() };
        location.strip_prefix(&format!("s3://{}/", operator.info().name())).ok_or_else(outside)
    }

    /// Whether a folder of a bucket has anything, by one request.
    async fn list_some(&self, folder: &str) -> Result<bool, WarehouseError> {
        let Place::Bucket(operator) = &self.place else { return Ok(false) };
        let options = ListOptions { recursive: true, limit: Some(1), ..ListOptions::default() };
        let first = async {
            let mut lister = operator.lister_options(&self.key_of(folder), options).await?;
            poll_fn(|context| Pin::new(&mut lister).poll_next(context)).await.transpose()
        };
        first.await.map(|entry| entry.is_some()).map_err(|error| self.not_listed(folder, error))
    }

    /// The key of a folder inside the bucket, with a slash at its end.
    fn key_of(&self, folder: &str) -> String {
        let Place::Bucket(operator) = &self.place else { return String::new() };
        let info = operator.info();
        let prefix = self.root.strip_prefix(&format!("s3://{}", info.name())).unwrap_or_default();
        let key = [prefix, folder].map(|part| part.trim_matches('/')).join("/");
        match key.trim_matches('/') {
            "" => String::new(),
            key => format!("{key}/"),
        }
    }

    fn not_listed(&self, folder: &str, source: opendal::Error) -> WarehouseError {
        let location = format!("{}/{folder}", self.root);
        WarehouseError::Bucket { action: "list", location, source: Box::new(source) }
    }
}

/// AWS's servers want their own region; others take any.
fn region(configured: Option<&str>) -> String {
    let of_environment =
        || ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|name| env::var(name).ok());
    configured.map(str::to_owned).or_else(of_environment).unwrap_or_else(|| ANY_REGION.to_owned())
}

fn not_read_from_folder(location: &str, source: io::Error) -> WarehouseError {
    let location = location.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => WarehouseError::Missing { location },
        _ => WarehouseError::Folder { action: "read", location, source },
    }
}

fn not_read(location: &str, source: opendal::Error) -> WarehouseError {
    let location = location.to_owned();
    match source.kind() {
        ErrorKind::NotFound => WarehouseError::Missing { location },
        _ => WarehouseError::Bucket { action: "read", location, source: Box::new(source) },
    }
}

fn list_folder(folder: &Path) -> Result<Vec<ListedFile>, WarehouseError> {
    let mut folders = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let location = || folder.display().to_string();
        let failed = |source| WarehouseError::Folder { action: "list", location: location(), source };
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            if entry.file_type().map_err(failed)?.is_dir() {
                folders.push(entry.path());
                continue;
            }
            let metadata = match entry.metadata() {
                // Removed meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata.map_err(failed)?,
            };
            let path = entry.path();
            let location = location_of(&path).ok_or(WarehouseError::PathNotUtf8 { path })?;
            let written_at = metadata.modified().ok().and_then(since_1970);
            files.push(ListedFile { location, bytes: metadata.len(), written_at });
        }
    }
    Ok(files)
}

fn listed_file(bucket: &str, entry: &opendal::Entry) -> ListedFile {
    let metadata = entry.metadata();
    ListedFile {
        location: format!("s3://{bucket}/{}", entry.path()),
        bytes: metadata.content_length(),
        written_at: metadata.last_modified().and_then(|time| since_1970(time.into())),
    }
}

fn since_1970(time: SystemTime) -> Option<Timestamp> {
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_lists_what_lies_below_it() {
        let folder = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::at(&WarehouseAddress::Folder(folder.path().to_owned())).unwrap();
        for (name, text) in [("raw/trades/data/a b", "1"), ("raw/trades/c", "22"), ("raw/other/d", "333")] {
            let file = format!("{}/{name}", warehouse.location());
            warehouse.file_io().new_output(file).unwrap().write(text.into()).await.unwrap();
        }
        let mut listed = warehouse.list("raw/trades").await.unwrap();
        listed.sort_by_key(|file| file.bytes);
        let expected =
            ["raw/trades/data/a b", "raw/trades/c"].map(|name| format!("{}/{name}", warehouse.location()));
        assert_eq!(listed.iter().map(|file| file.location.clone()).collect::<Vec<_>>(), expected);
        assert!(listed.iter().all(|file| file.written_at.is_some()));
        assert_eq!(warehouse.list("").await.unwrap().len(), 3);
        assert_eq!(warehouse.list("marts").await.unwrap(), []);
    }
}
