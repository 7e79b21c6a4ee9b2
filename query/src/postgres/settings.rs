//! The run-time settings that clients of `PostgreSQL` set and ask for.

use std::collections::BTreeMap;

/// The version of `PostgreSQL` whose protocol and catalog are spoken, for clients that decide by it what to ask.
pub(super) const SERVER_VERSION: &str = "16.6";

/// Each setting with the value it has at the start. Those after the first block are taken and have no effect: they are
/// about writing, planning or the client itself.
const DEFAULTS: [(&str, &str); 39] = [
    ("server_version", SERVER_VERSION),
    ("server_version_num", "160006"),
    ("server_encoding", "UTF8"),
    ("client_encoding", "UTF8"),
    ("datestyle", "ISO, MDY"),
    ("intervalstyle", "postgres"),
    ("timezone", "UTC"),
    ("integer_datetimes", "on"),
    ("standard_conforming_strings", "on"),
    ("is_superuser", "off"),
    ("search_path", "\"$user\", public"),
    ("default_transaction_read_only", "on"),
    ("transaction_read_only", "on"),
    ("in_hot_standby", "off"),
    ("max_identifier_length", "63"),
    ("max_index_keys", "32"),
    ("block_size", "8192"),
    ("application_name", ""),
    ("transaction_isolation", "repeatable read"),
    ("default_transaction_isolation", "repeatable read"),
    ("default_transaction_deferrable", "off"),
    ("transaction_deferrable", "off"),
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
    ("client_min_messages", "notice"),
    ("lc_collate", "C.UTF-8"),
    ("lc_ctype", "C.UTF-8"),
    ("lc_messages", "C.UTF-8"),
    ("lc_monetary", "C.UTF-8"),
    ("escape_string_warning", "on"),
    ("row_security", "on"),
    ("synchronize_seqscans", "on"),
    ("xmloption", "content"),
    ("geqo", "on"),
    ("jit", "off"),
    ("ssl_renegotiation_limit", "0"),
];

/// Those that say what the server is, and cannot be set.
const FIXED: [&str; 8] = [
    "server_version",
    "server_version_num",
    "server_encoding",
    "integer_datetimes",
    "is_superuser",
    "in_hot_standby",
    "max_identifier_length",
    "block_size",
];

/// The settings of one connection, by their names in lower case.
#[derive(Debug, Clone)]
pub(super) struct Settings(BTreeMap<String, String>);

/// What came of setting one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Assigned {
    Set,
    Fixed,
    Unknown,
}

impl Settings {
    pub(super) fn new() -> Self {
        Self(DEFAULTS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(&name.to_lowercase()).map(String::as_str)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Sets a value, or the one of the start.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>) -> Assigned {
        let name = name.to_lowercase();
        let Some((_, default)) = DEFAULTS.iter().find(|(known, _)| *known == name) else {
            return Assigned::Unknown;
        };
        if FIXED.contains(&name.as_str()) {
            return Assigned::Fixed;
        }
        self.0.insert(name, value.unwrap_or(default).to_owned());
        Assigned::Set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_known_by_name_whatever_its_case() {
        let mut settings = Settings::new();
        assert_eq!(settings.set("TimeZone", Some("Europe/Berlin")), Assigned::Set);
        assert_eq!(settings.get("TIMEZONE"), Some("Europe/Berlin"));
        assert_eq!(settings.set("timezone", None), Assigned::Set);
        assert_eq!(settings.get("timezone"), Some("UTC"));
        assert_eq!(settings.set("server_version", Some("9")), Assigned::Fixed);
        assert_eq!(settings.set("nonsense", Some("9")), Assigned::Unknown);
    }
}
