//! Scalar functions by a table: a name, signatures in Trino's words, and what computes a column.
//!
//! A signature such as `varchar, bigint -> varchar` drives three things: which arguments fit and how they are coerced, the
//! type of the result, and the listing of `SHOW FUNCTIONS`. Besides Trino's types a parameter may be
//! `number` (any), `decimal`, `moment` (date or timestamp, with or without zone), `array`, `map`, `row` or a letter
//! (anything); `...` repeats the last one. A result `same` is the type of the first argument.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::{Result, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::error::type_mismatch;
use crate::types::TrinoType;

/// Evaluated arguments: columns of equal length.
pub(crate) struct Arguments {
    pub columns: Vec<ArrayRef>,
    pub fields: Vec<FieldRef>,
    /// The field that planning promised.
    pub result: FieldRef,
    pub rows: usize,
    /// The time zone of the session.
    pub zone: Option<String>,
}

/// Arguments as planning knows them.
pub(crate) struct Planned<'a> {
    pub fields: &'a [FieldRef],
    pub constants: &'a [Option<&'a ScalarValue>],
}

impl Planned<'_> {
    /// The type of an argument; NULL's where there is no such argument.
    pub fn data_type(&self, index: usize) -> &DataType {
        self.fields.get(index).map_or(&DataType::Null, |field| field.data_type())
    }

    /// The text of an argument, where it is a constant text.
    pub fn constant_text(&self, index: usize) -> Option<&str> {
        self.constants.get(index).copied().flatten().and_then(|value| value.try_as_str().flatten())
    }
}

type Evaluate = fn(&Arguments) -> Result<ArrayRef>;
type Returns = fn(&Planned) -> Result<Field>;

/// A scalar function of the dialect.
pub(crate) struct Scalar {
    name: &'static str,
    signatures: Vec<Parameters>,
    returns: Option<Returns>,
    evaluate: Evaluate,
    signature: Signature,
    aliases: Vec<String>,
    pub description: &'static str,
}

/// One signature, taken apart.
#[derive(Debug)]
pub(crate) struct Parameters {
    kinds: Vec<Kind>,
    repeats: bool,
    result: Kind,
    /// The arguments as listed.
    pub arguments: String,
    /// The result as listed.
    pub returned: String,
}

/// What fits a parameter.
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Exactly(TrinoType),
    Number,
    Decimal,
    Moment,
    Array,
    Map,
    Row,
    Anything,
    /// As a result: the type of the first argument.
    Same,
}

impl Scalar {
    /// A deterministic function.
    ///
    /// # Panics
    /// Where a signature of the table is misspelt, which any test finds.
    pub fn new(
        name: &'static str,
        signatures: &[&str],
        description: &'static str,
        evaluate: Evaluate,
    ) -> Self {
        let signatures = signatures.iter().map(|text| Parameters::parse(text)).collect();
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { name, signatures, returns: None, evaluate, signature, aliases: Vec::new(), description }
    }

    /// The result has a type that its arguments decide.
    pub fn returning(mut self, returns: Returns) -> Self {
        self.returns = Some(returns);
        self
    }

    pub fn volatility(mut self, volatility: Volatility) -> Self {
        self.signature = Signature::user_defined(volatility);
        self
    }

    pub fn alias(mut self, alias: &str) -> Self {
        self.aliases.push(alias.to_owned());
        self
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name).chain(self.aliases.iter().map(String::as_str))
    }

    pub fn signatures(&self) -> &[Parameters] {
        &self.signatures
    }

    pub fn is_deterministic(&self) -> bool {
        self.signature.volatility != Volatility::Volatile
    }

    pub fn into_udf(self) -> ScalarUDF {
        ScalarUDF::new_from_impl(self)
    }
}

/// The first signature that fits exactly, else the first that fits.
fn fitting<'a>(signatures: &'a [Parameters], types: &[DataType]) -> Option<&'a Parameters> {
    let fitting = || signatures.iter().filter(|signature| signature.fits(types));
    fitting().find(|signature| signature.fits_exactly(types)).or_else(|| fitting().next())
}

fn mismatch(name: &str, signatures: &[Parameters], types: &[DataType]) -> DataFusionError {
    let given: Vec<String> = types.iter().map(|data_type| TrinoType::of_arrow(data_type).to_string()).collect();
    let expected: Vec<String> =
        signatures.iter().map(|signature| format!("{name}({})", signature.arguments)).collect();
    type_mismatch(format!(
        "Unexpected parameters ({}) for function {name}. Expected: {}",
        given.join(", "),
        expected.join(", ")
    ))
}

/// The types that arguments are cast to, by the signature that fits them.
pub(crate) fn coerced_types(name: &str, signatures: &[Parameters], types: &[DataType]) -> Result<Vec<DataType>> {
    let signature = fitting(signatures, types).ok_or_else(|| mismatch(name, signatures, types))?;
    let coerced = |(index, given)| signature.kind(index).map_or(DataType::Null, |kind| kind.coerced(given));
    Ok(types.iter().enumerate().map(coerced).collect())
}

impl Parameters {
    pub fn parse(text: &str) -> Self {
        let (arguments, returned) = text.split_once("->").expect("a signature has an arrow");
        let (arguments, returned) = (arguments.trim(), returned.trim());
        let repeats = arguments.ends_with("...");
        let kinds = split_top(arguments.trim_end_matches("...")).map(|text| Kind::parse(text)).collect();
        Self {
            kinds,
            repeats,
            result: TrinoType::parse(returned).map_or_else(|_| Kind::parse(returned), Kind::Exactly),
            arguments: arguments.to_owned(),
            returned: returned.to_owned(),
        }
    }

    fn kind(&self, index: usize) -> Option<&Kind> {
        self.kinds.get(index).or_else(|| self.kinds.last().filter(|_| self.repeats))
    }

    fn takes(&self, count: usize) -> bool {
        count == self.kinds.len() || (self.repeats && count + 1 >= self.kinds.len())
    }

    fn fits(&self, types: &[DataType]) -> bool {
        self.takes(types.len())
            && types
                .iter()
                .enumerate()
                .all(|(index, given)| self.kind(index).is_some_and(|kind| kind.fits(given)))
    }

    fn fits_exactly(&self, types: &[DataType]) -> bool {
        types
            .iter()
            .enumerate()
            .all(|(index, given)| !given.is_null() && self.kind(index).is_some_and(|kind| kind.coerced(given) == *given))
    }
}

/// The parts between commas outside parentheses.
fn split_top(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
}

impl Kind {
    fn parse(text: &str) -> Self {
        match text {
            "number" => Self::Number,
            "decimal" => Self::Decimal,
            "moment" => Self::Moment,
            "same" => Self::Same,
            _ if text.starts_with("array") => Self::Array,
            _ if text.starts_with("map") => Self::Map,
            _ if text.starts_with("row") => Self::Row,
            _ if text.len() == 1 => Self::Anything,
            _ => Self::Exactly(TrinoType::parse(text).expect("a type in a signature")),
        }
    }

    fn is_text(&self) -> bool {
        matches!(self, Self::Exactly(TrinoType::Varchar { .. } | TrinoType::Json))
    }

    fn fits(&self, given: &DataType) -> bool {
        if given.is_null() {
            return true;
        }
        match self {
            Self::Anything | Self::Same => true,
            Self::Number => given.is_numeric(),
            Self::Decimal => is_decimal(given) || given.is_integer(),
            Self::Moment => is_moment(given),
            Self::Array => is_list(given),
            Self::Map => matches!(given, DataType::Map(..)),
            Self::Row => matches!(given, DataType::Struct(_)),
            Self::Exactly(wanted) => fits_type(wanted, given),
        }
    }

    /// The type that an argument is cast to before the function sees it.
    fn coerced(&self, given: &DataType) -> DataType {
        match self {
            Self::Exactly(TrinoType::Timestamp { .. }) => DataType::Timestamp(unit_of(given), None),
            Self::Exactly(TrinoType::TimestampWithTimeZone { .. }) => match given {
                DataType::Timestamp(_, Some(_)) => given.clone(),
                _ => DataType::Timestamp(unit_of(given), Some("UTC".into())),
            },
            // A cast would hide a constant from planning: texts become views when they are evaluated.
            text if text.is_text() && given.is_string() => given.clone(),
            Self::Exactly(wanted) => wanted.to_arrow(),
            Self::Number if given.is_null() => DataType::Float64,
            Self::Decimal => decimal_of(given),
            Self::Moment if given.is_null() => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Array => match given {
                DataType::LargeList(field)
                | DataType::FixedSizeList(field, _)
                | DataType::ListView(field)
                | DataType::LargeListView(field) => DataType::List(Arc::clone(field)),
                DataType::Null => DataType::new_list(DataType::Null, true),
                other => other.clone(),
            },
            _ => given.clone(),
        }
    }
}

fn unit_of(given: &DataType) -> TimeUnit {
    match given {
        DataType::Timestamp(unit, _) => *unit,
        _ => TimeUnit::Microsecond,
    }
}

/// The decimal that holds every value of a number type.
pub(crate) fn decimal_of(given: &DataType) -> DataType {
    match given {
        DataType::Decimal128(..) => given.clone(),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal256(precision, scale) => DataType::Decimal128((*precision).min(38), *scale),
        DataType::Int8 | DataType::UInt8 => DataType::Decimal128(3, 0),
        DataType::Int16 | DataType::UInt16 => DataType::Decimal128(5, 0),
        DataType::Int32 | DataType::UInt32 => DataType::Decimal128(10, 0),
        DataType::UInt64 => DataType::Decimal128(20, 0),
        _ => DataType::Decimal128(19, 0),
    }
}

fn fits_type(wanted: &TrinoType, given: &DataType) -> bool {
    match wanted {
        TrinoType::Varchar { .. } | TrinoType::Json => given.is_string(),
        TrinoType::Bigint => given.is_integer(),
        TrinoType::Integer => given.is_integer() && !matches!(given, DataType::UInt64),
        TrinoType::Double => given.is_numeric(),
        TrinoType::Real => *given == DataType::Float32,
        TrinoType::Varbinary => matches!(
            given,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)
        ),
        TrinoType::Date => matches!(given, DataType::Date32 | DataType::Date64),
        TrinoType::Timestamp { .. } => {
            matches!(given, DataType::Timestamp(_, None) | DataType::Date32)
        }
        TrinoType::TimestampWithTimeZone { .. } => is_moment(given),
        other => other.to_arrow() == *given,
    }
}

pub(crate) fn is_decimal(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..)
    )
}

fn is_moment(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Timestamp(..))
}

fn is_list(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::List(_)
            | DataType::LargeList(_)
            | DataType::FixedSizeList(..)
            | DataType::ListView(_)
            | DataType::LargeListView(_)
    )
}

impl ScalarUDFImpl for Scalar {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Err(type_mismatch(format!("the type of {} needs its arguments", self.name)))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        coerced_types(self.name, &self.signatures, types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let planned = Planned { fields: args.arg_fields, constants: args.scalar_arguments };
        if let Some(returns) = self.returns {
            return Ok(Arc::new(returns(&planned)?.with_name(self.name)));
        }
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let signature = fitting(&self.signatures, &types).ok_or_else(|| mismatch(self.name, &self.signatures, &types))?;
        let field = match &signature.result {
            Kind::Exactly(result) => result.to_field(self.name),
            _ => Field::new(self.name, planned.data_type(0).clone(), true),
        };
        Ok(Arc::new(field))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = !args.args.is_empty()
            && self.is_deterministic()
            && args.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let signature = fitting(&self.signatures, &types);
        let columns: Result<Vec<ArrayRef>> = (args.args.into_iter().enumerate())
            .map(|(index, value)| {
                let kind = signature.and_then(|signature| signature.kind(index));
                if kind.is_some_and(Kind::is_text) { as_view(value)?.into_array(rows) } else { value.into_array(rows) }
            })
            .collect();
        let column = (self.evaluate)(&Arguments {
            columns: columns?,
            fields: args.arg_fields,
            result: args.return_field,
            rows,
            zone: args.config_options.execution.time_zone.clone(),
        })?;
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&column, 0)?));
        }
        Ok(ColumnarValue::Array(column))
    }
}

fn as_view(value: ColumnarValue) -> Result<ColumnarValue> {
    if matches!(value.data_type(), DataType::Utf8 | DataType::LargeUtf8) {
        return value.cast_to(&DataType::Utf8View, None);
    }
    Ok(value)
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scalar").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Scalar {}

impl Hash for Scalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}
