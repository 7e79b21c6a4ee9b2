//! Prepared statements: what they take and give.

use datafusion::logical_expr::LogicalPlan;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{Expr, Query, Value};
use depthlake_dialect::parse::parse;
use depthlake_dialect::rewrite::{column_names, literal, parameter_count, with_parameters};
use depthlake_dialect::statement::{Identifier, Statement};
use depthlake_dialect::types::TrinoType;

use crate::catalog::sheet::{Cell, Columns, Kind, Sheet};
use crate::error::QueryError;
use crate::session::answer::{Column, Description, columns_of};
use crate::session::statements::{Begun, Context};

const INPUT: Columns = &[("Position", Kind::Number), ("Type", Kind::Text)];
const OUTPUT: Columns = &[
    ("Column Name", Kind::Text),
    ("Catalog", Kind::Text),
    ("Schema", Kind::Text),
    ("Table", Kind::Text),
    ("Type", Kind::Text),
    ("Type Size", Kind::Number),
    ("Aliased", Kind::Flag),
];

impl Context<'_> {
    pub(super) async fn describe_input(&self, name: &Identifier) -> Result<Begun, QueryError> {
        let described = self.described(self.prepared(name)?).await?;
        let rows = (0..).zip(&described.parameters);
        let rows = rows.map(|(place, parameter)| vec![Cell::Number(place), parameter.to_string().into()]);
        Begun::sheet(&Sheet::of(INPUT, rows.collect()))
    }

    pub(super) async fn describe_output(&self, name: &Identifier) -> Result<Begun, QueryError> {
        let text = self.prepared(name)?;
        let statement = parse(text).map_err(QueryError::of_syntax)?;
        let mut rows = Vec::new();
        if let Statement::Query { query, names } = statement {
            let plan = self.described_query(*query, parameter_count(text)).await?;
            let planned =
                column_names(&names, plan.schema().fields().iter().map(|field| field.name().as_str()));
            for (name, field) in planned.into_iter().zip(plan.schema().fields()) {
                let trino = TrinoType::of_field(field);
                let [catalog, schema, table] = ["", "", ""].map(Cell::from);
                rows.push(vec![
                    name.into(),
                    catalog,
                    schema,
                    table,
                    trino.to_string().into(),
                    Cell::Number(size(&trino)),
                    false.into(),
                ]);
            }
        } else {
            for column in self.described(text).await?.columns {
                let trino = column.r#type;
                let size = Cell::Number(size(&trino));
                rows.push(vec![
                    column.name.into(),
                    "".into(),
                    "".into(),
                    "".into(),
                    trino.to_string().into(),
                    size,
                    false.into(),
                ]);
            }
        }
        Begun::sheet(&Sheet::of(OUTPUT, rows))
    }

    /// The parameters and columns of a statement. Only a statement that changes nothing is looked into.
    pub(super) async fn described(&self, text: &str) -> Result<Description, QueryError> {
        let count = parameter_count(text);
        let unknown = vec![TrinoType::Unknown; count];
        match parse(text).map_err(QueryError::of_syntax)? {
            Statement::Query { query, names } => {
                let parameters = self.parameters(query.as_ref().clone(), count).await.unwrap_or(unknown);
                let plan = self.described_query(*query, count).await?;
                let planned = plan.schema().fields().iter().map(|field| field.name().as_str());
                let names = column_names(&names, planned);
                let column =
                    |(name, field): (String, &std::sync::Arc<datafusion::arrow::datatypes::Field>)| Column {
                        name,
                        r#type: TrinoType::of_field(field),
                    };
                Ok(Description {
                    parameters,
                    columns: names.into_iter().zip(plan.schema().fields()).map(column).collect(),
                })
            }
            Statement::Show(show) => {
                let columns = columns_of(&self.show(show).await?.batches.schema());
                Ok(Description { parameters: unknown, columns })
            }
            Statement::Explain { .. } | Statement::ExplainAnalyze { .. } => {
                let column =
                    Column { name: "Query Plan".to_owned(), r#type: TrinoType::Varchar { length: None } };
                Ok(Description { parameters: unknown, columns: vec![column] })
            }
            Statement::Change(_)
            | Statement::Define(depthlake_dialect::statement::Definition::CreateTableAs { .. }) => {
                let column = Column { name: "rows".to_owned(), r#type: TrinoType::Bigint };
                Ok(Description { parameters: unknown, columns: vec![column] })
            }
            _ => Ok(Description { parameters: unknown, columns: Vec::new() }),
        }
    }

    /// The query with NULL for every parameter, since its columns do not depend on their values.
    async fn described_query(&self, mut query: Query, parameters: usize) -> Result<LogicalPlan, QueryError> {
        with_parameters(&mut query, &vec![Expr::value(Value::Null); parameters]);
        let state = self.state();
        self.planner(&state).plan(query).await
    }

    /// The types of the parameters, as far as the expressions around them tell.
    async fn parameters(&self, mut query: Query, count: usize) -> Option<Vec<TrinoType>> {
        let numbered: Vec<Expr> =
            (1..=count).map(|number| Expr::value(Value::Placeholder(format!("${number}")))).collect();
        with_parameters(&mut query, &numbered);
        let state = self.state();
        let plan = self.planner(&state).plan(query).await.ok()?;
        let types = plan.get_parameter_types().ok()?;
        let told = |number: usize| types.get(&format!("${number}")).and_then(Option::as_ref);
        Some((1..=count).map(|number| told(number).map_or(TrinoType::Unknown, TrinoType::of_arrow)).collect())
    }
}

/// The bytes of a value, where all values have as many.
fn size(trino: &TrinoType) -> i64 {
    match trino {
        TrinoType::Boolean | TrinoType::Tinyint => 1,
        TrinoType::Smallint => 2,
        TrinoType::Integer | TrinoType::Real | TrinoType::Date => 4,
        TrinoType::Bigint | TrinoType::Double | TrinoType::Time { .. } => 8,
        TrinoType::Timestamp { precision } if *precision <= 6 => 8,
        TrinoType::TimestampWithTimeZone { precision } if *precision <= 3 => 8,
        TrinoType::Decimal { precision, .. } => {
            if *precision <= 18 {
                8
            } else {
                16
            }
        }
        _ => 0,
    }
}

/// A value as an expression.
pub(super) fn expression(value: ScalarValue) -> Result<Expr, QueryError> {
    let trino = TrinoType::of_arrow(&value.data_type());
    let text = match value {
        value if value.is_null() => format!("CAST(NULL AS {})", nullable_type(&trino)),
        ScalarValue::Boolean(Some(value)) => value.to_string(),
        ScalarValue::Binary(Some(bytes))
        | ScalarValue::LargeBinary(Some(bytes))
        | ScalarValue::BinaryView(Some(bytes)) => {
            let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            let digits: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
            format!("X'{digits}'")
        }
        ScalarValue::Utf8(Some(text))
        | ScalarValue::LargeUtf8(Some(text))
        | ScalarValue::Utf8View(Some(text)) => {
            format!("'{}'", text.replace('\'', "''"))
        }
        value => {
            let array = value.to_array().map_err(QueryError::of_execution)?;
            let text = datafusion::arrow::util::display::array_value_to_string(&array, 0)
                .map_err(|error| QueryError::refused("INVALID_ARGUMENTS", error.to_string()))?;
            format!("CAST('{}' AS {trino})", text.replace('\'', "''"))
        }
    };
    literal(&text).map_err(|error| QueryError::refused("INVALID_ARGUMENTS", error.to_string()))
}

/// A type that a cast can name.
fn nullable_type(trino: &TrinoType) -> String {
    if *trino == TrinoType::Unknown { "varchar".to_owned() } else { trino.to_string() }
}
