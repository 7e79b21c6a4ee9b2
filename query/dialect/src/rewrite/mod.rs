//! Queries of Trino's put in the form that the planner of `DataFusion` knows.

mod exists;
mod laterals;
mod output;
mod parameters;
mod recursive;
mod shape;
mod template;
mod ties;
mod unnest;
mod using;

pub use laterals::laterals_joined;
pub use output::{OutputName, column_names, names_of, with_names};
pub use parameters::{literal, parameter_count, with_parameters};
pub use shape::{ShapeError, shaped};
pub use unnest::UnnestPlanner;

pub(crate) use output::output_names;
