#!/usr/bin/env bash
# tools.sh TOOL…: act, actionlint, artifact-client, linters, deny. Installs each at its pinned version below the target folder, once;
# they are found in $world/bin.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/world/common.sh
. "$here/common.sh"
mkdir -p "$world/bin"

# once NAME VERSION COMMAND…: runs it unless this version is there.
once() {
  local name=$1 version=$2
  shift 2
  if [ -e "$world/bin/$name" ] && [ "$(cat "$world/bin/.$name" 2>/dev/null)" = "$version" ]; then return; fi
  echo "tools: installing $name $version"
  rm -f "$world/bin/.$name"
  "$@"
  echo "$version" >"$world/bin/.$name"
}

go_tool() { GOBIN=$world/bin GOFLAGS=-buildvcs=false go install "$1"; }

linters() {
  rm -rf "$world/linters"
  python3 -m venv "$world/linters"
  "$world/linters/bin/pip" install -q --disable-pip-version-check "zizmor==$1" "check-jsonschema==$2"
  ln -sf "$world/linters/bin/check-jsonschema" "$world/bin/check-jsonschema"
  ln -sf "$world/linters/bin/zizmor" "$world/bin/zizmor"
}

# The official client of the artifact service.
artifact_client() {
  rm -rf "$world/artifact-client"
  cp -r "$here/artifact-client" "$world/artifact-client"
  npm install --prefix "$world/artifact-client" --silent --no-audit --no-fund --no-package-lock
  ln -sf "$world/artifact-client/client.js" "$world/bin/artifact-client"
}

# From /: neither our toolchain nor our flags for static programs are meant for it. Unoptimised: it runs for seconds.
deny() {
  (cd / && CARGO_TARGET_DIR=$world/deny-build cargo install -q --locked --debug --no-default-features \
    --root "$world" "cargo-deny@$1")
  rm -rf "$world/deny-build"
}

for tool in "$@"; do
  case "$tool" in
    act) once act v0.2.87 go_tool github.com/nektos/act@v0.2.87 ;;
    actionlint) once actionlint v1.7.12 go_tool github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 ;;
    artifact-client) once artifact-client "$(cat "$here"/artifact-client/* | sha256sum | cut -c1-16)" artifact_client ;;
    linters) once zizmor 1.32.0+0.39.0 linters 1.32.0 0.39.0 ;;
    deny) once cargo-deny 0.20.2 deny 0.20.2 ;;
    *) echo "tools.sh: no tool $tool" >&2; exit 2 ;;
  esac
done
