"""What stands in the files of a server that scripts ran for years: configuration, scripts, cron.

The scripts are of the kind that such servers have; nobody should take them for a model.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

from tests.webserver import NAME

ADMIN, TUTOR, GROUP = "admin", "tutor", "all_user"
STUDENTS = tuple(
    f"{colour}-{animal}"
    for colour, animal in product(
        ("amber", "azure", "coral", "green", "ivory"),
        ("badger", "crane", "dolphin", "finch", "hare", "lynx", "newt", "owl"),
    )
)
WAITING = ("olive-puffin", "pearl-seal", "ruby-mole")
"""Signed up for the new term, and not yet approved."""
PASSWORD = "correct horse battery"

CONFIG = Path("/etc/jupyterhub/jupyterhub_config.py")
FOLDER = Path("/srv/jupyterhub")
PYTHON = Path("/srv/python")
"""The hub's own, built by hand beside Debian's."""
DATABASE = FOLDER / "jupyterhub.sqlite"
ROSTER = Path("/root/resources/accounts.txt")
LOGS = Path("/root/logs")
WATCH, COPY = Path("/root/bin/watch.sh"), Path("/root/bin/copy-exercises.sh")
EXERCISES = Path("/home", TUTOR, "exercises")
CRONTAB = Path("/var/spool/cron/crontabs/root")
CRON_D = Path("/etc/cron.d")
SUDOERS = Path("/etc/sudoers")

SUDOERS_TEXT = """\
Defaults env_reset
Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
root ALL=(ALL:ALL) ALL
%sudo ALL=(ALL:ALL) ALL
@includedir /etc/sudoers.d
"""
HUB_TEXT = """\
# Course hub. Ask the admin before you change anything here.
import nativeauthenticator, os

c = get_config()  # noqa: F821
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.JupyterHub.db_url = "sqlite:///{database}"
c.JupyterHub.cookie_secret_file = "{folder}/jupyterhub_cookie_secret"

c.JupyterHub.authenticator_class = "nativeauthenticator.NativeAuthenticator"
c.NativeAuthenticator.open_signup = False
c.NativeAuthenticator.ask_email_on_signup = True
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"{admin}"}}
c.JupyterHub.template_paths = [f"{{os.path.dirname(nativeauthenticator.__file__)}}/templates/"]

c.Spawner.default_url = "/lab"
"""
WATCH_TEXT = f"""\
#!/bin/bash
# Every minute: does the hub answer? If not, start it anew.
. /root/.bashrc
URL="https://{NAME}"

curl --silent --location --head --max-time 20 "$URL" >/root/logs/http.log
why=""
if [ ! -s /root/logs/http.log ]; then
  why="Server down"
elif grep -q '^HTTP/[0-9.]* 5' /root/logs/http.log; then
  why="HTTP response code of 500"
fi
[ -z "$why" ] && exit 0

echo "$(date -Im): $why" >>/root/logs/restarts.log
pkill -f jupyterhub
sleep 1
cd {FOLDER}
jupyterhub -f {CONFIG} 2>&1 | tee -a "/root/logs/jupyterhub-$(date -Im).log"
"""
COPY_TEXT = f"""\
#!/bin/bash
# Give everybody the exercises.
exsource="{EXERCISES}"
while read -r theuser; do
  if [ "$theuser" != "{ADMIN}" ]; then
    rsync -rog --chown="$theuser":{GROUP} --ignore-existing "$exsource" "/home/$theuser"
  fi
done <{ROSTER}
"""
TABLE = f"""\
# m h  dom mon dow   command
MAILTO=""
30 4 * * 0   find /tmp -mtime +30 -delete
* * * * *\t{WATCH} >/dev/null 2>&1
""".encode()
APACHE_SITE = """\
RewriteEngine On
  RewriteCond %{{HTTP:Upgrade}} websocket [NC]
  RewriteRule /(.*) ws://127.0.0.1:{port}/$1 [P,L]
  ProxyPass / http://127.0.0.1:{port}/
  ProxyPassReverse / http://127.0.0.1:{port}/"""
NGINX_SITE = "proxy_pass http://127.0.0.1:{port};"
