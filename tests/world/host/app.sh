#!/bin/sh
# Runs in a host: app.sh UNIT LIVE OWNER PORT LISTEN SITE
# Prepares it for the sample app as a person would by hand: user `app`, the unit UNIT.service which runs what the live
# link LIVE names, nginx in front on port SITE. LISTEN: itself, or socket (UNIT.socket holds the port through restarts).
# Nothing is live yet, so nothing is started. LIVE's folder belongs to OWNER.
set -eu
unit=$1 live=$2 owner=$3 port=$4 listen=$5 site=$6
id app >/dev/null 2>&1 || useradd --system --user-group --home-dir /nonexistent --shell /usr/sbin/nologin app
install -d -m 755 -o "$owner" -g "$owner" "$(dirname "$live")"

needs=
if [ "$listen" = socket ]; then
  needs="Requires=$unit.socket
After=$unit.socket"
  cat >"/etc/systemd/system/$unit.socket" <<UNIT
[Unit]
Description=The port of $unit

[Socket]
ListenStream=127.0.0.1:$port
Backlog=4096

[Install]
WantedBy=sockets.target
UNIT
fi
cat >"/etc/systemd/system/$unit.service" <<UNIT
[Unit]
Description=The sample app $unit
$needs

[Service]
User=app
Group=app
WorkingDirectory=$live
Environment=PORT=$port PYTHONDONTWRITEBYTECODE=1
ExecStart=/usr/bin/python3 app.py
Restart=on-failure
RestartSec=200ms
TimeoutStopSec=10

[Install]
WantedBy=multi-user.target
UNIT
cat >"/etc/nginx/sites-enabled/$unit" <<SITE
server {
    listen $site;
    access_log /var/log/nginx/$unit.log;
    location / {
        proxy_pass http://127.0.0.1:$port;
        proxy_set_header Host \$http_host;
    }
}
SITE
systemctl daemon-reload
systemctl enable -q "$unit.service"
if [ "$listen" = socket ]; then systemctl enable -q --now "$unit.socket"; fi
nginx -t -q
systemctl reload nginx
