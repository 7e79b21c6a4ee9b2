//! Who asks, and what they may read and write.

/// Somebody who is known by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The name, as clients give it.
    pub user: String,
    pub grants: Grants,
}

/// What somebody may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    granted: Vec<Grant>,
}

/// A schema, or many, that may be read or also written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The catalog; `None` for all.
    pub catalog: Option<String>,
    /// The schema; `None` for all of the catalog.
    pub schema: Option<String>,
    /// Whether its tables may be made, changed and dropped too.
    pub writes: bool,
}

impl Principal {
    /// Somebody who may read everything and write to no schema.
    #[must_use]
    pub fn reader(user: impl Into<String>) -> Self {
        Self { user: user.into(), grants: Grants::read_everything() }
    }
}

impl Grants {
    /// What the list grants, and nothing else.
    #[must_use]
    pub fn new(granted: Vec<Grant>) -> Self {
        Self { granted }
    }

    /// Every schema of every catalog may be read, none written.
    #[must_use]
    pub fn read_everything() -> Self {
        Self::new(vec![Grant { catalog: None, schema: None, writes: false }])
    }

    /// Every schema of every catalog may be read, and written where its catalog allows it.
    #[must_use]
    pub fn everything() -> Self {
        Self::new(vec![Grant { catalog: None, schema: None, writes: true }])
    }

    /// Whether tables of the schema may be read.
    #[must_use]
    pub fn reads(&self, catalog: &str, schema: &str) -> bool {
        self.granted.iter().any(|grant| grant.covers(catalog, schema))
    }

    /// Whether tables of the schema may be made, changed and dropped.
    #[must_use]
    pub fn writes(&self, catalog: &str, schema: &str) -> bool {
        self.granted.iter().any(|grant| grant.writes && grant.covers(catalog, schema))
    }

    /// Whether any schema of the catalog may be read.
    #[must_use]
    pub fn reads_some_of(&self, catalog: &str) -> bool {
        self.granted.iter().any(|grant| grant.catalog.as_deref().is_none_or(|granted| granted == catalog))
    }
}

impl Grant {
    fn covers(&self, catalog: &str, schema: &str) -> bool {
        let fits = |granted: Option<&String>, name| granted.is_none_or(|granted| granted == name);
        fits(self.catalog.as_ref(), catalog) && fits(self.schema.as_ref(), schema)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_granted_is_allowed() {
        let grant = |catalog: &str, schema: Option<&str>, writes| Grant {
            catalog: Some(catalog.to_owned()),
            schema: schema.map(str::to_owned),
            writes,
        };
        let grants = Grants::new(vec![grant("depthlake", Some("marts"), false), grant("memory", None, true)]);
        assert!(grants.reads("depthlake", "marts") && !grants.writes("depthlake", "marts"));
        assert!(!grants.reads("depthlake", "raw") && grants.reads_some_of("depthlake"));
        assert!(grants.writes("memory", "default") && !grants.reads_some_of("tpch"));
        assert!(
            Grants::read_everything().reads("tpch", "tiny") && Grants::everything().writes("memory", "s")
        );
    }
}
