#!/usr/bin/env bash
# One Apache Kafka broker of this machine, in KRaft mode, without containers. Needs Java 17 and, once, Maven.
#
#   kafka.sh prepare            fetches the broker's jars, unless they are there
#   kafka.sh start DIR [PORT]   starts a broker whose data lies in DIR (made if missing) and prints its address once it
#                               answers; without PORT, at the port it had before or at any that is free
#   kafka.sh stop DIR           ends it in order
#   kafka.sh kill DIR           ends it as a crash would (SIGKILL)
#
# The jars lie in $DEPTHLAKE_KAFKA_JARS, by default in a cache folder of the user. DIR/broker.log tells what happened.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
jars="${DEPTHLAKE_KAFKA_JARS:-${XDG_CACHE_HOME:-$HOME/.cache}/depthlake-kafka}"
started="Kafka Server started"

usage() { sed -n '4,9s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
fail() { echo "kafka.sh: $*" >&2; exit 1; }

prepare() {
  cmp -s "$here/pom.xml" "$jars/pom.xml" && return
  rm -rf "$jars"
  mvn --quiet --batch-mode --file "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$jars" >&2
  # Last, so that it says that all are there.
  cp "$here/pom.xml" "$jars/pom.xml"
}

java_of_kafka=(
  java -Xms64m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1
  -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info
  -cp "$jars/*"
)

is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)) && ! is_free "$port"; do :; done
  echo "$port"
}

runs() { [ -s "$1/pid" ] && kill -0 "$(cat "$1/pid")" 2>/dev/null; }

configure() {
  local data="$1" port="$2"
  cat > "$data/server.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:$(cat "$data/controller.port")
listeners=BROKER://127.0.0.1:$port,CONTROLLER://127.0.0.1:$(cat "$data/controller.port")
advertised.listeners=BROKER://127.0.0.1:$port
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
log.dirs=$data/logs
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=300
broker.session.timeout.ms=1500
END
}

start() {
  local data port
  mkdir -p "$1"
  data="$(cd "$1" && pwd)"
  runs "$data" && fail "the broker of $data runs already"
  [ -s "$data/controller.port" ] || free_port > "$data/controller.port"
  port="${2:-$(cat "$data/broker.port" 2>/dev/null || free_port)}"
  echo "$port" > "$data/broker.port"
  configure "$data" "$port"
  if [ ! -e "$data/logs/meta.properties" ]; then
    "${java_of_kafka[@]}" kafka.tools.StorageTool format --standalone \
      --cluster-id "$("${java_of_kafka[@]}" kafka.tools.StorageTool random-uuid)" \
      --config "$data/server.properties" > "$data/format.log" 2>&1 || fail "cannot format $data: see $data/format.log"
  fi
  : > "$data/broker.log"
  "${java_of_kafka[@]}" kafka.Kafka "$data/server.properties" < /dev/null >> "$data/broker.log" 2>&1 &
  echo $! > "$data/pid"
  disown
  for _ in $(seq 600); do
    grep -q "$started" "$data/broker.log" && { echo "127.0.0.1:$port"; return; }
    runs "$data" || fail "the broker ended: see $data/broker.log"
    sleep 0.1
  done
  fail "the broker does not answer within a minute: see $data/broker.log"
}

# end DIR SIGNAL
end() {
  runs "$1" || return 0
  kill "-$2" "$(cat "$1/pid")"
  while runs "$1"; do sleep 0.05; done
  rm -f "$1/pid"
}

case "${1:-}:$#" in
  prepare:1) prepare ;;
  start:2 | start:3) prepare; start "$2" "${3:-}" ;;
  stop:2) end "$2" TERM ;;
  kill:2) end "$2" KILL ;;
  *) usage ;;
esac
