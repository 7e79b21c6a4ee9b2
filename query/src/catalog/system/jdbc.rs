//! `system.jdbc`: what the JDBC driver asks.

use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use depthlake_dialect::types::TrinoType;

use super::Tables;
use crate::catalog::Directory;
use crate::catalog::information_schema::COMMENT;
use crate::catalog::sheet::{Cell, Columns, Kind};

const COLUMNS: Columns = &[
    ("table_cat", Kind::Text),
    ("table_schem", Kind::Text),
    ("table_name", Kind::Text),
    ("column_name", Kind::Text),
    ("data_type", Kind::Number),
    ("type_name", Kind::Text),
    ("column_size", Kind::Number),
    ("buffer_length", Kind::Number),
    ("decimal_digits", Kind::Number),
    ("num_prec_radix", Kind::Number),
    ("nullable", Kind::Number),
    ("remarks", Kind::Text),
    ("column_def", Kind::Text),
    ("sql_data_type", Kind::Number),
    ("sql_datetime_sub", Kind::Number),
    ("char_octet_length", Kind::Number),
    ("ordinal_position", Kind::Number),
    ("is_nullable", Kind::Text),
    ("scope_catalog", Kind::Text),
    ("scope_schema", Kind::Text),
    ("scope_table", Kind::Text),
    ("source_data_type", Kind::Number),
    ("is_autoincrement", Kind::Text),
    ("is_generatedcolumn", Kind::Text),
];

const TYPES: Columns = &[
    ("type_name", Kind::Text),
    ("data_type", Kind::Number),
    ("precision", Kind::Number),
    ("literal_prefix", Kind::Text),
    ("literal_suffix", Kind::Text),
    ("create_params", Kind::Text),
    ("nullable", Kind::Number),
    ("case_sensitive", Kind::Flag),
    ("searchable", Kind::Number),
    ("unsigned_attribute", Kind::Flag),
    ("fixed_prec_scale", Kind::Flag),
    ("auto_increment", Kind::Flag),
    ("local_type_name", Kind::Text),
    ("minimum_scale", Kind::Number),
    ("maximum_scale", Kind::Number),
    ("sql_data_type", Kind::Number),
    ("sql_datetime_sub", Kind::Number),
    ("num_prec_radix", Kind::Number),
];

const PROCEDURES: Columns = &[
    ("procedure_cat", Kind::Text),
    ("procedure_schem", Kind::Text),
    ("procedure_name", Kind::Text),
    ("remarks", Kind::Text),
    ("procedure_type", Kind::Number),
    ("specific_name", Kind::Text),
];

const PROCEDURE_COLUMNS: Columns = &[
    ("procedure_cat", Kind::Text),
    ("procedure_schem", Kind::Text),
    ("procedure_name", Kind::Text),
    ("column_name", Kind::Text),
    ("column_type", Kind::Number),
    ("data_type", Kind::Number),
    ("type_name", Kind::Text),
    ("precision", Kind::Number),
    ("length", Kind::Number),
    ("scale", Kind::Number),
    ("radix", Kind::Number),
    ("nullable", Kind::Number),
    ("remarks", Kind::Text),
    ("column_def", Kind::Text),
    ("sql_data_type", Kind::Number),
    ("sql_datetime_sub", Kind::Number),
    ("char_octet_length", Kind::Number),
    ("ordinal_position", Kind::Number),
    ("is_nullable", Kind::Text),
    ("specific_name", Kind::Text),
];

const ATTRIBUTES: Columns = &[
    ("type_cat", Kind::Text),
    ("type_schem", Kind::Text),
    ("type_name", Kind::Text),
    ("attr_name", Kind::Text),
    ("data_type", Kind::Number),
    ("attr_type_name", Kind::Text),
    ("attr_size", Kind::Number),
    ("decimal_digits", Kind::Number),
    ("num_prec_radix", Kind::Number),
    ("nullable", Kind::Number),
    ("remarks", Kind::Text),
    ("attr_def", Kind::Text),
    ("sql_data_type", Kind::Number),
    ("sql_datetime_sub", Kind::Number),
    ("char_octet_length", Kind::Number),
    ("ordinal_position", Kind::Number),
    ("is_nullable", Kind::Text),
    ("scope_catalog", Kind::Text),
    ("scope_schema", Kind::Text),
    ("scope_table", Kind::Text),
    ("source_data_type", Kind::Number),
];

const PSEUDO_COLUMNS: Columns = &[
    ("table_cat", Kind::Text),
    ("table_schem", Kind::Text),
    ("table_name", Kind::Text),
    ("column_name", Kind::Text),
    ("data_type", Kind::Number),
    ("column_size", Kind::Number),
    ("decimal_digits", Kind::Number),
    ("num_prec_radix", Kind::Number),
    ("column_usage", Kind::Text),
    ("remarks", Kind::Text),
    ("char_octet_length", Kind::Number),
    ("is_nullable", Kind::Text),
];

pub(super) const TABLES: Tables = &[
    ("attributes", ATTRIBUTES),
    ("catalogs", &[("table_cat", Kind::Text)]),
    ("columns", COLUMNS),
    ("procedure_columns", PROCEDURE_COLUMNS),
    ("procedures", PROCEDURES),
    ("pseudo_columns", PSEUDO_COLUMNS),
    ("schemas", &[("table_schem", Kind::Text), ("table_catalog", Kind::Text)]),
    (
        "super_tables",
        &[
            ("table_cat", Kind::Text),
            ("table_schem", Kind::Text),
            ("table_name", Kind::Text),
            ("supertable_name", Kind::Text),
        ],
    ),
    (
        "super_types",
        &[
            ("type_cat", Kind::Text),
            ("type_schem", Kind::Text),
            ("type_name", Kind::Text),
            ("supertype_cat", Kind::Text),
            ("supertype_schem", Kind::Text),
            ("supertype_name", Kind::Text),
        ],
    ),
    ("table_types", &[("table_type", Kind::Text)]),
    (
        "tables",
        &[
            ("table_cat", Kind::Text),
            ("table_schem", Kind::Text),
            ("table_name", Kind::Text),
            ("table_type", Kind::Text),
            ("remarks", Kind::Text),
            ("type_cat", Kind::Text),
            ("type_schem", Kind::Text),
            ("type_name", Kind::Text),
            ("self_referencing_col_name", Kind::Text),
            ("ref_generation", Kind::Text),
        ],
    ),
    ("types", TYPES),
    (
        "udts",
        &[
            ("type_cat", Kind::Text),
            ("type_schem", Kind::Text),
            ("type_name", Kind::Text),
            ("class_name", Kind::Text),
            ("data_type", Kind::Number),
            ("remarks", Kind::Text),
            ("base_type", Kind::Number),
        ],
    ),
];

/// There are no procedures, types or relations of types that a client could be told of.
pub(super) async fn rows(table: &str, directory: &Arc<Directory>) -> Vec<Vec<Cell>> {
    match table {
        "catalogs" => directory.catalogs().map(|catalog| vec![catalog.name().into()]).collect(),
        "schemas" => {
            schemas(directory).map(|(catalog, schema)| vec![schema.into(), catalog.into()]).collect()
        }
        "table_types" => vec![vec!["TABLE".into()], vec!["VIEW".into()]],
        "tables" => {
            schemas(directory).flat_map(|(catalog, schema)| tables(directory, catalog, &schema)).collect()
        }
        "columns" => {
            let mut rows = Vec::new();
            for (catalog, schema) in schemas(directory) {
                for relation in directory.relations(catalog, &schema) {
                    rows.extend(columns(directory, catalog, &schema, &relation.name).await);
                }
            }
            rows
        }
        "types" => types(),
        _ => Vec::new(),
    }
}

fn schemas(directory: &Arc<Directory>) -> impl Iterator<Item = (&'static str, String)> {
    directory.catalogs().map(|catalog| catalog.name()).flat_map(|catalog| {
        directory.schemas(catalog).unwrap_or_default().into_iter().map(move |schema| (catalog, schema))
    })
}

fn tables(directory: &Directory, catalog: &str, schema: &str) -> Vec<Vec<Cell>> {
    let relations = directory.relations(catalog, schema).into_iter();
    relations
        .map(|relation| {
            let kind = if relation.is_view() { "VIEW" } else { "TABLE" };
            let comment = relation.comment.into();
            vec![catalog.into(), schema.into(), relation.name.into(), kind.into(), comment]
        })
        .collect()
}

async fn columns(directory: &Arc<Directory>, catalog: &str, schema: &str, table: &str) -> Vec<Vec<Cell>> {
    let known = directory.columns(catalog, schema, table).await;
    let fields = known.iter().flat_map(|known| known.fields());
    (1..).zip(fields).map(|(place, field)| column([catalog, schema, table], place, field)).collect()
}

fn column(table: [&str; 3], place: i64, field: &Field) -> Vec<Cell> {
    let trino = TrinoType::of_field(field);
    let [catalog, schema, table] = table;
    let (nullable, is_nullable) = if field.is_nullable() { (1, "YES") } else { (0, "NO") };
    vec![
        catalog.into(),
        schema.into(),
        table.into(),
        field.name().as_str().into(),
        code(&trino).into(),
        trino.to_string().into(),
        size(&trino).into(),
        Cell::Null,
        decimal_digits(&trino).into(),
        radix(&trino).into(),
        Cell::Number(nullable),
        field.metadata().get(COMMENT).map(String::as_str).into(),
        Cell::Null,
        Cell::Null,
        Cell::Null,
        size(&trino).filter(|_| matches!(trino, TrinoType::Varchar { .. } | TrinoType::Char { .. })).into(),
        Cell::Number(place),
        is_nullable.into(),
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
    ]
}

/// The number that `java.sql.Types` gives a type.
fn code(trino: &TrinoType) -> i64 {
    match trino {
        TrinoType::Boolean => 16,
        TrinoType::Tinyint => -6,
        TrinoType::Smallint => 5,
        TrinoType::Integer => 4,
        TrinoType::Bigint => -5,
        TrinoType::Real => 7,
        TrinoType::Double => 8,
        TrinoType::Decimal { .. } => 3,
        TrinoType::Varchar { .. } => 12,
        TrinoType::Char { .. } => 1,
        TrinoType::Varbinary => -3,
        TrinoType::Date => 91,
        TrinoType::Time { .. } => 92,
        TrinoType::TimeWithTimeZone { .. } => 2013,
        TrinoType::Timestamp { .. } => 93,
        TrinoType::TimestampWithTimeZone { .. } => 2014,
        TrinoType::Array(_) => 2003,
        TrinoType::Unknown => 0,
        _ => 2000,
    }
}

/// The size of a column as the driver has it: digits, characters or bytes.
fn size(trino: &TrinoType) -> Option<i64> {
    Some(match trino {
        TrinoType::Tinyint => 3,
        TrinoType::Smallint => 5,
        TrinoType::Integer => 10,
        TrinoType::Bigint => 19,
        TrinoType::Real => 24,
        TrinoType::Double => 53,
        TrinoType::Decimal { precision, .. } => i64::from(*precision),
        TrinoType::Varchar { length } => length.map_or(i64::from(i32::MAX), i64::from),
        TrinoType::Char { length } => i64::from(*length),
        TrinoType::Varbinary => i64::from(i32::MAX),
        TrinoType::Date => 14,
        TrinoType::Time { precision } => 8 + fraction(*precision),
        TrinoType::TimeWithTimeZone { precision } => 14 + fraction(*precision),
        TrinoType::Timestamp { precision } => 25 + fraction(*precision),
        TrinoType::TimestampWithTimeZone { precision } => 55 + fraction(*precision),
        _ => return None,
    })
}

/// A fraction's digits with their point.
fn fraction(precision: u8) -> i64 {
    if precision == 0 { 0 } else { 1 + i64::from(precision) }
}

fn decimal_digits(trino: &TrinoType) -> Option<i64> {
    match trino {
        TrinoType::Tinyint | TrinoType::Smallint | TrinoType::Integer | TrinoType::Bigint => Some(0),
        TrinoType::Decimal { scale, .. } => Some(i64::from(*scale)),
        TrinoType::Time { precision }
        | TrinoType::TimeWithTimeZone { precision }
        | TrinoType::Timestamp { precision }
        | TrinoType::TimestampWithTimeZone { precision } => Some(i64::from(*precision)),
        _ => None,
    }
}

fn radix(trino: &TrinoType) -> Option<i64> {
    match trino {
        TrinoType::Tinyint
        | TrinoType::Smallint
        | TrinoType::Integer
        | TrinoType::Bigint
        | TrinoType::Decimal { .. } => Some(10),
        TrinoType::Real | TrinoType::Double => Some(2),
        _ => None,
    }
}

fn types() -> Vec<Vec<Cell>> {
    let known = [
        ("boolean", TrinoType::Boolean),
        ("bigint", TrinoType::Bigint),
        ("integer", TrinoType::Integer),
        ("smallint", TrinoType::Smallint),
        ("tinyint", TrinoType::Tinyint),
        ("real", TrinoType::Real),
        ("double", TrinoType::Double),
        ("varchar", TrinoType::Varchar { length: None }),
        ("varbinary", TrinoType::Varbinary),
        ("time", TrinoType::Time { precision: 3 }),
        ("time with time zone", TrinoType::TimeWithTimeZone { precision: 3 }),
        ("timestamp", TrinoType::Timestamp { precision: 3 }),
        ("timestamp with time zone", TrinoType::TimestampWithTimeZone { precision: 3 }),
        ("date", TrinoType::Date),
        ("char", TrinoType::Char { length: 65_536 }),
        ("decimal", TrinoType::Decimal { precision: 38, scale: 0 }),
        ("json", TrinoType::Json),
        ("uuid", TrinoType::Uuid),
    ];
    known.into_iter().map(|(name, trino)| type_row(name, &trino)).collect()
}

fn type_row(name: &str, trino: &TrinoType) -> Vec<Cell> {
    let is_text = matches!(trino, TrinoType::Varchar { .. } | TrinoType::Char { .. });
    let is_number = radix(trino).is_some();
    let parameters = match trino {
        TrinoType::Varchar { .. } | TrinoType::Char { .. } => Some("length"),
        TrinoType::Decimal { .. } => Some("precision,scale"),
        _ => None,
    };
    vec![
        name.into(),
        code(trino).into(),
        size(trino).into(),
        is_text.then_some("'").into(),
        is_text.then_some("'").into(),
        parameters.into(),
        Cell::Number(1),
        is_text.into(),
        Cell::Number(3),
        (!is_number).then_some(true).or(Some(false)).into(),
        false.into(),
        false.into(),
        Cell::Null,
        decimal_digits(trino).map(|_| 0_i64).into(),
        decimal_digits(trino)
            .map(|digits| if digits == 0 && matches!(trino, TrinoType::Decimal { .. }) { 38 } else { digits })
            .into(),
        Cell::Null,
        Cell::Null,
        radix(trino).into(),
    ]
}
