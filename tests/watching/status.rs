//! `depthlake status` says what the server says.

use std::fs;

use serde_json::Value;

use crate::program::{Watched, until};
use crate::support::{finish, text};

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
