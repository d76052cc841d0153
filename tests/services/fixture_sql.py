#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the SQL that makes the databases of start_mariadb.sh.

  fixture_sql.py FOLDER      the unpacked metadata of the archives install-*

Only install-1.1.1 has a MySQL dump. The others' is made from their
meta.sqlite, with the tables of that dump: the columns are the same ones in the
same order.
"""

import pathlib
import sqlite3
import sys

TABLES = ["Environment", "Tables", "TableFiles", "Fields"]
OTHER = [
    "CREATE TABLE orders (id INT PRIMARY KEY, customer VARCHAR(32));",
    "INSERT INTO orders VALUES (1, 'somebody');",
    "CREATE TABLE files (id INT PRIMARY KEY, path VARCHAR(255));",
]


def main():
    folder = pathlib.Path(sys.argv[1])
    dump = (folder / "install-1.1.1.mysql.sql").read_text(encoding="utf-8").splitlines()
    schema = [line for line in dump if line.startswith("CREATE TABLE")]
    if len(schema) != len(TABLES):
        sys.exit("error: install-1.1.1.mysql.sql does not make four tables: fixture_sql.py must learn the new dump")
    rename = [f"RENAME TABLE {name} TO {name.lower()};" for name in TABLES]
    databases = {
        "milvus": dump,
        "milvus_lower": dump + rename,
        "milvus_empty": [],
        "milvus_other": OTHER,
        "m2m_denied": dump,
    }
    for install in sorted(path for path in folder.glob("install-*") if path.is_dir()):
        version = install.name.removeprefix("install-")
        own = folder / f"{install.name}.mysql.sql"
        statements = own.read_text(encoding="utf-8").splitlines() if own.exists() else from_sqlite(install, schema)
        databases["milvus_" + version.replace(".", "_").replace("-", "_")] = statements
    for name, statements in databases.items():
        # Anew, so that what an interrupted start left behind does not matter.
        print(f"DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name} CHARACTER SET utf8mb4; USE {name};")
        print("\n".join(statements))


def from_sqlite(install, schema):
    meta = sqlite3.connect(install / "db" / "meta.sqlite")
    statements = list(schema)
    for table in TABLES:
        columns = [row[1] for row in meta.execute(f"PRAGMA table_info({table})")]
        quoted = " || ', ' || ".join(f"quote({column})" for column in columns)
        for (values,) in meta.execute(f"SELECT {quoted} FROM {table}"):
            values = values.replace("\\", "\\\\")
            statements.append(f"INSERT INTO {table} VALUES({values});")
    return statements


if __name__ == "__main__":
    main()
