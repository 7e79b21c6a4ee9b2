//! Functions of the catalog whose answer depends on who asks, and a few that `datafusion-pg-catalog` lacks.

use std::any::Any;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{ArrayRef, StringArray, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::World;
use super::numbers::ToNumber;
use super::relations::numbers_of_tables;
use crate::postgres::settings::{SERVER_VERSION, Settings};

pub(super) fn all(world: &World) -> Vec<ScalarUDF> {
    let text = |value: &str| ScalarValue::Utf8(Some(value.to_owned()));
    let schema = world.schema.as_deref().unwrap_or("public");
    let schemas: ArrayRef = Arc::new(StringArray::from(vec!["pg_catalog", schema]));
    let schemas = ScalarValue::List(Arc::new(SingleRowListArrayBuilder::new(schemas).build_list_array()));
    let version = format!("PostgreSQL {SERVER_VERSION} (depthlake {})", env!("CARGO_PKG_VERSION"));
    let no_text = ScalarValue::Utf8(None);
    let mut functions: Vec<ScalarUDF> = [
        ("version", text(&version)),
        ("current_database", text(&world.database)),
        ("current_schema", text(schema)),
        ("current_schemas", schemas),
        ("session_user", text(&world.user)),
        ("current_user", text(&world.user)),
        ("current_role", text(&world.user)),
        ("user", text(&world.user)),
        ("pg_get_userbyid", text("depthlake")),
        ("pg_backend_pid", ScalarValue::Int32(Some(world.process))),
        ("pg_is_in_recovery", ScalarValue::Boolean(Some(false))),
        ("pg_is_wal_replay_paused", ScalarValue::Boolean(Some(false))),
        ("pg_function_is_visible", ScalarValue::Boolean(Some(true))),
        ("pg_type_is_visible", ScalarValue::Boolean(Some(true))),
        ("pg_table_is_visible", ScalarValue::Boolean(Some(true))),
        ("pg_collation_is_visible", ScalarValue::Boolean(Some(true))),
        ("pg_table_size", ScalarValue::Int64(None)),
        ("pg_indexes_size", ScalarValue::Int64(None)),
        ("pg_size_pretty", no_text.clone()),
        ("obj_description", no_text.clone()),
        ("col_description", no_text.clone()),
        ("shobj_description", no_text.clone()),
        ("pg_get_viewdef", no_text.clone()),
        ("pg_get_indexdef", no_text.clone()),
        ("pg_get_triggerdef", no_text.clone()),
        ("pg_get_ruledef", no_text.clone()),
        ("pg_get_function_result", no_text.clone()),
        ("pg_get_function_arguments", no_text.clone()),
        ("pg_get_function_identity_arguments", no_text.clone()),
        ("pg_get_serial_sequence", no_text.clone()),
        ("pg_get_constraintdef", no_text.clone()),
        ("pg_get_partkeydef", no_text.clone()),
        ("pg_tablespace_location", text("")),
        ("inet_server_addr", no_text.clone()),
        ("inet_client_addr", no_text),
        ("inet_server_port", ScalarValue::Int32(None)),
        ("txid_current", ScalarValue::Int64(Some(1))),
    ]
    .into_iter()
    .map(|(name, value)| ScalarUDF::from(Constant::new(name, value)))
    .collect();
    functions.push(ScalarUDF::from(ToNumber::new("to_regclass", numbers_of_tables(world))));
    functions.push(ScalarUDF::from(CurrentSetting::new("current_setting", world.settings.clone())));
    functions
}

/// A function that has the same answer whatever its arguments are.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Constant {
    name: &'static str,
    value: ScalarValue,
    signature: Signature,
}

impl Constant {
    fn new(name: &'static str, value: ScalarValue) -> Self {
        let arguments = vec![
            datafusion::logical_expr::TypeSignature::Nullary,
            datafusion::logical_expr::TypeSignature::VariadicAny,
        ];
        Self { name, value, signature: Signature::one_of(arguments, Volatility::Stable) }
    }
}

impl ScalarUDFImpl for Constant {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.value.data_type())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(self.value.clone()))
    }
}

/// `current_setting(name [, missing_ok])`.
#[derive(Debug)]
struct CurrentSetting {
    name: &'static str,
    settings: Settings,
    signature: Signature,
}

impl CurrentSetting {
    fn new(name: &'static str, settings: Settings) -> Self {
        Self { name, settings, signature: Signature::variadic_any(Volatility::Stable) }
    }
}

impl PartialEq for CurrentSetting {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for CurrentSetting {}

impl Hash for CurrentSetting {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for CurrentSetting {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let Some(names) = arrays.first() else { return Ok(ColumnarValue::Scalar(ScalarValue::Utf8(None))) };
        let names = cast(names, &DataType::Utf8)?;
        let mut values = StringBuilder::new();
        for name in names.as_string::<i32>() {
            values.append_option(name.and_then(|name| self.settings.get(name)));
        }
        Ok(ColumnarValue::Array(Arc::new(values.finish())))
    }
}
