"""Reads a table through an Iceberg REST catalog with PyIceberg and with DuckDB, and prints what each found as JSON.

usage: iceberg_clients.py URI NAMESPACE TABLE COLUMN [TOKEN]
"""

import glob
import json
import sys
from pathlib import Path

import duckdb
import duckdb_extension_avro
import duckdb_extension_httpfs
import duckdb_extension_iceberg
from pyiceberg.catalog.rest import RestCatalog


def by_pyiceberg(uri, namespace, table, column, token):
    options = {"token": token} if token else {}
    catalog = RestCatalog("depthlake", uri=uri, **options)
    names = [name for (name,) in catalog.list_namespaces()]
    tables = [name for _, name in catalog.list_tables(namespace)]
    assert catalog.table_exists((namespace, table)) and not catalog.table_exists((namespace, "nothing"))
    assert catalog.namespace_exists(namespace) and not catalog.namespace_exists("nothing")
    assert catalog.list_views(namespace) == []
    values = catalog.load_table((namespace, table)).scan(selected_fields=(column,)).to_arrow()[column]
    return {"namespaces": names, "tables": tables, "rows": len(values), "sum": sum(values.to_pylist())}


def by_duckdb(uri, namespace, table, column, token):
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    extensions = {"httpfs": duckdb_extension_httpfs, "avro": duckdb_extension_avro, "iceberg": duckdb_extension_iceberg}
    for name, package in extensions.items():
        (file,) = glob.glob(f"{Path(package.__file__).parent}/**/{name}.duckdb_extension", recursive=True)
        connection.execute(f"INSTALL '{file}'")
        connection.execute(f"LOAD {name}")
    if token:
        connection.execute(f"CREATE SECRET (TYPE iceberg, TOKEN '{token}')")
    else:
        uri = f"{uri}', AUTHORIZATION_TYPE 'none"
    connection.execute(f"ATTACH 'depthlake' AS lake (TYPE iceberg, ENDPOINT '{uri}')")
    tables = connection.execute("SELECT schema, name FROM (SHOW ALL TABLES) WHERE database = 'lake'").fetchall()
    rows, total = connection.execute(f"SELECT count(*), sum({column}) FROM lake.{namespace}.{table}").fetchone()
    return {"tables": sorted(name for schema, name in tables if schema == namespace), "rows": rows, "sum": int(total)}


def main():
    uri, namespace, table, column, *token = sys.argv[1:]
    arguments = (uri, namespace, table, column, token[0] if token else None)
    print(json.dumps({"pyiceberg": by_pyiceberg(*arguments), "duckdb": by_duckdb(*arguments)}))


if __name__ == "__main__":
    main()
