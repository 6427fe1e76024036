#!/usr/bin/env bash
# Fetches GitHub's published description of its REST API (npm) and keeps the part that the product uses.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/world/common.sh
. "$here/common.sh"
package=@octokit/openapi@23.0.2
made=$world/openapi.json
stamp="$package $(sha256sum <"$here/openapi.py" | cut -c1-16)"
if [ -f "$made" ] && [ "$(cat "$made.made-of" 2>/dev/null)" = "$stamp" ]; then
  echo "openapi: current"
  exit 0
fi
echo "openapi: fetching $package"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && npm pack --silent "$package" >/dev/null)
tar -C "$folder" -xzf "$folder"/*.tgz package/generated/api.github.com.json
python3 "$here/openapi.py" "$folder/package/generated/api.github.com.json" >"$folder/openapi.json"
mv "$folder/openapi.json" "$made"
echo "$stamp" >"$made.made-of"
