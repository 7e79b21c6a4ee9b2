//! An Apache Kafka of this machine, started by the script that `DEPTHLAKE_KAFKA` names.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A broker, which ends with this.
pub struct Broker {
    script: PathBuf,
    data: tempfile::TempDir,
    pub address: String,
}

impl Broker {
    /// None, with a message, where there is no script.
    pub fn start() -> Option<Self> {
        let Some(script) = std::env::var_os("DEPTHLAKE_KAFKA") else {
            eprintln!("SKIPPED: DEPTHLAKE_KAFKA does not name the script that starts an Apache Kafka");
            return None;
        };
        let data = tempfile::tempdir().unwrap();
        let mut broker = Self { script: script.into(), data, address: String::new() };
        broker.address = broker.call("start");
        Some(broker)
    }

    pub fn kill(&self) {
        self.call("kill");
    }

    /// Starts it again at its address.
    pub fn restart(&self) {
        assert_eq!(self.call("start"), self.address);
    }

    fn call(&self, command: &str) -> String {
        let mut script = Command::new(&self.script);
        let output = script.arg(command).arg(self.data.path()).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "{} {command} failed", self.script.display());
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.call("kill");
    }
}
