#!/usr/bin/env python3
"""Times the queries of sql_bench on a server that speaks Trino's protocol, by Trino's own Python client: depthlake, or a Trino.

usage: trino_client.py URL CATALOG [--repeat N]      (needs trino)

Prints the table that `sql_bench run FOLDER` prints; times are from the statement to its last row.
"""
import argparse
from urllib.parse import urlsplit

import trino

from queries import LAST, measure


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("catalog")
    parser.add_argument("--repeat", type=int, default=20)
    arguments = parser.parse_args()
    address = urlsplit(arguments.url)
    connection = trino.dbapi.connect(
        host=address.hostname, port=address.port, user="bench", catalog=arguments.catalog, http_scheme=address.scheme
    )

    def ask(text):
        return connection.cursor().execute(text).fetchall()

    ((last,),) = ask(LAST)
    measure(last, ask, arguments.repeat)


main()
