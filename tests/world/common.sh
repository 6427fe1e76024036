# shellcheck shell=bash
# Sourced by the scripts beside it.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
# What the tests build for themselves and may keep: tools, caches, logs.
world=$target/world
mkdir -p "$world"
# Everything that the tests start carries it, with the run as its value: runs beside each other leave each other alone.
label=rollback-deploy-test
# shellcheck disable=SC2034  # for those who source this
run=${ROLLBACK_DEPLOY_TEST_RUN:-by-hand}

# An image is current when it carries the digest of what it was made from.
image_is() { [ "$(docker image inspect -f "{{index .Config.Labels \"$label.made-of\"}}" "$1" 2>/dev/null)" = "$2" ]; }

# The Debian archive this machine uses; nothing where it is not a bookworm, and debootstrap knows one itself.
debian_site() {
  # shellcheck disable=SC2016  # names of apt, not of the shell
  apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 2>/dev/null |
    awk '$2 == "bookworm" && $3 == "main" { print $1; exit }' || true
}

# A folder that becomes `/` of an image: everybody may enter it.
new_root() {
  local folder
  folder=$(mktemp -d /var/tmp/rollback-deploy-root.XXXXXX)
  chmod 755 "$folder"
  echo "$folder"
}

# drop_root FOLDER: takes it away with what is mounted inside.
drop_root() {
  umount -l "$1/proc" 2>/dev/null || true
  umount -l "$1/dev" 2>/dev/null || true
  rm -rf --one-file-system "$1"
}

# in_root FOLDER PACKAGE…: installs packages into a Debian root, starting nothing.
in_root() {
  local folder=$1; shift
  mount -t proc proc "$folder/proc"
  mount --bind /dev "$folder/dev"
  printf '#!/bin/sh\nexit 101\n' >"$folder/usr/sbin/policy-rc.d"
  chmod 755 "$folder/usr/sbin/policy-rc.d"
  cp -L /etc/resolv.conf "$folder/etc/resolv.conf"
  chroot "$folder" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C sh -ec '
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "$@" >/tmp/install.log 2>&1 || { tail -n 40 /tmp/install.log >&2; exit 1; }
    rm -f /tmp/install.log
    apt-get clean
    rm -rf /var/lib/apt/lists/*' sh "$@"
  rm -f "$folder/usr/sbin/policy-rc.d"
  umount "$folder/dev" "$folder/proc"
}
