//! Small disks in memory, which can be filled and made read-only.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

pub const MEBIBYTE: usize = 1 << 20;

/// A disk of its own, at a folder, as long as this lives.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it at a folder, made where it is missing. `None`, with a message, where this user may not mount.
    pub fn mount(folder: &Path, mebibytes: usize) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        if mount(&format!("size={mebibytes}m"), folder) {
            return Some(Self(folder.to_owned()));
        }
        eprintln!("SKIPPED: no disk can be mounted (run as root to see this test)");
        None
    }

    pub fn free(&self) -> usize {
        let output = Command::new("df").args(["--output=avail", "-B1"]).arg(&self.0).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().nth(1).unwrap().trim().parse().unwrap()
    }

    /// Leaves so many bytes free, as long as the file is not removed.
    pub fn fill(&self, leaving: usize) -> Filler {
        let filler = Filler(self.0.join("filler"));
        let mut file = File::create(&filler.0).unwrap();
        while self.free() > leaving {
            let bytes = vec![1; (self.free() - leaving).min(MEBIBYTE)];
            match file.write_all(&bytes) {
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                done => done.unwrap(),
            }
        }
        filler
    }

    /// Whether it is read-only from now on; not while a file on it is being written.
    pub fn make_read_only(&self) -> bool {
        mount("remount,ro", &self.0)
    }

    /// Lets it be written again.
    pub fn make_writable(&self) {
        assert!(mount("remount,rw", &self.0));
    }
}

fn mount(options: &str, folder: &Path) -> bool {
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder);
    mount.status().is_ok_and(|status| status.success())
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

pub struct Filler(PathBuf);

impl Drop for Filler {
    fn drop(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}
