//! Aggregate functions that `DataFusion` lacks.

mod definition;
mod extreme_by;
mod maps;
mod percentile;
mod shape;

pub(crate) use definition::Aggregate;

pub(super) fn functions() -> Vec<Aggregate> {
    let mut all = extreme_by::functions();
    all.extend(maps::functions());
    all.extend(percentile::functions());
    all.extend(shape::functions());
    all
}
