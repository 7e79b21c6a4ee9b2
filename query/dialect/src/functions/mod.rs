//! Trino's functions.

pub(crate) mod cast;
pub(crate) mod rows;
pub(crate) mod scalar;
mod time;

use datafusion::logical_expr::ScalarUDF;

use scalar::Scalar;

fn scalars() -> Vec<Scalar> {
    time::functions()
}

/// All scalar functions of the dialect.
pub(crate) fn scalar_functions() -> Vec<ScalarUDF> {
    let mut all: Vec<ScalarUDF> = scalars().into_iter().map(Scalar::into_udf).collect();
    all.extend(cast::functions());
    all
}
