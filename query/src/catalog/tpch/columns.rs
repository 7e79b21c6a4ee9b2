//! The tables with their columns.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use depthlake_dialect::types::TrinoType;

/// A table of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TpchTable {
    Customer,
    LineItem,
    Nation,
    Orders,
    Part,
    PartSupp,
    Region,
    Supplier,
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnKind {
    Key,
    Count,
    Amount,
    Date,
    /// Of so many characters at most.
    Text(u32),
}

use ColumnKind::{Amount, Count, Date, Key, Text};

impl TpchTable {
    pub(super) const ALL: [Self; 8] = [
        Self::Customer,
        Self::LineItem,
        Self::Nation,
        Self::Orders,
        Self::Part,
        Self::PartSupp,
        Self::Region,
        Self::Supplier,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::LineItem => "lineitem",
            Self::Nation => "nation",
            Self::Orders => "orders",
            Self::Part => "part",
            Self::PartSupp => "partsupp",
            Self::Region => "region",
            Self::Supplier => "supplier",
        }
    }

    /// Whether it has more rows at a greater scale.
    pub(super) const fn grows(self) -> bool {
        !matches!(self, Self::Nation | Self::Region)
    }

    pub(super) fn schema(self) -> SchemaRef {
        let field = |(name, kind): &(&str, ColumnKind)| kind.trino().to_field(name).with_nullable(false);
        Arc::new(Schema::new(self.columns().iter().map(field).collect::<Vec<_>>()))
    }

    pub(super) const fn columns(self) -> &'static [(&'static str, ColumnKind)] {
        match self {
            Self::Customer => &[
                ("custkey", Key),
                ("name", Text(25)),
                ("address", Text(40)),
                ("nationkey", Key),
                ("phone", Text(15)),
                ("acctbal", Amount),
                ("mktsegment", Text(10)),
                ("comment", Text(117)),
            ],
            Self::LineItem => &[
                ("orderkey", Key),
                ("partkey", Key),
                ("suppkey", Key),
                ("linenumber", Count),
                ("quantity", Amount),
                ("extendedprice", Amount),
                ("discount", Amount),
                ("tax", Amount),
                ("returnflag", Text(1)),
                ("linestatus", Text(1)),
                ("shipdate", Date),
                ("commitdate", Date),
                ("receiptdate", Date),
                ("shipinstruct", Text(25)),
                ("shipmode", Text(10)),
                ("comment", Text(44)),
            ],
            Self::Nation => {
                &[("nationkey", Key), ("name", Text(25)), ("regionkey", Key), ("comment", Text(152))]
            }
            Self::Orders => &[
                ("orderkey", Key),
                ("custkey", Key),
                ("orderstatus", Text(1)),
                ("totalprice", Amount),
                ("orderdate", Date),
                ("orderpriority", Text(15)),
                ("clerk", Text(15)),
                ("shippriority", Count),
                ("comment", Text(79)),
            ],
            Self::Part => &[
                ("partkey", Key),
                ("name", Text(55)),
                ("mfgr", Text(25)),
                ("brand", Text(10)),
                ("type", Text(25)),
                ("size", Count),
                ("container", Text(10)),
                ("retailprice", Amount),
                ("comment", Text(23)),
            ],
            Self::PartSupp => &[
                ("partkey", Key),
                ("suppkey", Key),
                ("availqty", Count),
                ("supplycost", Amount),
                ("comment", Text(199)),
            ],
            Self::Region => &[("regionkey", Key), ("name", Text(25)), ("comment", Text(152))],
            Self::Supplier => &[
                ("suppkey", Key),
                ("name", Text(25)),
                ("address", Text(40)),
                ("nationkey", Key),
                ("phone", Text(15)),
                ("acctbal", Amount),
                ("comment", Text(101)),
            ],
        }
    }
}

impl ColumnKind {
    const fn trino(self) -> TrinoType {
        match self {
            Key => TrinoType::Bigint,
            Count => TrinoType::Integer,
            Amount => TrinoType::Double,
            Date => TrinoType::Date,
            Text(length) => TrinoType::Varchar { length: Some(length) },
        }
    }
}
