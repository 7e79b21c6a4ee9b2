//! Queries of Trino's put in the form that the planner of `DataFusion` knows.

mod output;
mod parameters;
mod shape;
mod unnest;
mod using;

pub use output::{OutputName, column_names, names_of, with_names};
pub use parameters::{literal, parameter_count, with_parameters};
pub use shape::{ShapeError, shaped};
pub use unnest::UnnestPlanner;

pub(crate) use output::output_names;
