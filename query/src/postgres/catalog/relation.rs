//! Tables of the catalog, column by column.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Int16Array, Int32Array, RecordBatch, StringArray, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::error::Result;

/// A table that is being made of a number of rows.
pub(super) struct Relation {
    name: &'static str,
    rows: usize,
    columns: Vec<(Field, ArrayRef)>,
}

impl Relation {
    pub(super) fn new(name: &'static str, rows: usize) -> Self {
        Self { name, rows, columns: Vec::new() }
    }

    fn with(mut self, name: &str, array: ArrayRef) -> Self {
        self.columns.push((Field::new(name, array.data_type().clone(), true), array));
        self
    }

    pub(super) fn texts<T: AsRef<str>>(self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        let array = StringArray::from_iter_values(values);
        self.with(name, Arc::new(array))
    }

    pub(super) fn some_texts<T: AsRef<str>>(
        self,
        name: &str,
        values: impl IntoIterator<Item = Option<T>>,
    ) -> Self {
        let array: StringArray = values.into_iter().collect();
        self.with(name, Arc::new(array))
    }

    pub(super) fn integers(self, name: &str, values: impl IntoIterator<Item = i32>) -> Self {
        let array = Int32Array::from_iter_values(values);
        self.with(name, Arc::new(array))
    }

    pub(super) fn some_integers(self, name: &str, values: impl IntoIterator<Item = Option<i32>>) -> Self {
        let array: Int32Array = values.into_iter().collect();
        self.with(name, Arc::new(array))
    }

    pub(super) fn small_integers(self, name: &str, values: impl IntoIterator<Item = i16>) -> Self {
        let array = Int16Array::from_iter_values(values);
        self.with(name, Arc::new(array))
    }

    pub(super) fn booleans(self, name: &str, values: impl IntoIterator<Item = bool>) -> Self {
        let array: BooleanArray = values.into_iter().map(Some).collect();
        self.with(name, Arc::new(array))
    }

    /// Columns of one text in every row.
    pub(super) fn all_text(self, columns: &[(&str, &str)]) -> Self {
        let rows = self.rows;
        columns.iter().fold(self, |all, (name, value)| all.texts(name, std::iter::repeat_n(value, rows)))
    }

    /// Columns of one number in every row.
    pub(super) fn all_integer(self, columns: &[(&str, i32)]) -> Self {
        let rows = self.rows;
        columns.iter().fold(self, |all, (name, value)| all.integers(name, std::iter::repeat_n(*value, rows)))
    }

    /// Columns that are true, or false, in every row.
    pub(super) fn all_boolean(self, columns: &[(&str, bool)]) -> Self {
        let rows = self.rows;
        columns.iter().fold(self, |all, (name, value)| all.booleans(name, std::iter::repeat_n(*value, rows)))
    }

    /// A column of one number with a fraction.
    pub(super) fn all_real(self, name: &str, value: f32) -> Self {
        let array = Float32Array::from_iter_values(std::iter::repeat_n(value, self.rows));
        self.with(name, Arc::new(array))
    }

    /// Columns of texts that are null in every row.
    pub(super) fn all_null(self, columns: &[&str]) -> Self {
        let rows = self.rows;
        columns.iter().fold(self, |all, name| all.some_texts(name, std::iter::repeat_n(None::<&str>, rows)))
    }

    /// Columns of lists that are null in every row.
    pub(super) fn all_null_lists(self, columns: &[&str]) -> Self {
        let rows = self.rows;
        let element = Arc::new(Field::new_list_field(DataType::Utf8, true));
        let lists = new_null_array(&DataType::List(element), rows);
        columns.iter().fold(self, |all, name| all.with(name, Arc::clone(&lists)))
    }

    /// The table and its name.
    pub(super) fn into_table(self) -> Result<(&'static str, Arc<dyn TableProvider>)> {
        let (fields, arrays): (Vec<_>, Vec<_>) = self.columns.into_iter().unzip();
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
        Ok((self.name, Arc::new(MemTable::try_new(schema, vec![vec![batch]])?)))
    }
}
