#!/usr/bin/env bash
# One schema registry of this machine (Apicurio, in memory), without containers. Needs Java 17 and, once, Maven.
#
#   registry.sh prepare            fetches the server, unless it is there
#   registry.sh start DIR [PORT]   starts a registry whose files lie in DIR (made if missing) and prints the URL of its
#                                  Confluent API once it answers; without PORT, at any that is free
#   registry.sh stop DIR           ends it; it forgets everything
#
# The server lies in $DEPTHLAKE_REGISTRY_SERVER, by default in a cache folder of the user. DIR/registry.log tells what
# happened.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
server="${DEPTHLAKE_REGISTRY_SERVER:-${XDG_CACHE_HOME:-$HOME/.cache}/depthlake-registry}"

usage() { sed -n '4,7s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
fail() { echo "registry.sh: $*" >&2; exit 1; }

prepare() {
  cmp -s "$here/pom.xml" "$server/pom.xml" && return
  rm -rf "$server"
  mkdir -p "$server/archive"
  mvn --quiet --batch-mode --file "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$server/archive" >&2
  tar -xzf "$server"/archive/*.tar.gz -C "$server"
  rm -r "$server/archive"
  # Last, so that it says that all is there.
  cp "$here/pom.xml" "$server/pom.xml"
}

is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)) && ! is_free "$port"; do :; done
  echo "$port"
}

runs() { [ -s "$1/pid" ] && kill -0 "$(cat "$1/pid")" 2>/dev/null; }

start() {
  local data port
  mkdir -p "$1"
  data="$(cd "$1" && pwd)"
  runs "$data" && fail "the registry of $data runs already"
  port="${2:-$(free_port)}"
  QUARKUS_HTTP_HOST=127.0.0.1 QUARKUS_HTTP_PORT="$port" \
    java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -jar "$server"/apicurio-registry-app-*-runner.jar \
    < /dev/null > "$data/registry.log" 2>&1 &
  echo $! > "$data/pid"
  disown
  for _ in $(seq 1200); do
    grep -q "Listening on: " "$data/registry.log" && { echo "http://127.0.0.1:$port/apis/ccompat/v7"; return; }
    runs "$data" || fail "the registry ended: see $data/registry.log"
    sleep 0.1
  done
  fail "the registry does not answer within two minutes: see $data/registry.log"
}

stop() {
  runs "$1" || return 0
  kill -KILL "$(cat "$1/pid")"
  while runs "$1"; do sleep 0.05; done
  rm -f "$1/pid"
}

case "${1:-}:$#" in
  prepare:1) prepare ;;
  start:2 | start:3) prepare; start "$2" "${3:-}" ;;
  stop:2) stop "$2" ;;
  *) usage ;;
esac
