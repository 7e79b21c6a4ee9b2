//! How full the disks are that data goes to.

use std::path::PathBuf;

use depthlake_orderbook::metrics::{Page, Source};

/// Tells of the file system that a folder lies on.
#[derive(Debug, Clone)]
pub struct DiskFigures {
    folder: PathBuf,
    /// What the folder is for: `data`, say.
    role: &'static str,
}

impl DiskFigures {
    #[must_use]
    pub const fn of(folder: PathBuf, role: &'static str) -> Self {
        Self { folder, role }
    }
}

impl Source for DiskFigures {
    fn tell(&self, page: &mut Page) {
        let Ok(system) = rustix::fs::statvfs(&self.folder) else { return };
        let labels = [("folder", self.role)];
        page.gauge("depthlake_disk_free_bytes", "Bytes free for this program where a folder lies.")
            .whole(&labels, system.f_bavail.saturating_mul(system.f_frsize));
        page.gauge("depthlake_disk_size_bytes", "Bytes of the file system where a folder lies.")
            .whole(&labels, system.f_blocks.saturating_mul(system.f_frsize));
    }
}
