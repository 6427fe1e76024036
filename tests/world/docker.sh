#!/usr/bin/env bash
# docker.sh up     starts an engine if none answers, and remembers which run did it
# docker.sh sweep  takes down what this run left, by label
# docker.sh down   the same, and the engine only if this run started it
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/world/common.sh
. "$here/common.sh"
remembered=$world/dockerd.$run.pid

answers() { docker info >/dev/null 2>&1; }

up() {
  if answers; then
    echo "docker: an engine answers"
    return
  fi
  command -v dockerd >/dev/null || { echo "docker: no engine and no dockerd; run tests/world/install.sh" >&2; exit 1; }
  [ "$(id -u)" -eq 0 ] || { echo "docker: only root can start an engine" >&2; exit 1; }
  # Left by an engine that was killed; it would refuse to start.
  if [ -f /var/run/docker.pid ] && ! kill -0 "$(cat /var/run/docker.pid)" 2>/dev/null; then rm -f /var/run/docker.pid; fi
  # A session of its own: a signal to the test run must not end the engine before its containers.
  setsid nohup dockerd >"$world/dockerd.log" 2>&1 </dev/null &
  echo $! >"$remembered"
  for _ in $(seq 120); do
    answers && { echo "docker: started an engine"; return; }
    kill -0 "$(cat "$remembered")" 2>/dev/null || break
    sleep 0.5
  done
  echo "docker: the engine did not start:" >&2
  tail -n 20 "$world/dockerd.log" >&2
  rm -f "$remembered"
  exit 1
}

# Only what carries our label and run: never another container of this machine.
sweep() {
  answers || return 0
  docker ps -aq --filter "label=$label=$run" | xargs -r docker rm -f -v >/dev/null
  docker network ls -q --filter "label=$label=$run" | xargs -r docker network rm >/dev/null
}

down() {
  sweep
  if [ -f "$remembered" ]; then
    pid=$(cat "$remembered")
    # The number may belong to someone else by now.
    if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ]; then
      kill "$pid"
      for _ in $(seq 60); do kill -0 "$pid" 2>/dev/null || break; sleep 0.5; done
    fi
    rm -f "$remembered"
    echo "docker: the engine that this run started is down"
  fi
}

case "${1:-}" in
  up) up ;;
  sweep) sweep ;;
  down) down ;;
  *) echo "docker.sh up|sweep|down" >&2; exit 2 ;;
esac
