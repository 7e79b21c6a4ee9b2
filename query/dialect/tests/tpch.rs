//! The queries of TPC-H, as analysts know them, are planned and run: what the dialect rewrites must still fit together.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Schema;
use datafusion::datasource::MemTable;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as PlannerStatement;
use datafusion::sql::sqlparser::ast;
use depthlake_dialect::parse::parse;
use depthlake_dialect::rewrite::{UnnestPlanner, shaped, with_names};
use depthlake_dialect::semantics::{adapt, install, session_config};
use depthlake_dialect::statement::Statement;
use depthlake_dialect::types::TrinoType;

const TABLES: &[(&str, &str)] = &[
    (
        "part",
        "partkey bigint, name varchar(55), mfgr varchar(25), brand varchar(10), type varchar(25), size integer, container varchar(10), retailprice double, comment varchar(23)",
    ),
    (
        "supplier",
        "suppkey bigint, name varchar(25), address varchar(40), nationkey bigint, phone varchar(15), acctbal double, comment varchar(101)",
    ),
    ("partsupp", "partkey bigint, suppkey bigint, availqty integer, supplycost double, comment varchar(199)"),
    (
        "customer",
        "custkey bigint, name varchar(25), address varchar(40), nationkey bigint, phone varchar(15), acctbal double, mktsegment varchar(10), comment varchar(117)",
    ),
    (
        "orders",
        "orderkey bigint, custkey bigint, orderstatus varchar(1), totalprice double, orderdate date, orderpriority varchar(15), clerk varchar(15), shippriority integer, comment varchar(79)",
    ),
    (
        "lineitem",
        "orderkey bigint, partkey bigint, suppkey bigint, linenumber integer, quantity double, extendedprice double, discount double, tax double, returnflag varchar(1), linestatus varchar(1), shipdate date, commitdate date, receiptdate date, shipinstruct varchar(25), shipmode varchar(10), comment varchar(44)",
    ),
    ("nation", "nationkey bigint, name varchar(25), regionkey bigint, comment varchar(152)"),
    ("region", "regionkey bigint, name varchar(25), comment varchar(152)"),
];

fn schema(columns: &str) -> Schema {
    let field = |column: &str| {
        let (name, r#type) = column.split_once(' ').unwrap();
        TrinoType::parse(r#type).unwrap().to_field(name)
    };
    Schema::new(columns.split(", ").map(field).collect::<Vec<_>>())
}

fn context() -> SessionContext {
    let builder = SessionStateBuilder::new()
        .with_config(session_config().with_target_partitions(2))
        .with_default_features()
        .with_relation_planners(vec![Arc::new(UnnestPlanner)]);
    let context = SessionContext::new_with_state(install(builder).unwrap());
    for (name, columns) in TABLES {
        let schema = Arc::new(schema(columns));
        let nothing = RecordBatch::new_empty(Arc::clone(&schema));
        context
            .register_table(*name, Arc::new(MemTable::try_new(schema, vec![vec![nothing]]).unwrap()))
            .unwrap();
    }
    context
}

#[tokio::test]
async fn the_queries_of_tpch_run() {
    let context = context();
    let queries = include_str!("tpch/queries.sql");
    let mut failures = Vec::new();
    for (number, text) in queries.split(';').map(str::trim).filter(|text| !text.is_empty()).enumerate() {
        let Statement::Query { mut query, .. } = parse(text).unwrap() else { panic!("a query was expected") };
        shaped(&mut query).unwrap();
        let mut query = Box::new(with_names(*query));
        adapt(&mut *query);
        let statement = PlannerStatement::Statement(Box::new(ast::Statement::Query(query)));
        let answer = async {
            let plan = context.state().statement_to_plan(statement).await?;
            context.execute_logical_plan(plan).await?.collect().await
        };
        if let Err(error) = answer.await {
            failures.push(format!("query {}: {error}", number + 1));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
