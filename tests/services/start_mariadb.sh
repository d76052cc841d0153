#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Starts a MariaDB server of its own (never the system's) on 127.0.0.1:PORT and on a socket, with TLS, with the
# metadata of the fixtures in it, and prints KEY=VALUE lines. When it is already running, only renews the users.
#
#   start_mariadb.sh [PORT [DATA_DIR]]          default: 33306, RUN_DIR/mariadb-data-PORT
#
# MARIADB_PASSWORD   of both users; the default has what a URL and a Go DSN give a meaning to
# RUN_DIR, START_TIMEOUT: see common.sh
#
# Users, both with SELECT on milvus, milvus_* and on nothing else: m2m_reader, and m2m_tls who must use TLS.
# Databases:
#   milvus, milvus_1_1_1, milvus_1_0_0, milvus_1_1_1_unflushed   the fixtures; milvus is milvus_1_1_1 again
#   milvus_lower    milvus_1_1_1 with the names of its tables in lower case, as lower_case_table_names=1 makes them
#   milvus_empty    no tables
#   milvus_other    tables of another program
#   m2m_denied      milvus_1_1_1 again, but the users may not read it
set -euo pipefail
. "$(dirname "$0")/common.sh"
PORT=${1:-33306}
DATA=${2:-$RUN_DIR/mariadb-data-$PORT}
NAME=mariadb-$PORT
SOCKET=$RUN_DIR/$NAME.sock
PASSWORD=${MARIADB_PASSWORD:-p@ss/w0rd:x}
# The packages without the service: mariadb-server would start one on port 3306.
need mariadbd mariadb-server-core
need mariadb mariadb-client-core
need xz xz-utils
PATH=$PATH:/usr/sbin
mkdir -p "$RUN_DIR" "$DATA"
[ ${#SOCKET} -le 107 ] || die "a socket's path has at most 107 bytes: choose a shorter RUN_DIR than $RUN_DIR"

# As whoever runs this script: only that user can be relied on to reach RUN_DIR.
ME=$(id -un)
OPTIONS=(--no-defaults --datadir="$DATA/db" --user="$ME" --innodb-buffer-pool-size=32M --innodb-log-file-size=16M
  --innodb-flush-log-at-trx-commit=0 --character-set-server=utf8mb4)

client() { mariadb --no-defaults --socket="$SOCKET" --user="$ME" --default-character-set=utf8mb4 "$@"; }

make_datadir() {
  rm -rf -- "$DATA/db"
  # root enters by the socket and as this user alone, never by TCP.
  mariadb-install-db "${OPTIONS[@]}" --skip-test-db --skip-name-resolve --auth-root-authentication-method=socket --auth-root-socket-user="$ME" \
    >"$RUN_DIR/$NAME-install.log" 2>&1 || { tail -n 20 "$RUN_DIR/$NAME-install.log" >&2; die "mariadb-install-db failed: see $RUN_DIR/$NAME-install.log"; }
  touch "$DATA/made"
}

load_fixtures() {
  local archive
  rm -rf -- "$DATA/fixtures"
  mkdir "$DATA/fixtures"
  for archive in "$HERE"/../fixtures/install-*.tar.xz; do
    # Without the segments and the log: only the metadata is loaded.
    tar -xJf "$archive" -C "$DATA/fixtures" --exclude="*/db/tables/*" --exclude="*/wal/*" || return 1
  done
  python3 "$HERE/fixture_sql.py" "$DATA/fixtures" >"$DATA/fixtures.sql" && client <"$DATA/fixtures.sql" && rm -rf -- "$DATA/fixtures" && touch "$DATA/loaded"
}

sql_text() { # 'text' as SQL writes it
  local text=${1//\\/\\\\}
  echo "'${text//\'/\'\'}'"
}

renew_users() {
  local user password
  password=$(sql_text "$PASSWORD")
  {
    for user in m2m_reader m2m_tls; do
      echo "CREATE USER IF NOT EXISTS $user IDENTIFIED BY $password; ALTER USER $user IDENTIFIED BY $password;"
      echo "GRANT SELECT ON milvus.* TO $user; GRANT SELECT ON \`milvus\\_%\`.* TO $user;"
    done
    echo "ALTER USER m2m_tls REQUIRE SSL;"
  } | client
}

if ! is_running "$NAME"; then
  need_ports "$PORT"
  make_certificates "$DATA/tls"
  [ -e "$DATA/made" ] || make_datadir
  launch "$NAME" mariadbd "${OPTIONS[@]}" --bind-address=127.0.0.1 --port="$PORT" --socket="$SOCKET" --pid-file="$DATA/mariadbd.pid" \
    --skip-name-resolve --ssl-ca="$DATA/tls/ca.pem" --ssl-cert="$DATA/tls/server.pem" --ssl-key="$DATA/tls/server-key.pem"
  END=$((SECONDS + START_TIMEOUT))
  until client -e 'SELECT 1' >/dev/null 2>&1; do
    is_running "$NAME" || fail "$NAME" "ended at its start"
    [ $SECONDS -lt $END ] || fail "$NAME" "does not answer after $START_TIMEOUT s"
    sleep 0.1
  done
fi
[ -e "$DATA/loaded" ] || load_fixtures || fail "$NAME" "does not take the fixtures"
renew_users || fail "$NAME" "does not make its users"
# By TCP and TLS, as m2m comes: that the socket answers is not enough.
MYSQL_PWD=$PASSWORD mariadb --no-defaults --host=127.0.0.1 --port="$PORT" --user=m2m_tls --ssl-ca="$DATA/tls/ca.pem" --ssl-verify-server-cert \
  -e 'SELECT COUNT(*) FROM milvus.Tables' >/dev/null || fail "$NAME" "does not let m2m_tls in by TLS"
note "MariaDB on 127.0.0.1:$PORT"
echo "MARIADB_HOST=127.0.0.1"
echo "MARIADB_PORT=$PORT"
echo "MARIADB_SOCKET=$SOCKET"
echo "MARIADB_CA=$DATA/tls/ca.pem"
echo "MARIADB_USER=m2m_reader"
echo "MARIADB_TLS_USER=m2m_tls"
echo "MARIADB_PASSWORD=$PASSWORD"
