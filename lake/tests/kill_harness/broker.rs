//! An Apache Kafka of this machine, by the script that `DEPTHLAKE_KAFKA` names.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A broker, which ends with this.
pub struct Broker {
    script: PathBuf,
    data: TempDir,
    pub address: String,
}

impl Broker {
    /// None where there is no script.
    pub fn start() -> Option<Self> {
        let Some(script) = env::var_os("DEPTHLAKE_KAFKA") else {
            eprintln!("SKIPPED: a broker, for DEPTHLAKE_KAFKA does not name the script that starts one");
            return None;
        };
        let mut broker =
            Self { script: script.into(), data: tempfile::tempdir().unwrap(), address: String::new() };
        broker.address = broker.run("start");
        Some(broker)
    }

    fn run(&self, command: &str) -> String {
        let mut script = Command::new(&self.script);
        let output = script.arg(command).arg(self.data.path()).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "{} {command} failed", self.script.display());
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.run("kill");
    }
}
