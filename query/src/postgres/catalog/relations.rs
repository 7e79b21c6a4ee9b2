//! The tables of `pg_catalog` that say what is there.

use std::hash::Hasher;

use super::World;
use super::relation::Relation;
use crate::listing::ListedTable;
use crate::postgres::types::ColumnType;

/// Numbers from here on are not those of `PostgreSQL` itself.
const FIRST_OWN: u32 = 16_384;
const PG_CATALOG: i32 = 11;
const INFORMATION_SCHEMA: i32 = 13_000;
/// The owner of everything.
const OWNER: i32 = 10;

/// Tables of `PostgreSQL` itself that others are looked up by.
const SYSTEM_TABLES: [(&str, i32); 8] = [
    ("pg_type", 1247),
    ("pg_attribute", 1249),
    ("pg_proc", 1255),
    ("pg_class", 1259),
    ("pg_database", 1262),
    ("pg_constraint", 2606),
    ("pg_namespace", 2615),
    ("pg_index", 2610),
];

const OWN: [&str; 10] = [
    "pg_namespace",
    "pg_class",
    "pg_attribute",
    "pg_database",
    "pg_tables",
    "pg_views",
    "pg_roles",
    "pg_user",
    "pg_description",
    "pg_settings",
];

/// Whether a table of this name is made here.
pub(in crate::postgres) fn is_own_table(name: &str) -> bool {
    OWN.contains(&name)
}

pub(super) fn relations(world: &World) -> Vec<Relation> {
    let tables: Vec<_> = world.tables.iter().filter(|table| !table.is_view).collect();
    let views: Vec<_> = world.tables.iter().filter(|table| table.is_view).collect();
    vec![
        namespaces(world),
        classes(world),
        attributes(world),
        databases(world),
        table_list("pg_tables", "table", &tables),
        view_list(&views),
        roles("pg_roles", world),
        users(world),
        descriptions(world),
        settings(world),
    ]
}

/// The schemas of the tables, each once.
pub(super) fn schemas(world: &World) -> Vec<&str> {
    let mut schemas: Vec<_> = world.tables.iter().map(|table| table.schema.as_str()).collect();
    schemas.dedup();
    schemas
}

/// The number that goes with a name.
fn number_of(kind: &str, name: &str) -> i32 {
    // FNV-1a: the same in every process and version.
    #[derive(Clone, Copy)]
    struct Fnv(u32);
    impl Hasher for Fnv {
        fn finish(&self) -> u64 {
            self.0.into()
        }
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = (self.0 ^ u32::from(*byte)).wrapping_mul(16_777_619);
            }
        }
    }
    let mut hash = Fnv(2_166_136_261);
    hash.write(kind.as_bytes());
    hash.write(name.as_bytes());
    let own = hash.0 % (i32::MAX.unsigned_abs() - FIRST_OWN) + FIRST_OWN;
    own.cast_signed()
}

fn number_of_schema(schema: &str) -> i32 {
    match schema {
        "pg_catalog" => PG_CATALOG,
        "information_schema" => INFORMATION_SCHEMA,
        schema => number_of("schema ", schema),
    }
}

fn number_of_table(table: &ListedTable) -> i32 {
    number_of("table ", &format!("{}.{}", table.schema, table.name))
}

/// The number of each table under each of its names.
pub(super) fn numbers_of_tables(world: &World) -> Vec<(String, i32)> {
    let mut numbers: Vec<_> =
        SYSTEM_TABLES.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect();
    for table in &world.tables {
        numbers.push((format!("{}.{}", table.schema, table.name), number_of_table(table)));
        if world.schema.as_ref() == Some(&table.schema) {
            numbers.push((table.name.clone(), number_of_table(table)));
        }
    }
    numbers
}

fn namespaces(world: &World) -> Relation {
    let mut names = vec!["pg_catalog", "information_schema"];
    names.extend(schemas(world));
    Relation::new("pg_namespace", names.len())
        .integers("oid", names.iter().map(|name| number_of_schema(name)))
        .texts("nspname", &names)
        .all_integer(&[("nspowner", OWNER)])
        .all_null_lists(&["nspacl"])
}

fn classes(world: &World) -> Relation {
    let system = SYSTEM_TABLES.iter().map(|(name, oid)| (*oid, *name, PG_CATALOG, "r", 0));
    let own = world.tables.iter().map(|table| {
        let columns = i16::try_from(table.columns.len()).unwrap_or(i16::MAX);
        let kind = if table.is_view { "v" } else { "r" };
        (number_of_table(table), table.name.as_str(), number_of_schema(&table.schema), kind, columns)
    });
    let rows: Vec<_> = system.chain(own).collect();
    Relation::new("pg_class", rows.len())
        .integers("oid", rows.iter().map(|row| row.0))
        .texts("relname", rows.iter().map(|row| row.1))
        .integers("relnamespace", rows.iter().map(|row| row.2))
        .all_integer(&[
            ("reltype", 0),
            ("reloftype", 0),
            ("relowner", OWNER),
            ("relam", 0),
            ("relfilenode", 0),
            ("reltablespace", 0),
            ("relpages", 0),
        ])
        .all_real("reltuples", -1.0)
        .all_integer(&[("relallvisible", 0), ("reltoastrelid", 0)])
        .all_boolean(&[("relhasindex", false), ("relisshared", false)])
        .all_text(&[("relpersistence", "p")])
        .texts("relkind", rows.iter().map(|row| row.3))
        .small_integers("relnatts", rows.iter().map(|row| row.4))
        .small_integers("relchecks", rows.iter().map(|_| 0))
        .all_boolean(&[
            ("relhasrules", false),
            ("relhastriggers", false),
            ("relhassubclass", false),
            ("relrowsecurity", false),
            ("relforcerowsecurity", false),
            ("relispopulated", true),
            ("relispartition", false),
        ])
        .all_text(&[("relreplident", "n")])
        .all_integer(&[("relrewrite", 0), ("relfrozenxid", 0), ("relminmxid", 0), ("xmin", 0)])
        .all_null(&["relpartbound"])
        .all_null_lists(&["relacl", "reloptions"])
}

fn attributes(world: &World) -> Relation {
    let columns: Vec<_> = world
        .tables
        .iter()
        .flat_map(|table| {
            let number = number_of_table(table);
            table
                .columns
                .iter()
                .zip(1_i16..)
                .map(move |(column, place)| (number, place, column, ColumnType::of(&column.r#type)))
        })
        .collect();
    let by_value = |size: i16| (1..=8).contains(&size);
    Relation::new("pg_attribute", columns.len())
        .integers("attrelid", columns.iter().map(|column| column.0))
        .texts("attname", columns.iter().map(|column| column.2.name.as_str()))
        .integers("atttypid", columns.iter().map(|column| column.3.postgres.oid().cast_signed()))
        .small_integers("attlen", columns.iter().map(|column| column.3.size()))
        .small_integers("attnum", columns.iter().map(|column| column.1))
        .integers("atttypmod", columns.iter().map(|column| column.3.modifier))
        .all_integer(&[
            ("attcacheoff", -1),
            ("attndims", 0),
            ("attinhcount", 0),
            ("attstattarget", -1),
            ("attcollation", 0),
        ])
        .booleans("attbyval", columns.iter().map(|column| by_value(column.3.size())))
        .booleans("attnotnull", columns.iter().map(|column| !column.2.is_nullable))
        .all_boolean(&[
            ("atthasdef", false),
            ("atthasmissing", false),
            ("attisdropped", false),
            ("attislocal", true),
        ])
        .all_text(&[
            ("attalign", "d"),
            ("attstorage", "p"),
            ("attcompression", ""),
            ("attidentity", ""),
            ("attgenerated", ""),
        ])
        .all_null(&["attmissingval"])
        .all_null_lists(&["attacl", "attoptions", "attfdwoptions"])
}

fn databases(world: &World) -> Relation {
    let names = &world.databases;
    Relation::new("pg_database", names.len())
        .integers("oid", names.iter().map(|name| number_of("database ", name)))
        .texts("datname", names)
        .all_integer(&[("datdba", OWNER), ("encoding", 6), ("datconnlimit", -1), ("dattablespace", 1663)])
        .all_integer(&[("datlastsysoid", 0), ("datfrozenxid", 0), ("datminmxid", 0)])
        .all_boolean(&[("datistemplate", false), ("datallowconn", true)])
        .all_text(&[("datlocprovider", "c"), ("datcollate", "C.UTF-8"), ("datctype", "C.UTF-8")])
        .all_null(&["daticulocale", "daticurules", "datcollversion"])
        .all_null_lists(&["datacl"])
}

fn table_list(name: &'static str, kind: &str, tables: &[&ListedTable]) -> Relation {
    let (of_name, of_owner) = (format!("{kind}name"), format!("{kind}owner"));
    Relation::new(name, tables.len())
        .texts("schemaname", tables.iter().map(|table| table.schema.as_str()))
        .texts(&of_name, tables.iter().map(|table| table.name.as_str()))
        .all_text(&[(of_owner.as_str(), "depthlake")])
        .all_null(&["tablespace"])
        .all_boolean(&[
            ("hasindexes", false),
            ("hasrules", false),
            ("hastriggers", false),
            ("rowsecurity", false),
        ])
}

fn view_list(views: &[&ListedTable]) -> Relation {
    table_list("pg_views", "view", views).all_null(&["definition"])
}

fn roles(name: &'static str, world: &World) -> Relation {
    let names = ["depthlake", world.user.as_str()];
    let names = if world.user == "depthlake" { &names[..1] } else { &names[..] };
    let number = |name: &&str| if *name == "depthlake" { OWNER } else { number_of("role ", name) };
    Relation::new(name, names.len())
        .integers("oid", names.iter().map(number))
        .texts("rolname", names)
        .all_boolean(&[
            ("rolsuper", false),
            ("rolinherit", true),
            ("rolcreaterole", false),
            ("rolcreatedb", false),
            ("rolcanlogin", true),
            ("rolreplication", false),
            ("rolbypassrls", false),
        ])
        .all_integer(&[("rolconnlimit", -1)])
        .all_null(&["rolpassword", "rolvaliduntil"])
        .all_null_lists(&["rolconfig"])
}

fn users(world: &World) -> Relation {
    Relation::new("pg_user", 1)
        .texts("usename", [&world.user])
        .integers("usesysid", [number_of("role ", &world.user)])
        .all_boolean(&[
            ("usecreatedb", false),
            ("usesuper", false),
            ("userepl", false),
            ("usebypassrls", false),
        ])
        .all_null(&["passwd", "valuntil", "useconfig"])
}

fn descriptions(world: &World) -> Relation {
    let described: Vec<_> = world.tables.iter().filter_map(|table| Some((table, table.comment?))).collect();
    Relation::new("pg_description", described.len())
        .integers("objoid", described.iter().map(|(table, _)| number_of_table(table)))
        .all_integer(&[("classoid", 1259), ("objsubid", 0)])
        .texts("description", described.iter().map(|(_, comment)| comment))
}

fn settings(world: &World) -> Relation {
    let all: Vec<_> = world.settings.all().collect();
    Relation::new("pg_settings", all.len())
        .texts("name", all.iter().map(|(name, _)| name))
        .texts("setting", all.iter().map(|(_, value)| value))
        .texts("reset_val", all.iter().map(|(_, value)| value))
        .all_text(&[
            ("vartype", "string"),
            ("context", "user"),
            ("source", "default"),
            ("category", "depthlake"),
        ])
        .all_text(&[("short_desc", "")])
        .all_boolean(&[("pending_restart", false)])
        .all_null(&[
            "unit",
            "extra_desc",
            "min_val",
            "max_val",
            "enumvals",
            "boot_val",
            "sourcefile",
            "sourceline",
        ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_from_names() {
        assert_eq!(number_of_schema("pg_catalog"), PG_CATALOG);
        assert_eq!(number_of("table ", "marts.mart_ohlcv"), number_of("table ", "marts.mart_ohlcv"));
        assert_ne!(number_of("table ", "a"), number_of("schema ", "a"));
        assert!(number_of("table ", "raw.trades") >= FIRST_OWN.cast_signed());
    }
}
