//! Schemas as the configuration names them.

use serde::Deserialize;
use thiserror::Error;

use super::Grant;

/// The catalog of the lake's own tables, which a pattern without a catalog means.
const LAKE_CATALOG: &str = "depthlake";

/// Schemas of a catalog: `marts` (of the lake), `memory.default`, `memory.*`, or `*` for all there are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SchemaPattern {
    catalog: Option<String>,
    schema: Option<String>,
}

/// A text that names no schemas.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} names no schemas: expected SCHEMA, CATALOG.SCHEMA, CATALOG.* or *")]
pub struct InvalidPattern {
    text: String,
}

impl SchemaPattern {
    /// All schemas of all catalogs.
    pub const ALL: Self = Self { catalog: None, schema: None };

    pub(super) fn grant(&self, writes: bool) -> Grant {
        Grant { catalog: self.catalog.clone(), schema: self.schema.clone(), writes }
    }
}

impl TryFrom<String> for SchemaPattern {
    type Error = InvalidPattern;

    fn try_from(text: String) -> Result<Self, InvalidPattern> {
        if text == "*" {
            return Ok(Self::ALL);
        }
        let (catalog, schema) = text.split_once('.').unwrap_or((LAKE_CATALOG, &text));
        let is_name = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
        };
        if !is_name(catalog) || !(schema == "*" || is_name(schema)) {
            return Err(InvalidPattern { text });
        }
        // Names without quotes are lower case in every catalog.
        let schema = (schema != "*").then(|| schema.to_lowercase());
        Ok(Self { catalog: Some(catalog.to_lowercase()), schema })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Grants;

    #[test]
    fn patterns_mean_schemas() {
        let reads = |pattern: &str, catalog, schema| {
            let pattern = SchemaPattern::try_from(pattern.to_owned()).unwrap();
            Grants::new(vec![pattern.grant(false)]).reads(catalog, schema)
        };
        assert!(reads("Marts", "depthlake", "marts") && !reads("marts", "memory", "marts"));
        assert!(reads("memory.*", "memory", "x") && !reads("memory.*", "tpch", "x"));
        assert!(reads("memory.a", "memory", "a") && !reads("memory.a", "memory", "b"));
        assert!(reads("*", "memory", "x"));
        for text in ["", "a.b.c", ".", "a.", "*.*", "*.a", "a b", "a;b", "m*"] {
            assert!(SchemaPattern::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
