"""What PyIceberg does with tables: other_engine.py PROPERTIES count|double TABLE…, the catalog's properties as JSON.

`count` prints how many rows it reads; `double` appends them once more, and prints how many there were.
"""
import json
import sys

from pyiceberg.catalog import load_catalog

properties, what = json.loads(sys.argv[1]), sys.argv[2]
try:
    if properties["type"] == "sql":
        import psycopg  # noqa: F401
    if what == "double":
        import pyiceberg_core  # noqa: F401
except ImportError as missing:
    print(f"SKIPPED: PyIceberg, for {missing.name} is not installed")
    sys.exit(0)
catalog = load_catalog("depthlake", **properties)
for name in sys.argv[3:]:
    table = catalog.load_table(name)
    rows = table.scan().to_arrow()
    if what == "double":
        table.append(rows)
    print(rows.num_rows)
