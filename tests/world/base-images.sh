#!/usr/bin/env bash
# Stand-ins for the two images that the Dockerfile starts from, made on this machine without an image registry:
#   base-images.sh debian   debian:bookworm-slim
#   base-images.sh rust     rust:1.95-slim-bookworm, with the toolchain that is installed here
# An image of that name that did not come from here (pulled from a registry) is left as it is.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/world/common.sh
. "$here/common.sh"
cas=/usr/local/share/ca-certificates
bundle=/etc/ssl/certs/ca-certificates.crt

foreign() { docker image inspect "$1" >/dev/null 2>&1 && [ -z "$(docker image inspect -f "{{index .Config.Labels \"$label.made-of\"}}" "$1")" ]; }

debian() {
  local image=debian:bookworm-slim made_of folder site
  if foreign "$image"; then echo "$image: not ours, used as it is"; return; fi
  made_of=$({ declare -f debian; cat "$bundle" 2>/dev/null; debian_site; } | sha256sum | cut -c1-16)
  if image_is "$image" "$made_of"; then echo "$image: current"; return; fi
  echo "$image: making"
  folder=$(new_root)
  trap 'drop_root "$folder"' RETURN
  site=$(debian_site)
  debootstrap --variant=minbase bookworm "$folder" ${site:+"$site"} >"$world/debootstrap.log" 2>&1 ||
    { tail -n 20 "$world/debootstrap.log" >&2; return 1; }
  rm -rf "$folder"/var/cache/apt/archives/*.deb "$folder"/var/lib/apt/lists/*
  # A machine behind a gateway that speaks its own certificate has it here; ca-certificates picks it up when installed.
  if [ -d "$cas" ]; then mkdir -p "$folder$cas" && cp -r "$cas/." "$folder$cas/"; fi
  tar -C "$folder" -c . | docker import --change "LABEL $label.made-of=$made_of" --change 'CMD ["bash"]' - "$image" >/dev/null
}

rust() {
  local version image made_of folder sysroot
  version=$(sed -n 's/^channel *= *"\([0-9]*\.[0-9]*\).*/\1/p' "$root/rust-toolchain.toml")
  image=rust:$version-slim-bookworm
  if foreign "$image"; then echo "$image: not ours, used as it is"; return; fi
  debian
  sysroot=$(cd "$root" && rustc --print sysroot)
  made_of=$({ declare -f rust; cat "$bundle"; (cd "$root" && rustc -vV); docker image inspect -f '{{.Id}}' debian:bookworm-slim; } |
    sha256sum | cut -c1-16)
  if image_is "$image" "$made_of"; then echo "$image: current"; return; fi
  echo "$image: making"
  folder=$(mktemp -d /var/tmp/rollback-deploy-rust.XXXXXX)
  trap 'rm -rf --one-file-system "$folder"' RETURN
  mkdir "$folder/rust"
  cp -r "$sysroot/bin" "$sysroot/lib" "$folder/rust/"
  cp -L "$bundle" "$folder/ca-certificates.crt"
  mkdir "$folder/cargo"
  # Where this machine's cargo is told to fetch from.
  cp -L "${CARGO_HOME:-$HOME/.cargo}/config.toml" "$folder/cargo/config.toml" 2>/dev/null || true
  cat >"$folder/Dockerfile" <<'DOCKER'
FROM debian:bookworm-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY rust /usr/local/rust
COPY cargo /usr/local/cargo
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV PATH=/usr/local/rust/bin:/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin CARGO_HOME=/usr/local/cargo
DOCKER
  docker build -q --label "$label.made-of=$made_of" -t "$image" "$folder" >/dev/null
}

case "${1:-}" in
  debian) debian ;;
  rust) rust ;;
  *) echo "base-images.sh debian|rust" >&2; exit 2 ;;
esac
