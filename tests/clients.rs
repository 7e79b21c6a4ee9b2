//! Trino's own clients against the program: each folder of `query/clients` has what one of them asks.
//!
//! `query/clients/prepare FOLDER` installs the clients, and `DEPTHLAKE_CLIENTS` names that folder.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::server::Serving;
use support::{text, wait};

const CLIENTS: [&str; 6] = ["python", "cli", "jdbc", "go", "node", "dbt"];

#[test]
fn stock_clients_find_what_they_ask_for() {
    let Some(folder) = std::env::var_os("DEPTHLAKE_CLIENTS").map(PathBuf::from) else {
        eprintln!(
            "SKIPPED: no stock client asks (DEPTHLAKE_CLIENTS names what query/clients/prepare has installed)"
        );
        return;
    };
    let (ready, missing): (Vec<_>, Vec<_>) =
        CLIENTS.into_iter().partition(|client| folder.join(format!("{client}.ready")).exists());
    for client in missing {
        eprintln!("SKIPPED: the client {client} is not installed");
    }
    if ready.is_empty() {
        return;
    }
    let serving = Serving::start("[lake]\ncommit_seconds = 1.0\n");
    wait("there are trades of both pairs", || {
        let counted = support::succeed(
            serving.folder.path(),
            &[
                "sql",
                "--data",
                "data",
                "--format",
                "csv",
                "SELECT count(DISTINCT symbol) AS n FROM normalized.trades",
            ],
        );
        counted.trim().ends_with('2')
    });
    let failures: Vec<_> =
        ready.into_iter().filter_map(|client| check(client, &folder, &serving.url)).collect();
    serving.stop();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What went wrong, if anything did.
fn check(client: &str, folder: &Path, url: &str) -> Option<String> {
    let check = Path::new(env!("CARGO_MANIFEST_DIR")).join("query/clients").join(client).join("check");
    let output = Command::new(check).arg(url).env("DEPTHLAKE_CLIENTS", folder).output().unwrap();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    println!("== {client}\n{said}");
    (!output.status.success()).then(|| format!("== {client}\n{said}"))
}
