//! Aggregate functions that `DataFusion` lacks.

mod definition;
mod extreme_by;
mod maps;
mod percentile;
mod shape;
mod single;

pub(crate) use definition::Aggregate;
pub(crate) use single::SINGLE;

pub(super) fn functions() -> Vec<Aggregate> {
    let mut all = extreme_by::functions();
    all.extend(maps::functions());
    all.extend(percentile::functions());
    all.extend(shape::functions());
    all.extend(single::functions());
    all
}
