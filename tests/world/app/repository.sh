#!/usr/bin/env bash
# repository.sh FOLDER [TAG[=BEHAVIOUR]]…
# Makes (or adds to) the sample app's git repository: one commit and one tag for each TAG. BEHAVIOUR is a file name of
# behaviour/ beside this script; default good. v1.1.0 and all after it are annotated tags, v1.0.0 is a plain one.
# Without TAGs: v1.0.0 v1.1.0 and four that must not stay live. A moving tag v1 follows the newest good one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1
shift
[ $# -gt 0 ] || set -- v1.0.0 v1.1.0 v1.2.0-no-start=no-start v1.2.0-crash-loop=crash-loop v1.2.0-sick=sick \
  v1.2.0-wrong-version=wrong-version

# The same repository every time: names, dates and settings of this machine play no part.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.com GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@example.com
git_() { git -C "$folder" "$@"; }

if [ ! -d "$folder/.git" ]; then
  mkdir -p "$folder"
  git_ init -q -b main
fi
for wanted in "$@"; do
  tag=${wanted%%=*}
  behaviour=good
  [ "$tag" = "$wanted" ] || behaviour=${wanted#*=}
  count=$(git_ rev-list --all --count 2>/dev/null || echo 0)
  date="2026-01-01T00:00:00Z"
  [ "$count" -eq 0 ] || date="2026-01-01T$(printf '%02d:%02d' $((count / 60)) $((count % 60))):00Z"
  export GIT_AUTHOR_DATE=$date GIT_COMMITTER_DATE=$date
  cp "$here/app.py" "$folder/app.py"
  cp "$here/behaviour/$behaviour.py" "$folder/behaviour.py"
  cp "$here/behaviour/good.py" "$folder/good.py"
  mkdir -p "$folder/static" "$folder/bin"
  echo "$tag" >"$folder/VERSION"
  printf '/* %s */\nbody { font: 16px serif }\n' "$tag" >"$folder/static/style.css"
  printf '#!/bin/sh\n# Builds this release where it stands.\nset -eu\ncp VERSION built\n' >"$folder/bin/build"
  chmod 755 "$folder/bin/build"
  printf '# diary\n\nThe sample app, %s.\n' "$tag" >"$folder/README.md"
  git_ add -A
  git_ commit -q -m "Release $tag"
  if [ "$tag" = v1.0.0 ]; then git_ tag "$tag"; else git_ tag -a -m "Release $tag" "$tag"; fi
  [ "$behaviour" != good ] || git_ tag -f v1 >/dev/null
done
