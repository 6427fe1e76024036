#!/usr/bin/env bash
# Builds the action's image from the real Dockerfile, with the quickest profile. The engine's own cache decides what is
# built anew.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/world/common.sh
. "$here/common.sh"
image=rollback-deploy:test

"$here/base-images.sh" rust
[ -f "$root/Dockerfile" ] || { echo "$image: there is no Dockerfile" >&2; exit 1; }
echo "$image: building"
docker build -q --build-arg PROFILE=dev -t "$image" "$root" >"$world/action-image.log" 2>&1 ||
  { tail -n 40 "$world/action-image.log" >&2; exit 1; }
# What an earlier build left; other images are not ours to judge.
docker image prune -f --filter "label=org.opencontainers.image.source=https://github.com/org/rollback-deploy" >/dev/null
