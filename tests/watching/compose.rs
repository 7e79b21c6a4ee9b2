//! `infra/compose.yaml` fits together: what it mounts is there, whoever is named listens at the port that is named, passwords
//! agree, and depthlake knows every option it is given.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::support::{finish, text};

/// The services, each with its settings, and of a setting the texts below it.
struct Compose {
    services: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    volumes: BTreeSet<String>,
}

impl Compose {
    /// Reads as much of YAML as the file has: mappings and lists by indentation, lists of texts in brackets, comments.
    fn read() -> Self {
        let file = std::fs::read_to_string(infra().join("compose.yaml")).unwrap();
        let mut read = Self { services: BTreeMap::new(), volumes: BTreeSet::new() };
        let (mut part, mut service, mut setting) = (String::new(), String::new(), String::new());
        for line in file.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#')) {
            let (indent, line) = (line.len() - line.trim_start().len(), line.trim());
            let (key, value) = line.split_once(':').unwrap_or((line, ""));
            match (indent, part.as_str()) {
                (0, _) => key.clone_into(&mut part),
                (2, "volumes") => assert!(read.volumes.insert(key.to_owned()), "{key}"),
                (2, "services") => key.clone_into(&mut service),
                (4, "services") => {
                    key.clone_into(&mut setting);
                    let of_setting = read.settings(&service).entry(setting.clone()).or_default();
                    let value = value.trim().trim_matches(['[', ']']);
                    let parts = value.split(", ").map(unquoted).filter(|part| !part.is_empty());
                    of_setting.extend(parts);
                }
                (6.., "services") => {
                    let text = unquoted(line.trim_start_matches("- "));
                    read.settings(&service).get_mut(&setting).unwrap().push(text);
                }
                other => panic!("{line:?} at {other:?}"),
            }
        }
        read
    }

    fn settings(&mut self, service: &str) -> &mut BTreeMap<String, Vec<String>> {
        self.services.entry(service.to_owned()).or_default()
    }

    fn of(&self, service: &str, setting: &str) -> &[String] {
        let settings = self.services.get(service).unwrap_or_else(|| panic!("there is no service {service}"));
        settings.get(setting).map_or(&[], Vec::as_slice)
    }

    fn variable(&self, service: &str, name: &str) -> String {
        let lines = self.of(service, "environment").iter();
        let mut found = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        unquoted(found.next().unwrap_or_else(|| panic!("{service} has no {name}")))
    }

    /// The ports at which others reach a service: those that are published, and those of its command.
    fn ports(&self, service: &str) -> BTreeSet<u16> {
        let published = self.of(service, "ports").iter();
        let of_command = self.of(service, "command").iter().flat_map(|argument| argument.split(','));
        published.map(String::as_str).chain(of_command).filter_map(port_at_the_end).collect()
    }
}

fn infra() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("infra")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(infra().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn unquoted(text: &str) -> String {
    text.trim().trim_matches('"').to_owned()
}

fn port_at_the_end(address: &str) -> Option<u16> {
    address.rsplit_once(':')?.1.parse().ok()
}

/// Every `HOST:PORT` of a text.
fn addresses(text: &str) -> impl Iterator<Item = (&str, u16)> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || ".:-".contains(character);
    let words = text.split(move |character: char| !is_part(character));
    words.filter_map(|word| {
        let (host, port) = word.split_once(':')?;
        Some((host, port.parse().ok()?))
    })
}

#[test]
fn what_is_mounted_and_waited_for_is_there() {
    let compose = Compose::read();
    for service in ["redpanda", "minio", "postgres", "trino", "prometheus", "grafana", "depthlake"] {
        assert!(compose.services.contains_key(service), "no service {service}");
    }
    let mut mounted = BTreeSet::new();
    for (name, settings) in &compose.services {
        for volume in settings.get("volumes").into_iter().flatten() {
            let source = volume.split(':').next().unwrap();
            match source.strip_prefix("./") {
                Some(path) => assert!(infra().join(path).is_dir(), "{name} mounts {path}"),
                None => assert!(mounted.insert(source.to_owned()), "{source} is mounted twice"),
            }
        }
        for line in settings.get("depends_on").into_iter().flatten() {
            if !line.starts_with("condition:") {
                let needed = line.trim_end_matches(':');
                assert!(compose.services.contains_key(needed), "{name} waits for {needed}");
            }
        }
        let image =
            settings.get("image").or(settings.get("build")).unwrap_or_else(|| panic!("{name} is what?"));
        assert!(!image[0].ends_with(":latest"), "{name}: {image:?}");
    }
    assert_eq!(mounted, compose.volumes, "volumes are declared and mounted");
    assert!(infra().join("Dockerfile").is_file());
    let home = compose.variable("grafana", "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH");
    let (folder, home) = home.rsplit_once('/').unwrap();
    assert!(infra().join("grafana/dashboards").join(home).is_file());
    assert!(read("grafana/provisioning/dashboards/depthlake.yml").contains(&format!("path: {folder}\n")));
    assert!(compose.of("grafana", "volumes").contains(&format!("./grafana/dashboards:{folder}:ro")));
}

#[test]
fn whoever_is_named_listens_at_the_port_that_is_named() {
    let compose = Compose::read();
    let mut named = String::new();
    for file in [
        "depthlake/depthlake.toml",
        "prometheus/compose.yml",
        "trino/catalog/lake.properties",
        "grafana/provisioning/datasources/depthlake.yml",
    ] {
        named += &read(file);
    }
    named += &compose.of("bucket", "command").join(" ");
    let mut found = BTreeSet::new();
    for (host, port) in addresses(&named).filter(|(host, _)| *host != "0.0.0.0") {
        let service = compose.services.contains_key(host);
        assert!(service, "{host}:{port} is no service");
        assert!(compose.ports(host).contains(&port), "{host} does not listen at {port}");
        found.insert(host);
    }
    assert_eq!(found, ["depthlake", "minio", "prometheus", "redpanda"].into());

    let configuration: toml::Table = toml::from_str(&read("depthlake/depthlake.toml")).unwrap();
    let listens = ["listen", "postgres"].map(|door| configuration["serve"][door].as_str().unwrap());
    let listens: BTreeSet<_> = listens.into_iter().filter_map(port_at_the_end).collect();
    assert_eq!(compose.ports("depthlake"), listens);
}

#[test]
fn names_and_passwords_agree() {
    let compose = Compose::read();
    let [user, password, database] =
        ["POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"].map(|name| compose.variable("postgres", name));
    let catalog = format!("postgres://{user}:{password}@postgres/{database}");
    assert_eq!(compose.variable("depthlake", "DEPTHLAKE_CATALOG"), catalog);
    for service in ["depthlake", "trino"] {
        for (theirs, ours) in
            [("MINIO_ROOT_USER", "AWS_ACCESS_KEY_ID"), ("MINIO_ROOT_PASSWORD", "AWS_SECRET_ACCESS_KEY")]
        {
            assert_eq!(compose.variable(service, ours), compose.variable("minio", theirs), "{service}");
        }
    }
    let configuration: toml::Table = toml::from_str(&read("depthlake/depthlake.toml")).unwrap();
    let lake = &configuration["lake"];
    let bucket =
        lake["warehouse"].as_str().unwrap().strip_prefix("s3://").unwrap().split('/').next().unwrap();
    let made = compose.of("bucket", "command").join(" ");
    assert!(made.ends_with(&format!("local/{bucket}")), "{made}");
    assert!(made.contains(&format!(
        "{} {}",
        compose.variable("minio", "MINIO_ROOT_USER"),
        compose.variable("minio", "MINIO_ROOT_PASSWORD")
    )));
    let trino = read("trino/catalog/lake.properties");
    for key in ["endpoint", "region"] {
        let ours = lake["s3"][key].as_str().unwrap();
        assert!(trino.contains(&format!("s3.{key}={ours}\n")), "{key}");
    }
    let package: toml::Table = toml::from_str(include_str!("../../Cargo.toml")).unwrap();
    let rust = package["workspace"]["package"]["rust-version"].as_str().unwrap();
    assert!(read("Dockerfile").contains(&format!("/rust:{rust}-")), "the image is built with Rust {rust}");
}

#[test]
fn the_program_knows_what_it_is_given() {
    let compose = Compose::read();
    let folder = tempfile::tempdir().unwrap();
    let mut arguments: Vec<_> = compose.of("depthlake", "command").iter().map(String::as_str).collect();
    arguments.push("--help");
    let help = finish(folder.path(), &arguments);
    assert!(help.status.success(), "{}", text(&help.stderr));
    let help = text(&help.stdout);
    for line in compose.of("depthlake", "environment") {
        let name = line.split(':').next().unwrap();
        let is_told = |end| help.contains(&format!("[env: {name}{end}"));
        assert!(name.starts_with("AWS_") || is_told('=') || is_told(']'), "{name} is no variable");
    }
    let configuration = infra().join("depthlake/depthlake.toml");
    let arguments =
        ["tables", "--data", "nowhere", "--catalog", "sqlite", "--config", configuration.to_str().unwrap()];
    let refused = finish(folder.path(), &arguments);
    let why = text(&refused.stderr);
    assert!(why.contains("there is no lake in nowhere"), "the configuration is not understood: {why}");
    let mounted = compose.variable("depthlake", "DEPTHLAKE_CONFIG");
    let (folder, file) = mounted.rsplit_once('/').unwrap();
    assert!(compose.of("depthlake", "volumes").contains(&format!("./depthlake:{folder}:ro")));
    assert!(infra().join("depthlake").join(file).is_file());
    let data = compose.variable("depthlake", "DEPTHLAKE_DATA");
    assert!(compose.of("depthlake", "volumes").contains(&format!("depthlake:{data}")));
}
