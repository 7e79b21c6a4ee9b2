//! The functions as `SHOW FUNCTIONS` lists them.

use std::fmt;

use super::aggregate::{self};
use super::lambda::HIGHER_ORDER;
use super::scalars;

/// One signature of one function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FunctionListing {
    pub name: String,
    /// The type of the result in Trino's text; a letter stands for any type.
    pub return_type: String,
    /// The types of the arguments, between commas.
    pub argument_types: String,
    pub kind: FunctionKind,
    /// Whether equal arguments give equal results.
    pub deterministic: bool,
    pub description: String,
}

/// What a function is a function of. `Display` writes Trino's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FunctionKind {
    Scalar,
    Aggregate,
    Window,
}

impl fmt::Display for FunctionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scalar => "scalar",
            Self::Aggregate => "aggregate",
            Self::Window => "window",
        })
    }
}

/// Functions that are an expression of others, or that `DataFusion` has as Trino means them: name, result, arguments,
/// description.
const SCALARS_BESIDES: &[(&str, &str, &str, &str)] = &[
    ("acos", "double", "double", "The arc cosine"),
    ("asin", "double", "double", "The arc sine"),
    ("atan", "double", "double", "The arc tangent"),
    ("atan2", "double", "double, double", "The angle of a point"),
    ("coalesce", "T", "T", "The first argument that is not NULL"),
    ("concat", "T", "T", "Texts or arrays, one behind the other"),
    ("cos", "double", "double", "The cosine"),
    ("cosh", "double", "double", "The hyperbolic cosine"),
    ("date", "date", "T", "CAST(… AS date)"),
    ("degrees", "double", "double", "Radians as degrees"),
    ("greatest", "T", "T", "The largest argument; NULL where one is NULL"),
    ("if", "T", "boolean, T, T", "One value or the other"),
    ("least", "T", "T", "The smallest argument; NULL where one is NULL"),
    ("ltrim", "varchar", "varchar", "The text without leading spaces"),
    ("nullif", "T", "T, T", "NULL where two values are equal"),
    ("pi", "double", "", "The circle's number"),
    ("radians", "double", "double", "Degrees as radians"),
    ("rtrim", "varchar", "varchar", "The text without trailing spaces"),
    ("sin", "double", "double", "The sine"),
    ("sinh", "double", "double", "The hyperbolic sine"),
    ("tan", "double", "double", "The tangent"),
    ("tanh", "double", "double", "The hyperbolic tangent"),
    ("trim", "varchar", "varchar", "The text without spaces around it"),
    ("try", "T", "T", "A value, or NULL where it fails"),
];

const AGGREGATES_BESIDES: &[(&str, &str, &str, &str)] = &[
    ("any_value", "T", "T", "Any value that is not NULL"),
    ("approx_distinct", "bigint", "T", "About how many values there are"),
    ("arbitrary", "T", "T", "Any value that is not NULL"),
    ("array_agg", "array(T)", "T", "All values as an array"),
    ("avg", "T", "T", "The mean"),
    ("bitwise_and_agg", "bigint", "bigint", "The bits that all have"),
    ("bitwise_or_agg", "bigint", "bigint", "The bits that any has"),
    ("bitwise_xor_agg", "bigint", "bigint", "The bits that an odd number have"),
    ("bool_and", "boolean", "boolean", "Whether all are true"),
    ("bool_or", "boolean", "boolean", "Whether any is true"),
    ("corr", "double", "double, double", "The correlation"),
    ("count", "bigint", "T", "How many rows are not NULL"),
    ("count_if", "bigint", "boolean", "How many rows are true"),
    ("covar_pop", "double", "double, double", "The covariance of a population"),
    ("covar_samp", "double", "double, double", "The covariance of a sample"),
    ("every", "boolean", "boolean", "Whether all are true"),
    ("geometric_mean", "double", "double", "The geometric mean"),
    ("listagg", "varchar", "varchar, varchar", "All texts as one, with a separator"),
    ("max", "T", "T", "The largest value"),
    ("min", "T", "T", "The smallest value"),
    ("regr_count", "bigint", "double, double", "How many pairs are not NULL"),
    ("regr_intercept", "double", "double, double", "The intercept of the line of regression"),
    ("regr_r2", "double", "double, double", "The square of the correlation"),
    ("regr_slope", "double", "double, double", "The slope of the line of regression"),
    ("set_agg", "array(T)", "T", "All different values as an array"),
    ("stddev", "double", "double", "The standard deviation of a sample"),
    ("stddev_pop", "double", "double", "The standard deviation of a population"),
    ("stddev_samp", "double", "double", "The standard deviation of a sample"),
    ("sum", "T", "T", "The sum"),
    ("var_pop", "double", "double", "The variance of a population"),
    ("var_samp", "double", "double", "The variance of a sample"),
    ("variance", "double", "double", "The variance of a sample"),
];

const WINDOWS: &[(&str, &str, &str, &str)] = &[
    ("cume_dist", "double", "", "The share of rows up to this one"),
    ("dense_rank", "bigint", "", "The rank without gaps"),
    ("first_value", "T", "T", "The first value of the frame"),
    ("lag", "T", "T, bigint, T", "The value some rows before"),
    ("last_value", "T", "T", "The last value of the frame"),
    ("lead", "T", "T, bigint, T", "The value some rows behind"),
    ("nth_value", "T", "T, bigint", "The nth value of the frame"),
    ("ntile", "bigint", "bigint", "The number of the bucket"),
    ("percent_rank", "double", "", "The rank as a share"),
    ("rank", "bigint", "", "The rank with gaps"),
    ("row_number", "bigint", "", "The number of the row"),
];

/// All functions, by name.
#[must_use]
pub fn listing() -> Vec<FunctionListing> {
    let mut all = Vec::new();
    for function in scalars() {
        for name in function.names().filter(|name| !name.starts_with('$') && *name != "subscript") {
            all.extend(function.signatures().iter().map(|signature| FunctionListing {
                name: name.to_owned(),
                return_type: signature.returned.clone(),
                argument_types: signature.arguments.clone(),
                kind: FunctionKind::Scalar,
                deterministic: function.is_deterministic(),
                description: function.description.to_owned(),
            }));
        }
    }
    for function in aggregate::functions().iter().filter(|function| !function.name.starts_with('$')) {
        all.extend(function.signatures.iter().map(|signature| FunctionListing {
            name: function.name.to_owned(),
            return_type: signature.returned.clone(),
            argument_types: signature.arguments.clone(),
            kind: FunctionKind::Aggregate,
            deterministic: true,
            description: function.description.to_owned(),
        }));
    }
    all.extend(HIGHER_ORDER.iter().map(|function| FunctionListing {
        name: function.name.to_owned(),
        return_type: function.return_type.to_owned(),
        argument_types: function.argument_types.to_owned(),
        kind: FunctionKind::Scalar,
        deterministic: true,
        description: function.description.to_owned(),
    }));
    let besides = [
        (SCALARS_BESIDES, FunctionKind::Scalar),
        (AGGREGATES_BESIDES, FunctionKind::Aggregate),
        (WINDOWS, FunctionKind::Window),
    ];
    for (functions, kind) in besides {
        all.extend(functions.iter().map(|(name, return_type, argument_types, description)| {
            FunctionListing {
                name: (*name).to_owned(),
                return_type: (*return_type).to_owned(),
                argument_types: (*argument_types).to_owned(),
                kind,
                deterministic: true,
                description: (*description).to_owned(),
            }
        }));
    }
    all.sort();
    all
}
