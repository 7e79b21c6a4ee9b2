//! `information_schema` with the columns that `PostgreSQL` has in it, which are more than the session's own.

use depthlake_dialect::types::TrinoType;
use pgwire::api::Type;

use super::World;
use super::relation::Relation;
use super::relations::schemas;
use crate::postgres::types::{ColumnType, element_of};

pub(super) fn relations(world: &World) -> Vec<Relation> {
    let mut all = vec![schemata(world), tables(world), views(world), columns(world), character_sets(world)];
    all.extend(EMPTY.iter().map(|(name, columns)| Relation::new(name, 0).all_null(columns)));
    all
}

/// Tables about what is not there: keys, routines, privileges.
const EMPTY: [(&str, &[&str]); 7] = [
    (
        "table_constraints",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "table_catalog",
            "table_schema",
            "table_name",
            "constraint_type",
        ],
    ),
    (
        "key_column_usage",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "table_catalog",
            "table_schema",
            "table_name",
            "column_name",
            "ordinal_position",
            "position_in_unique_constraint",
        ],
    ),
    (
        "referential_constraints",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "unique_constraint_catalog",
            "unique_constraint_schema",
            "unique_constraint_name",
            "match_option",
            "update_rule",
            "delete_rule",
        ],
    ),
    (
        "constraint_column_usage",
        &[
            "table_catalog",
            "table_schema",
            "table_name",
            "column_name",
            "constraint_schema",
            "constraint_name",
        ],
    ),
    (
        "routines",
        &[
            "specific_catalog",
            "specific_schema",
            "specific_name",
            "routine_schema",
            "routine_name",
            "routine_type",
        ],
    ),
    (
        "parameters",
        &[
            "specific_catalog",
            "specific_schema",
            "specific_name",
            "ordinal_position",
            "parameter_name",
            "data_type",
        ],
    ),
    (
        "table_privileges",
        &["grantor", "grantee", "table_catalog", "table_schema", "table_name", "privilege_type"],
    ),
];

fn schemata(world: &World) -> Relation {
    let mut names = vec!["information_schema", "pg_catalog"];
    names.extend(schemas(world));
    Relation::new("schemata", names.len())
        .all_text(&[("catalog_name", &world.database)])
        .texts("schema_name", &names)
        .all_text(&[("schema_owner", "depthlake")])
        .all_null(&[
            "default_character_set_catalog",
            "default_character_set_schema",
            "default_character_set_name",
            "sql_path",
        ])
}

fn character_sets(world: &World) -> Relation {
    Relation::new("character_sets", 1)
        .all_null(&["character_set_catalog", "character_set_schema"])
        .all_text(&[("character_set_name", "UTF8"), ("character_repertoire", "UCS"), ("form_of_use", "UTF8")])
        .all_text(&[("default_collate_catalog", &world.database)])
}

fn tables(world: &World) -> Relation {
    let all = &world.tables;
    Relation::new("tables", all.len())
        .all_text(&[("table_catalog", &world.database)])
        .texts("table_schema", all.iter().map(|table| &table.schema))
        .texts("table_name", all.iter().map(|table| &table.name))
        .texts("table_type", all.iter().map(|table| if table.is_view { "VIEW" } else { "BASE TABLE" }))
        .all_null(&["self_referencing_column_name", "reference_generation", "commit_action"])
        .all_text(&[("is_insertable_into", "NO"), ("is_typed", "NO")])
}

fn views(world: &World) -> Relation {
    let views: Vec<_> = world.tables.iter().filter(|table| table.is_view).collect();
    Relation::new("views", views.len())
        .all_text(&[("table_catalog", &world.database)])
        .texts("table_schema", views.iter().map(|view| &view.schema))
        .texts("table_name", views.iter().map(|view| &view.name))
        .all_null(&["view_definition"])
        .all_text(&[("check_option", "NONE"), ("is_updatable", "NO"), ("is_insertable_into", "NO")])
}

fn columns(world: &World) -> Relation {
    let all: Vec<_> = world
        .tables
        .iter()
        .flat_map(|table| table.columns.iter().zip(1..).map(move |(column, place)| (table, place, column)))
        .collect();
    let types: Vec<_> = all.iter().map(|(_, _, column)| ColumnType::of(&column.r#type)).collect();
    let decimal = |told: &TrinoType| match told {
        TrinoType::Decimal { precision, scale } => Some((i32::from(*precision), i32::from(*scale))),
        _ => None,
    };
    let length = |told: &TrinoType| match told {
        TrinoType::Varchar { length: Some(length) } | TrinoType::Char { length } => {
            i32::try_from(*length).ok()
        }
        _ => None,
    };
    let time_digits = |told: &Type| {
        matches!(*told, Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::INTERVAL).then_some(6)
    };
    Relation::new("columns", all.len())
        .all_text(&[("table_catalog", &world.database)])
        .texts("table_schema", all.iter().map(|(table, ..)| &table.schema))
        .texts("table_name", all.iter().map(|(table, ..)| &table.name))
        .texts("column_name", all.iter().map(|(_, _, column)| &column.name))
        .integers("ordinal_position", all.iter().map(|(_, place, _)| *place))
        .all_null(&["column_default"])
        .texts("is_nullable", all.iter().map(|(_, _, column)| if column.is_nullable { "YES" } else { "NO" }))
        .texts("data_type", types.iter().map(|told| name_of(&told.postgres)))
        .some_integers("character_maximum_length", all.iter().map(|(_, _, column)| length(&column.r#type)))
        .some_integers("numeric_precision", all.iter().map(|(_, _, column)| Some(decimal(&column.r#type)?.0)))
        .some_integers("numeric_scale", all.iter().map(|(_, _, column)| Some(decimal(&column.r#type)?.1)))
        .some_integers("datetime_precision", types.iter().map(|told| time_digits(&told.postgres)))
        .all_text(&[("udt_catalog", &world.database), ("udt_schema", "pg_catalog")])
        .texts("udt_name", types.iter().map(|told| told.postgres.name()))
        .all_null(&[
            "character_octet_length",
            "character_set_name",
            "collation_name",
            "domain_name",
            "interval_type",
            "generation_expression",
            "identity_generation",
        ])
        .all_text(&[("is_identity", "NO"), ("is_generated", "NEVER"), ("is_updatable", "NO")])
}

/// The name of a type in the words of the standard.
fn name_of(told: &Type) -> &'static str {
    match *told {
        Type::BOOL => "boolean",
        Type::INT2 => "smallint",
        Type::INT4 => "integer",
        Type::INT8 => "bigint",
        Type::FLOAT4 => "real",
        Type::FLOAT8 => "double precision",
        Type::NUMERIC => "numeric",
        Type::VARCHAR => "character varying",
        Type::BPCHAR => "character",
        Type::BYTEA => "bytea",
        Type::DATE => "date",
        Type::TIME => "time without time zone",
        Type::TIMESTAMP => "timestamp without time zone",
        Type::TIMESTAMPTZ => "timestamp with time zone",
        Type::INTERVAL => "interval",
        Type::JSON => "json",
        ref other if element_of(other).is_some() => "ARRAY",
        _ => "text",
    }
}
