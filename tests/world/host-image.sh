#!/usr/bin/env bash
# Makes rdhost:bookworm: a Debian with systemd, sshd, nginx and login shells, as a host to deploy to. Made again only
# when this script or its base changed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/world/common.sh
. "$here/common.sh"
image=rdhost:bookworm

packages=(
  systemd systemd-sysv dbus libpam-systemd       # services, timers, user units
  openssh-server sudo cron                       # how a deploy comes in and what it may do
  nginx-light python3                            # the web server and the sample app
  git curl ca-certificates rsync                 # deploying on the host by hand
  iproute2 iptables procps strace                # cutting its network, looking at and breaking its processes
  fish tcsh mksh zsh                             # login shells
)

"$here/base-images.sh" debian
made_of=$({ cat "$here/host-image.sh"; declare -f in_root; docker image inspect -f '{{.Id}}' debian:bookworm-slim; } | sha256sum | cut -c1-16)
if image_is "$image" "$made_of"; then
  echo "$image: current"
  exit 0
fi
echo "$image: making"
folder=$(new_root)
trap 'drop_root "$folder"' EXIT
base=$(docker create --label "$label=$run" debian:bookworm-slim true)
docker export "$base" | tar -C "$folder" -x
docker rm "$base" >/dev/null
in_root "$folder" "${packages[@]}"

# Every host gets keys of its own at its first start, never the image's.
rm -f "$folder"/etc/ssh/ssh_host_*
mkdir -p "$folder/etc/systemd/system/ssh.service.d"
cat >"$folder/etc/systemd/system/ssh.service.d/keys.conf" <<'UNIT'
[Service]
ExecStartPre=
ExecStartPre=/usr/bin/ssh-keygen -A
ExecStartPre=/usr/sbin/sshd -t
UNIT
# A container has no consoles, no kernel knobs of its own and no disks to wait for.
for unit in getty.target console-getty.service systemd-udevd.service systemd-modules-load.service \
  systemd-sysctl.service sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount dev-mqueue.mount \
  systemd-firstboot.service apt-daily.timer apt-daily-upgrade.timer; do
  ln -sf /dev/null "$folder/etc/systemd/system/$unit"
done
rm -f "$folder/etc/nginx/sites-enabled/default" "$folder/etc/machine-id" "$folder/etc/hostname"
: >"$folder/etc/machine-id"
# Many containers of one machine share its limit of watched files.
mkdir -p "$folder/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\n' >"$folder/etc/systemd/journald.conf.d/world.conf"

old=$(docker image inspect -f '{{.Id}}' "$image" 2>/dev/null || true)
tar -C "$folder" -c . | docker import --change "LABEL $label.made-of=$made_of" \
  --change 'CMD ["/lib/systemd/systemd"]' - "$image" >/dev/null
# Kept while a host still runs from it.
[ -z "$old" ] || docker rmi "$old" >/dev/null 2>&1 || true
