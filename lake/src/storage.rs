//! Local files for Iceberg, durable before they are referenced.
//!
//! A file that has been written or closed is on disk with its directory entry: Iceberg's own local storage leaves both
//! to the operating system, so that after a power cut a catalog could point at nothing. Files are created, never
//! overwritten: two writers cannot share a name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::stream::BoxStream;
use iceberg::io::{
    FileIO, FileIOBuilder, FileMetadata, FileRead, FileWrite, InputFile, OutputFile, Storage, StorageConfig,
    StorageFactory,
};
use iceberg::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

const SCHEME: &str = "file://";

/// File access for Iceberg that syncs what it writes. Calls block their thread.
#[must_use]
pub fn durable_file_io() -> FileIO {
    FileIOBuilder::new(Arc::new(DurableFilesFactory)).build()
}

/// The Iceberg location of an absolute path, `file:///…`; `None` where the path is not UTF-8.
#[must_use]
pub fn location_of(path: &Path) -> Option<String> {
    path.to_str().map(|text| format!("{SCHEME}{text}"))
}

/// The path of an Iceberg location of a local file.
#[must_use]
pub fn path_of(location: &str) -> PathBuf {
    PathBuf::from(location.strip_prefix(SCHEME).unwrap_or(location))
}

/// Creates a folder and those above it, each of them on disk when this returns.
///
/// # Errors
/// Those of the file system.
pub fn create_folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let Some(parent) = path.parent() else { return fs::create_dir(path) };
    create_folder(parent)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        created => created.and_then(|()| sync_folder(parent)),
    }
}

/// Makes the entries of a folder durable: files created, renamed or removed in it.
///
/// # Errors
/// Those of the file system.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(folder)?.sync_all()
}

/// Builds [`DurableFiles`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DurableFilesFactory;

#[typetag::serde]
impl StorageFactory for DurableFilesFactory {
    fn build(&self, _config: &StorageConfig) -> iceberg::Result<Arc<dyn Storage>> {
        Ok(Arc::new(DurableFiles))
    }
}

/// Local files that are synced when written and never overwritten.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DurableFiles;

#[async_trait]
#[typetag::serde]
impl Storage for DurableFiles {
    async fn exists(&self, location: &str) -> iceberg::Result<bool> {
        path_of(location).try_exists().map_err(|error| failed("look for", location, error))
    }

    async fn metadata(&self, location: &str) -> iceberg::Result<FileMetadata> {
        let metadata = fs::metadata(path_of(location)).map_err(|error| failed("look at", location, error))?;
        Ok(FileMetadata { size: metadata.len() })
    }

    async fn read(&self, location: &str) -> iceberg::Result<Bytes> {
        fs::read(path_of(location)).map(Bytes::from).map_err(|error| failed("read", location, error))
    }

    async fn reader(&self, location: &str) -> iceberg::Result<Box<dyn FileRead>> {
        let file = File::open(path_of(location)).map_err(|error| failed("open", location, error))?;
        Ok(Box::new(FileReader { file, location: location.to_owned() }))
    }

    async fn write(&self, location: &str, bytes: Bytes) -> iceberg::Result<()> {
        let mut writer = self.writer(location).await?;
        writer.write(bytes).await?;
        writer.close().await
    }

    async fn writer(&self, location: &str) -> iceberg::Result<Box<dyn FileWrite>> {
        let file = create_file(&path_of(location)).map_err(|error| failed("create", location, error))?;
        Ok(Box::new(FileWriter { file: Some(file), location: location.to_owned() }))
    }

    async fn delete(&self, location: &str) -> iceberg::Result<()> {
        absent_or(fs::remove_file(path_of(location))).map_err(|error| failed("remove", location, error))
    }

    async fn delete_prefix(&self, location: &str) -> iceberg::Result<()> {
        absent_or(fs::remove_dir_all(path_of(location))).map_err(|error| failed("remove", location, error))
    }

    async fn delete_stream(&self, mut locations: BoxStream<'static, String>) -> iceberg::Result<()> {
        while let Some(location) = std::future::poll_fn(|context| locations.as_mut().poll_next(context)).await
        {
            self.delete(&location).await?;
        }
        Ok(())
    }

    fn new_input(&self, location: &str) -> iceberg::Result<InputFile> {
        Ok(InputFile::new(Arc::new(self.clone()), location.to_owned()))
    }

    fn new_output(&self, location: &str) -> iceberg::Result<OutputFile> {
        Ok(OutputFile::new(Arc::new(self.clone()), location.to_owned()))
    }
}

struct FileReader {
    file: File,
    location: String,
}

#[async_trait]
impl FileRead for FileReader {
    async fn read(&self, range: Range<u64>) -> iceberg::Result<Bytes> {
        let length = usize::try_from(range.end.saturating_sub(range.start))?;
        let mut bytes = vec![0; length];
        self.file
            .read_exact_at(&mut bytes, range.start)
            .map_err(|error| failed("read", &self.location, error))?;
        Ok(bytes.into())
    }
}

/// A file being written; durable, with its directory entry, once closed.
struct FileWriter {
    file: Option<File>,
    location: String,
}

impl FileWriter {
    fn closed(&self) -> Error {
        Error::new(ErrorKind::Unexpected, format!("{} has already been closed", self.location))
    }
}

#[async_trait]
impl FileWrite for FileWriter {
    async fn write(&mut self, bytes: Bytes) -> iceberg::Result<()> {
        let Some(file) = &mut self.file else { return Err(self.closed()) };
        file.write_all(&bytes).map_err(|error| failed("write", &self.location, error))
    }

    async fn close(&mut self) -> iceberg::Result<()> {
        let Some(file) = self.file.take() else { return Err(self.closed()) };
        let path = path_of(&self.location);
        file.sync_all()
            .and_then(|()| path.parent().map_or(Ok(()), sync_folder))
            .map_err(|error| failed("sync", &self.location, error))
    }
}

fn create_file(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        create_folder(parent)?;
    }
    OpenOptions::new().write(true).create_new(true).open(path)
}

fn absent_or(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn failed(action: &str, location: &str, error: io::Error) -> Error {
    let kind =
        if error.kind() == io::ErrorKind::NotFound { ErrorKind::DataInvalid } else { ErrorKind::Unexpected };
    Error::new(kind, format!("cannot {action} {location}: {error}")).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(folder: &tempfile::TempDir, name: &str) -> String {
        location_of(&folder.path().join(name)).unwrap()
    }

    #[tokio::test]
    async fn writes_read_back_whole_and_in_part() {
        let folder = tempfile::tempdir().unwrap();
        let file_io = durable_file_io();
        let file = location(&folder, "new folder/deeper/a file");
        file_io.new_output(&file).unwrap().write(Bytes::from_static(b"0123456789")).await.unwrap();

        let input = file_io.new_input(&file).unwrap();
        assert_eq!(input.read().await.unwrap().as_ref(), b"0123456789");
        assert_eq!(input.metadata().await.unwrap().size, 10);
        let reader = input.reader().await.unwrap();
        assert_eq!(reader.read(3..6).await.unwrap().as_ref(), b"345");
        assert!(reader.read(8..12).await.unwrap_err().to_string().contains("a file"));
    }

    #[tokio::test]
    async fn refuses_to_overwrite() {
        let folder = tempfile::tempdir().unwrap();
        let file = location(&folder, "once");
        let output = durable_file_io().new_output(&file).unwrap();
        output.write(Bytes::from_static(b"first")).await.unwrap();

        let refused = output.write(Bytes::from_static(b"second")).await.unwrap_err();
        assert!(refused.to_string().contains(&file), "{refused}");
        assert_eq!(fs::read(path_of(&file)).unwrap(), b"first");
    }

    #[tokio::test]
    async fn removal_of_what_is_absent_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let file_io = durable_file_io();
        let file = location(&folder, "gone");
        file_io.new_output(&file).unwrap().write(Bytes::new()).await.unwrap();
        file_io.delete(&file).await.unwrap();
        assert!(!file_io.exists(&file).await.unwrap());
        file_io.delete(&file).await.unwrap();
    }

    #[test]
    fn folders_below_a_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        assert!(create_folder(&file.join("below")).is_err());
    }
}
