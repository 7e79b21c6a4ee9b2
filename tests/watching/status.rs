//! `depthlake status` says what the server says.

use std::fs;

use serde_json::Value;

use crate::program::{Watched, until};
use crate::support::{depthlake, finish, text};

#[test]
fn all_who_are_asked_say_the_same() {
    let mut watched = Watched::start(3, "[lake]\ncommit_seconds = 1.0\n");
    until("all is well", || {
        let health: Value = serde_json::from_str(&watched.get("/api/v1/health")?).unwrap();
        (health["status"] == "ok" && health["symbols"].as_array()?.len() == 3).then_some(())
    });
    let address = watched.address();
    for arguments in [vec!["status", "--server", address.as_str()], vec!["status", "--data", "data"]] {
        until("status says so as well", || {
            let output = finish(watched.folder.path(), &arguments);
            let screen = text(&output.stdout);
            (output.status.success()
                && screen.starts_with("depthlake is well")
                && screen.contains("3 of 3 books"))
            .then_some(())
        });
    }
    assert!(watched.get("/readyz").is_some());
    watched.kill();
    let dead = finish(watched.folder.path(), &["status", "--data", "data"]);
    assert_eq!(dead.status.code(), Some(1), "{}", text(&dead.stdout));
    assert!(text(&dead.stdout).contains("the engine is not running"), "{}", text(&dead.stdout));
    let catalog = watched.folder.path().join("data/lake/catalog.db");
    fs::write(&catalog, "no database").unwrap();
    let damaged = finish(watched.folder.path(), &["status", "--data", "data"]);
    assert!(text(&damaged.stdout).contains("not a database"), "{}", text(&damaged.stdout));
    fs::remove_file(&catalog).unwrap();
    let gone = finish(watched.folder.path(), &["status", "--data", "data"]);
    assert!(text(&gone.stdout).contains("there is no lake in"), "{}", text(&gone.stdout));
    let unreachable = finish(watched.folder.path(), &["status", "--server", &address]);
    assert_eq!(unreachable.status.code(), Some(1));
    assert!(text(&unreachable.stderr).contains("cannot be asked"), "{}", text(&unreachable.stderr));
}

#[test]
fn status_shows_who_asks() {
    // The password is "sesame".
    let users =
        "[serve.users.ana]\npassword = '$2b$04$abcdefghijklmnopqrstuuinwY/tkBVrn3xrxQI/TgnMHhkvl85RW'\n";
    let watched = Watched::start(3, users);
    let address = watched.address();
    let ask = |user: &str, password: &str| {
        let arguments = ["status", "--server", &address, "--user", user];
        let mut command = depthlake(watched.folder.path(), &arguments);
        command.env("DEPTHLAKE_PASSWORD", password).output().unwrap()
    };
    for refused in [finish(watched.folder.path(), &["status", "--server", &address]), ask("ana", "open")] {
        let told = text(&refused.stderr);
        assert!(!refused.status.success() && told.contains("401"), "{told}");
        assert!(told.contains("--user USER with DEPTHLAKE_PASSWORD"), "{told}");
    }
    let answered = ask("ana", "sesame");
    assert!(text(&answered.stdout).starts_with("depthlake is "), "{}", text(&answered.stderr));
}

#[test]
fn failures_of_the_server_are_counted() {
    let watched = Watched::start(3, "[lake]\ncommit_seconds = 1.0\n");
    until("there is something in the lake", || {
        watched.get("/api/v1/lake/volume").filter(|answer| answer.contains("raw.orderbook_diffs"))
    });
    let lake = watched.folder.path().join("data/lake");
    fs::rename(lake.join("warehouse"), lake.join("elsewhere")).unwrap();
    until("an answer is a failure, and counted as one", || {
        watched.get("/api/v1/lake/raw.orderbook_diffs/latest");
        let counted = "depthlake_http_requests_total{route=\"/api/v1/lake/{table}/latest\",method=\"GET\",status=\"500\"}";
        watched.get("/metrics")?.contains(counted).then_some(())
    });
    assert!(watched.get("/api/v1/tickers").is_some(), "the live books go on");
}
