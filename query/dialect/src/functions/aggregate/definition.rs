//! Aggregate functions by a table, as scalar functions are.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

use crate::functions::signature::{Parameters, coerced_types, fitting, mismatch};
use crate::types::TrinoType;

/// What planning and execution know of the arguments.
pub(super) type Make = fn(&[FieldRef], &Field) -> Box<dyn Accumulator>;
/// The type of the result, of the types of the arguments.
pub(super) type ReturnType = fn(&[DataType]) -> DataType;
/// The types of the state between partial and final aggregation.
pub(super) type StateTypes = fn(&[DataType]) -> Vec<DataType>;

/// An aggregate function of the dialect.
pub(crate) struct Aggregate {
    pub name: &'static str,
    pub signatures: Vec<Parameters>,
    pub description: &'static str,
    signature: Signature,
    returns: ReturnType,
    state: StateTypes,
    make: Make,
}

impl Aggregate {
    pub fn new(
        name: &'static str,
        signatures: &[&str],
        description: &'static str,
        returns: ReturnType,
        state: StateTypes,
        make: Make,
    ) -> Self {
        Self {
            name,
            signatures: signatures.iter().map(|text| Parameters::parse(text)).collect(),
            description,
            signature: Signature::user_defined(Volatility::Immutable),
            returns,
            state,
            make,
        }
    }

    pub fn into_udaf(self) -> AggregateUDF {
        AggregateUDF::new_from_impl(self)
    }
}

impl AggregateUDFImpl for Aggregate {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(coerced_types(&self.signatures, types))
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        if fitting(&self.signatures, types).is_none() {
            let given: Vec<TrinoType> = types.iter().map(TrinoType::of_arrow).collect();
            return Err(mismatch(self.name, &self.signatures, &given));
        }
        Ok((self.returns)(types))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let types: Vec<DataType> = args.input_fields.iter().map(|field| field.data_type().clone()).collect();
        let field =
            |(index, data_type)| Arc::new(Field::new(format!("{}[{index}]", args.name), data_type, true));
        Ok((self.state)(&types).into_iter().enumerate().map(field).collect())
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok((self.make)(args.expr_fields, &args.return_field))
    }
}

impl fmt::Debug for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aggregate").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for Aggregate {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Aggregate {}

impl Hash for Aggregate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// An array column's type, of a type of elements.
pub(super) fn list_of(data_type: &DataType) -> DataType {
    DataType::new_list(data_type.clone(), true)
}

/// One array as a value.
pub(super) fn list_value(values: ArrayRef) -> ScalarValue {
    let field = Arc::new(Field::new("item", values.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    ScalarValue::List(Arc::new(ListArray::new(field, offsets, values, None)))
}

/// Values of one type as a column, also where there are none.
pub(super) fn column_of(
    values: impl IntoIterator<Item = ScalarValue>,
    data_type: &DataType,
) -> Result<ArrayRef> {
    let mut values = values.into_iter().peekable();
    if values.peek().is_none() {
        return Ok(datafusion::arrow::array::new_empty_array(data_type));
    }
    ScalarValue::iter_to_array(values)
}

/// The lists of a column of states; none for NULL.
pub(super) fn lists(states: &[ArrayRef], index: usize) -> Result<Vec<ArrayRef>> {
    let Some(lists) = states.get(index).and_then(|column| column.as_list_opt::<i32>()) else {
        return internal_err!("the state of an aggregate has no list {index}");
    };
    Ok(lists.iter().flatten().collect())
}
