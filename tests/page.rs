//! The page in a real browser: `query/page/tests` starts this program with its simulated venue and looks at every view.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What the tests in the browser need; `None`, with a message, where something is missing.
struct Browser {
    node: PathBuf,
    chromium: PathBuf,
}

impl Browser {
    fn find() -> Option<Self> {
        let folder = page();
        let missing = |what: &str| {
            eprintln!("SKIPPED: the page is not looked at in a browser: {what}");
            None
        };
        let Some(node) = program("DEPTHLAKE_NODE", &["node"]) else { return missing("there is no node") };
        let Some(chromium) =
            program("DEPTHLAKE_CHROMIUM", &["chromium", "chromium-browser", "google-chrome"])
        else {
            return missing("there is no chromium (DEPTHLAKE_CHROMIUM names one)");
        };
        if !folder.join("node_modules/playwright-core").exists() {
            return missing("its packages are not installed (npm ci in query/page)");
        }
        Some(Self { node, chromium })
    }

    fn run(&self, test: &str) {
        let output = Command::new(&self.node)
            .args(["--test", "--test-reporter=spec", test])
            .current_dir(page())
            .env("DEPTHLAKE_PROGRAM", env!("CARGO_BIN_EXE_depthlake"))
            .env("DEPTHLAKE_CHROMIUM", &self.chromium)
            .output()
            .expect("node runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        println!("{said}");
    }
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("query/page")
}

/// The program that a variable names, or else the first of some names that is on the path.
fn program(variable: &str, names: &[&str]) -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(variable) {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    names.iter().find_map(|name| {
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
    })
}

#[test]
fn every_view_shows_what_the_program_has() {
    if let Some(browser) = Browser::find() {
        browser.run("tests/views.test.mjs");
    }
}

#[test]
fn only_those_who_log_in_see_anything() {
    if let Some(browser) = Browser::find() {
        browser.run("tests/login.test.mjs");
    }
}

#[test]
#[ignore = "takes minutes: cargo test --test page -- --ignored"]
fn memory_stays_where_it_is() {
    if let Some(browser) = Browser::find() {
        browser.run("tests/soak.test.mjs");
    }
}
