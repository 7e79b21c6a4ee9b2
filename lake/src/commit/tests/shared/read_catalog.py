"""Prints the rows of tables as PyIceberg reads them: the catalog's properties as JSON, then the tables."""
import json
import sys

from pyiceberg.catalog import load_catalog

properties = json.loads(sys.argv[1])
if properties["type"] == "sql":
    try:
        import psycopg  # noqa: F401
    except ImportError:
        print("SKIPPED: PyIceberg with PostgreSQL, for psycopg is not installed")
        sys.exit(0)
catalog = load_catalog("depthlake", **properties)
for table in sys.argv[2:]:
    print(catalog.load_table(table).scan().to_arrow().num_rows)
