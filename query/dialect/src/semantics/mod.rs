//! What the operators and forms of Trino's SQL mean, where `DataFusion` means something else.
//!
//! [`adapt`] turns the forms of a parsed query (casts, typed literals, subscripts, functions of another name) into calls
//! of the dialect's functions; [`install`] adds those functions, the planning of operators, and analysis to a session.

mod adapt;
mod calls;
mod checking;
mod install;
mod intervals;
mod lambdas;
mod literals;
mod operators;
mod places;
mod single_rows;
mod trying;

pub use adapt::adapt;
pub use checking::check_types;
pub use install::{install, session_config};
pub(crate) use lambdas::of_unknown as lambda_of_unknown;
pub use places::located;
