//! From a table's declaration to Iceberg's and Arrow's schemas, the partition spec, the sort order and the properties.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow_schema::SchemaRef;
use iceberg::arrow::schema_to_arrow_schema;
use iceberg::spec::{
    NestedField, NullOrder, PrimitiveType, Schema, SortDirection, SortField, SortOrder, Transform, Type,
    UnboundPartitionSpec,
};

use super::{Kind, Presence, Table};

/// The Iceberg schema of a table; field ids count from 1 in the order of declaration.
pub(crate) fn iceberg_schema(table: Table) -> iceberg::Result<Schema> {
    let fields = table.definition().columns.iter().zip(1..).map(|(column, id)| {
        let field = match column.presence {
            Presence::Required => NestedField::required(id, column.name, column.kind.iceberg_type()),
            Presence::Optional => NestedField::optional(id, column.name, column.kind.iceberg_type()),
        };
        Arc::new(field.with_doc(column.doc))
    });
    Schema::builder().with_fields(fields).build()
}

/// Partitions by UTC day, as declared.
pub(crate) fn partition_spec(table: Table, schema: &Schema) -> iceberg::Result<UnboundPartitionSpec> {
    let column = table.definition().partition_by_day_of;
    let spec = UnboundPartitionSpec::builder();
    Ok(spec.add_partition_field(field_id(schema, column)?, format!("{column}_day"), Transform::Day)?.build())
}

/// Ascending by the declared columns, nulls first.
pub(crate) fn sort_order(table: Table, schema: &Schema) -> iceberg::Result<SortOrder> {
    let mut order = SortOrder::builder();
    for column in table.definition().sorted_by {
        order.with_sort_field(SortField {
            source_id: field_id(schema, column)?,
            transform: Transform::Identity,
            direction: SortDirection::Ascending,
            null_order: NullOrder::First,
        });
    }
    order.build(schema)
}

/// Iceberg properties, so that other engines write as this one does.
pub(crate) fn properties(table: Table) -> HashMap<String, String> {
    [
        ("comment", table.definition().comment),
        ("write.format.default", "parquet"),
        ("write.parquet.compression-codec", "zstd"),
        ("write.parquet.compression-level", "3"),
        ("write.metadata.compression-codec", "gzip"),
        ("write.metadata.previous-versions-max", "20"),
        ("write.metadata.delete-after-commit.enabled", "true"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// The Arrow schema of a table, made once from its Iceberg schema.
pub(super) fn arrow_schema(table: Table) -> SchemaRef {
    static SCHEMAS: LazyLock<HashMap<Table, SchemaRef>> = LazyLock::new(|| {
        let derived = |table| schema_to_arrow_schema(&iceberg_schema(table)?);
        let declared =
            |table| derived(table).expect("a declared table has an Iceberg schema; a test makes them all");
        Table::ALL.map(|table| (table, Arc::new(declared(table)))).into()
    });
    SCHEMAS.get(&table).map_or_else(|| Arc::new(arrow_schema::Schema::empty()), Arc::clone)
}

impl Kind {
    fn iceberg_type(self) -> Type {
        Type::Primitive(match self {
            Self::Label | Self::Text => PrimitiveType::String,
            Self::Boolean => PrimitiveType::Boolean,
            Self::Int => PrimitiveType::Int,
            Self::Long => PrimitiveType::Long,
            Self::Double => PrimitiveType::Double,
            Self::Time => PrimitiveType::Timestamptz,
            Self::Bytes => PrimitiveType::Binary,
            Self::Decimal { precision, scale } => PrimitiveType::Decimal { precision, scale },
        })
    }
}

fn field_id(schema: &Schema, column: &str) -> iceberg::Result<i32> {
    schema.field_id_by_name(column).ok_or_else(|| {
        iceberg::Error::new(iceberg::ErrorKind::DataInvalid, format!("no column is called {column}"))
    })
}

#[cfg(test)]
mod tests {
    use arrow_schema::{DataType, TimeUnit};

    use super::*;

    #[test]
    fn arrow_follows_the_declaration() {
        for table in Table::ALL {
            let arrow = table.arrow_schema();
            let columns = table.definition().columns;
            assert_eq!(arrow.fields().len(), columns.len(), "{table}");
            for (field, column) in arrow.fields().iter().zip(columns) {
                assert_eq!(field.name(), column.name);
                assert_eq!(
                    field.is_nullable(),
                    column.presence == Presence::Optional,
                    "{table}.{}",
                    column.name
                );
                assert!(field.metadata().contains_key("PARQUET:field_id"), "{table}.{}", column.name);
            }
        }
    }

    #[test]
    fn types_are_those_every_engine_reads() {
        let trades = Table::Trades.arrow_schema();
        let kind = |name| trades.field_with_name(name).unwrap().data_type().clone();
        assert_eq!(kind("event_time"), DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())));
        assert_eq!(kind("price"), DataType::Decimal128(18, 8));
        assert_eq!(kind("quantity"), DataType::Decimal128(28, 8));
        assert_eq!(kind("taker_side"), DataType::Utf8);
    }

    #[test]
    fn layouts_bind_to_their_schemas() {
        for table in Table::ALL {
            let schema = iceberg_schema(table).unwrap();
            partition_spec(table, &schema).unwrap().bind(schema.clone()).unwrap();
            assert_eq!(sort_order(table, &schema).unwrap().fields.len(), 2, "{table}");
        }
    }
}
