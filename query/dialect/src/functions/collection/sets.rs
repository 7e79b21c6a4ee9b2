//! Arrays searched, sorted and compared element by element.

use std::cmp::Ordering;
use std::collections::HashSet;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::row::Rows;
use datafusion::common::Result;

use super::arrays::both;
use super::elements::{Keys, common_type, comparable, element_field, list, picked, picked_one, range};
use crate::functions::rows::{IntoColumn, column};
use crate::functions::scalar::{Arguments, Planned, Scalar};

const OF_ONE: &[&str] = &["array(E) -> array(E)"];
const OF_TWO: &[&str] = &["array(E), array(E) -> array(E)"];

pub(super) fn functions() -> Vec<Scalar> {
    let of_one = |name, description, evaluate| Scalar::new(name, OF_ONE, description, evaluate);
    let of_two =
        |name, description, evaluate| Scalar::new(name, OF_TWO, description, evaluate).returning(common_list);
    vec![
        Scalar::new("contains", &["array(E), E -> boolean"], "Whether an array has an element", contains),
        Scalar::new(
            "array_position",
            &["array(E), E -> bigint"],
            "Where an element first is, else 0",
            position,
        ),
        Scalar::new("array_remove", &["array(E), E -> array(E)"], "The array without an element", remove),
        of_one("array_sort", "The elements in order, NULL last", |arguments| {
            of_list(arguments, |keys, mut places| {
                places.sort_by(|left, right| keys.row(*left).cmp(&keys.row(*right)));
                places
            })
        }),
        of_one("array_distinct", "The elements without repetitions", |arguments| {
            of_list(arguments, |keys, places| {
                let mut seen = HashSet::new();
                places.into_iter().filter(|place| seen.insert(keys.row(*place))).collect()
            })
        }),
        Scalar::new(
            "array_max",
            &["array(E) -> E"],
            "The largest element; NULL where one is NULL",
            |arguments| extreme(arguments, Ordering::Greater),
        )
        .returning(|planned| Ok(element_of(planned.data_type(0)))),
        Scalar::new(
            "array_min",
            &["array(E) -> E"],
            "The smallest element; NULL where one is NULL",
            |arguments| extreme(arguments, Ordering::Less),
        )
        .returning(|planned| Ok(element_of(planned.data_type(0)))),
        of_two("array_union", "The elements of either, without repetitions", |arguments| {
            of_lists(arguments, |keys, left, right| {
                let mut seen = HashSet::new();
                left.into_iter().chain(right).filter(|place| seen.insert(keys.row(*place))).collect()
            })
        }),
        of_two("array_intersect", "The elements of both, without repetitions", |arguments| {
            of_lists(arguments, |keys, left, right| {
                let other: HashSet<_> = right.into_iter().map(|place| keys.row(place)).collect();
                let mut seen = HashSet::new();
                left.into_iter()
                    .filter(|place| other.contains(&keys.row(*place)) && seen.insert(keys.row(*place)))
                    .collect()
            })
        }),
        of_two("array_except", "The elements of the first alone, without repetitions", |arguments| {
            of_lists(arguments, |keys, left, right| {
                let mut seen: HashSet<_> = right.into_iter().map(|place| keys.row(place)).collect();
                left.into_iter().filter(|place| seen.insert(keys.row(*place))).collect()
            })
        }),
        Scalar::new(
            "arrays_overlap",
            &["array(E), array(E) -> boolean"],
            "Whether two arrays share an element",
            overlap,
        ),
    ]
}

/// An array of what holds the elements of both.
fn common_list(planned: &Planned) -> Result<Field> {
    let element = |index: usize| element_field(planned.data_type(index)).data_type().clone();
    let common = common_type(&element(0), &element(1))?;
    Ok(Field::new("", DataType::new_list(common, true), true))
}

fn element_of(data_type: &DataType) -> Field {
    element_field(data_type).as_ref().clone().with_nullable(true)
}

/// Where in an array an element first is, and whether the array has a NULL; NULL where array or element is.
fn searched<R: IntoColumn>(
    arguments: &Arguments,
    found: impl Fn(Option<usize>, bool) -> Option<R>,
) -> Result<ArrayRef> {
    let lists = list(arguments, 0)?;
    let (elements, wanted) = comparable(lists.values(), column(arguments, 1)?)?;
    let keys = Keys::of(wanted.data_type())?;
    let (known, wanted_keys) = (keys.rows(&elements)?, keys.rows(&wanted)?);
    let values = (0..arguments.rows).map(|row| {
        let (Some(range), true) = (range(lists, row), wanted.is_valid(row)) else { return Ok(None) };
        let has_null = range.clone().any(|place| elements.is_null(place));
        Ok(found(range.into_iter().position(|place| known.row(place) == wanted_keys.row(row)), has_null))
    });
    R::collect(arguments.rows, values)
}

fn contains(arguments: &Arguments) -> Result<ArrayRef> {
    searched(arguments, |place, has_null| match place {
        Some(_) => Some(true),
        None => (!has_null).then_some(false),
    })
}

fn position(arguments: &Arguments) -> Result<ArrayRef> {
    searched(arguments, |place, _| Some(place.map_or(0, |place| i64::try_from(place).unwrap_or(0) + 1)))
}

fn remove(arguments: &Arguments) -> Result<ArrayRef> {
    let lists = list(arguments, 0)?;
    let (elements, unwanted) = comparable(lists.values(), column(arguments, 1)?)?;
    let keys = Keys::of(unwanted.data_type())?;
    let (known, unwanted_keys) = (keys.rows(&elements)?, keys.rows(&unwanted)?);
    let rows = (0..arguments.rows).map(|row| {
        let range = range(lists, row).filter(|_| unwanted.is_valid(row))?;
        Some(range.filter(|place| known.row(*place) != unwanted_keys.row(row)).collect())
    });
    picked(element_field(lists.data_type()), lists.values(), rows.collect())
}

fn of_list(arguments: &Arguments, choose: impl Fn(&Rows, Vec<usize>) -> Vec<usize>) -> Result<ArrayRef> {
    let lists = list(arguments, 0)?;
    let keys = Keys::of(lists.values().data_type())?.rows(lists.values())?;
    let rows = (0..arguments.rows).map(|row| range(lists, row).map(|range| choose(&keys, range.collect())));
    picked(element_field(lists.data_type()), lists.values(), rows.collect())
}

fn extreme(arguments: &Arguments, wanted: Ordering) -> Result<ArrayRef> {
    let lists = list(arguments, 0)?;
    let values = lists.values();
    let keys = Keys::of(values.data_type())?.rows(values)?;
    let places: Vec<Option<usize>> = (0..arguments.rows)
        .map(|row| {
            let range = range(lists, row)?;
            if range.clone().any(|place| values.is_null(place)) {
                return None;
            }
            range.reduce(
                |best, place| if keys.row(place).cmp(&keys.row(best)) == wanted { place } else { best },
            )
        })
        .collect();
    picked_one(values, &places)
}

fn of_lists(
    arguments: &Arguments,
    choose: impl Fn(&Rows, Vec<usize>, Vec<usize>) -> Vec<usize>,
) -> Result<ArrayRef> {
    let (left, right) = (list(arguments, 0)?, list(arguments, 1)?);
    let values = both(left.values(), right.values())?;
    let behind = left.values().len();
    let keys = Keys::of(values.data_type())?.rows(&values)?;
    let rows = (0..arguments.rows).map(|row| {
        let (left, right) = (range(left, row)?, range(right, row)?);
        Some(choose(&keys, left.collect(), right.map(|place| behind + place).collect()))
    });
    picked(element_field(arguments.result.data_type()), &values, rows.collect())
}

fn overlap(arguments: &Arguments) -> Result<ArrayRef> {
    let (left, right) = (list(arguments, 0)?, list(arguments, 1)?);
    let values = both(left.values(), right.values())?;
    let behind = left.values().len();
    let keys = Keys::of(values.data_type())?.rows(&values)?;
    let answers = (0..arguments.rows).map(|row| {
        let (Some(left), Some(right)) = (range(left, row), range(right, row)) else { return Ok(None) };
        let right: Vec<usize> = right.map(|place| behind + place).collect();
        let known: HashSet<_> =
            right.iter().filter(|place| values.is_valid(**place)).map(|place| keys.row(*place)).collect();
        let has_null = left.clone().chain(right.iter().copied()).any(|place| values.is_null(place));
        let shared =
            left.filter(|place| values.is_valid(*place)).any(|place| known.contains(&keys.row(place)));
        Ok(if shared { Some(true) } else { (!has_null).then_some(false) })
    });
    bool::collect(arguments.rows, answers)
}
