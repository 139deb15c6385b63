"""The causes that are known: what each is called, what cures it for good, how a log shows it.

Every signature was seen in a log of the real thing that failed for this reason; the logs are in
``tests/data/hub-logs``, named by cause.
"""

from __future__ import annotations

from typing import Final

from hubtui.watchdog.cause import HINT, LIKELY, Cause, Sign

_UNIT = "hubtui install hub-unit"

_MEMORY = (
    Cause(
        id="oom-kernel",
        title="memory used up",
        sentence="The kernel killed a process because the machine had no memory left.",
        do="Stop idle servers (the package jupyterhub-idle-culler), add swap or memory; "
        "jupyterhub-systemdspawner can limit each student (mem_limit).",
        switch_on="apt install atop: it records each minute who uses how much memory.",
        signs=(
            Sign(r"of memory: Killed process \d+"),
            Sign(r"invoked oom-killer:"),
            Sign(r"oom-kill:constraint=", LIKELY),
        ),
    ),
    Cause(
        id="oom-unit",
        title="unit stopped over memory",
        sentence="One process of the hub's unit was killed for want of memory, and systemd stopped "
        "the whole hub because of it.",
        do=f"OOMPolicy=continue in the hub's unit, so that one student's kernel does not end the "
        f"hub: {_UNIT}",
        switch_on="apt install atop: it records each minute who uses how much memory.",
        signs=(Sign(r"Failed with result 'oom-kill'"),),
    ),
    Cause(
        id="memory-short",
        title="memory short",
        sentence="So little memory was left that nothing answered in time.",
        do="Stop idle servers (the package jupyterhub-idle-culler), add swap or memory.",
        switch_on="apt install atop: it records each minute who uses how much memory.",
    ),
    Cause(
        id="busy",
        title="machine overloaded",
        sentence="More was to be computed than the machine's processors manage.",
        do="Wait where many log in at once; else find who computes: hubtui accounts list",
        switch_on="apt install atop: it records each minute who computes how much.",
        curable=False,
    ),
)

_FILES_AND_DISKS = (
    Cause(
        id="files-hub",
        title="hub out of open files",
        sentence="The hub had as many files and connections open as it is allowed.",
        do=f"LimitNOFILE=65536 in the hub's unit: {_UNIT}",
        works_not=True,
        signs=(Sign(r"OSError: \[Errno 24\]"),),
    ),
    Cause(
        id="files-proxy",
        title="proxy out of open files",
        sentence="The proxy had as many files and connections open as it is allowed.",
        do=f"LimitNOFILE=65536 in the hub's unit, which the proxy inherits: {_UNIT}",
        signs=(Sign(r"EMFILE\b"),),
    ),
    Cause(
        id="disk-full-log",
        title="log's disk full",
        sentence="The disk of the log is full, so that the proxy hung on its own output.",
        do=f"Free space there, and let the hub write to the journal, which limits itself: {_UNIT}",
        curable=False,
        signs=(Sign(r"ENOSPC\b"),),
    ),
    Cause(
        id="disk-full",
        title="disk full",
        sentence="A disk that hub or servers write to is full.",
        do="Free space: du -xh / | sort -h | tail -30; old journals: journalctl --vacuum-size=200M",
        curable=False,
        signs=(Sign(r"OSError: \[Errno 28\]", LIKELY),),
    ),
    Cause(
        id="disk-readonly",
        title="disk read-only",
        sentence="A disk is read-only: after an error of it the kernel lets nothing be written.",
        do="Look at dmesg for errors of the disk, save what matters, then reboot with a check of "
        "the filesystem.",
        curable=False,
    ),
)

_DATABASE = (
    Cause(
        id="database-full",
        title="no room for the database",
        sentence="The hub cannot write its database because the disk is full: nobody can log in, "
        "though the hub answers.",
        do="Free space on the disk of the hub's database; the hub then works again by itself.",
        curable=False,
        works_not=True,
        signs=(Sign(r"\(sqlite3\.OperationalError\) database or disk is full"),),
    ),
    Cause(
        id="database-locked",
        title="database locked",
        sentence="Another program held the hub's database, and the hub waited for it.",
        do="Find who holds it (hubtui names the process), and read the database only with "
        "mode=ro and for a moment: sqlite3 left open does this.",
        works_not=True,
        signs=(Sign(r"\(sqlite3\.OperationalError\) database is locked"),),
    ),
    Cause(
        id="database-upgrade",
        title="database of another version",
        sentence="JupyterHub was upgraded, its database was not: it refuses to start.",
        do="Save a copy of the database, then: jupyterhub upgrade-db, in the hub's folder and with "
        "its configuration (-f).",
        curable=False,
        signs=(Sign(r"Found database schema version \S+ != "),),
    ),
    Cause(
        id="database-corrupt",
        title="database damaged",
        sentence="The hub's database is damaged, or is no database.",
        do="Put it back from a backup, or save what can be read: sqlite3 OLD .recover | sqlite3 "
        "NEW",
        curable=False,
        signs=(
            Sign(r"\(sqlite3\.DatabaseError\) file is not a database"),
            Sign(r"\(sqlite3\.DatabaseError\) database disk image is malformed"),
        ),
    ),
)

_HUB = (
    Cause(
        id="loop-blocked",
        title="hub blocked",
        sentence="Something inside the hub kept it from answering for long: a hook of its "
        "configuration, or a slow disk or name service.",
        do="Look for what waits in the hub's configuration (pre_spawn_hook, authenticators, "
        "subprocess): it has to be async, or in a thread.",
        switch_on="apt install py-spy, and while it hangs: py-spy dump --pid PID",
        # 12 s stand in the log of a hub that was well; its port is given 10 s, three times.
        signs=(
            Sign(r"Event loop was unresponsive for at least (?:1[5-9]|[2-9]\d|\d{3,})\.", LIKELY),
        ),
    ),
    Cause(
        id="hub-port-taken",
        title="hub's port taken",
        sentence="The hub could not start because something else listens on its port.",
        do="See who it is (ss -ltnp), and end it; if it is a student's program, speak with her.",
        curable=False,
        signs=(Sign(r"Failed to bind hub to "),),
    ),
    Cause(
        id="spawn-failures",
        title="servers did not start",
        sentence="So many students' servers failed to start in a row that the hub gave up "
        "(consecutive_failure_limit).",
        do="See in the log why the servers did not start (memory, a broken upgrade, homes); "
        "c.Spawner.consecutive_failure_limit = 0 keeps the hub up meanwhile.",
        works_not=True,
        signs=(
            Sign(r"Aborting due to \d+ consecutive spawn failures"),
            Sign(r"consecutive spawns failed\.", LIKELY),
        ),
    ),
    Cause(
        id="slow-start",
        title="slow start",
        sentence="The hub took long to start, because servers that it knew did not answer.",
        do="c.JupyterHub.init_spawners_timeout = 1 lets it go on without waiting for them.",
        signs=(Sign(r"init_spawners did not complete within ", HINT),),
    ),
    Cause(
        id="login-broken",
        title="log-in broken",
        sentence="JupyterHub 6 and nativeauthenticator 1.3 do not go together: log-ins fail.",
        do="pip install 'jupyterhub>=5,<6' in the hub's environment, then restart the hub.",
        curable=False,
        works_not=True,
        signs=(Sign(r"'LoginHandler' object has no attribute 'statsd'"),),
    ),
    Cause(
        id="config-error",
        title="error in the configuration",
        sentence="The hub did not start because its configuration has an error.",
        do="Mend what the log's last line names: a restart brings nothing before that.",
        curable=False,
        signs=(
            Sign(r", in _load_config_files\b"),
            Sign(r"Bad config encountered during initialization"),
            Sign(r"jupyterhub\.roles\.\w+Error: "),
        ),
    ),
    Cause(
        id="cookie-secret",
        title="cookie secret refused",
        sentence="The hub did not start because others can read its cookie secret.",
        do="chmod 600 on the file that the log names; it has to belong to the hub's user.",
        curable=False,
        signs=(Sign(r"Refusing to run JupyterHub with invalid cookie_secret_file"),),
    ),
    Cause(
        id="import-error",
        title="package missing",
        sentence="The hub did not start because a Python package is missing or broken.",
        do="Install what the log names into the hub's own environment (its pip), most often after "
        "an upgrade of Python.",
        curable=False,
        signs=(
            Sign(r", in _load_config_files\b(?s:.){,4000}?(?:ModuleNotFoundError|ImportError): "),
            Sign(r"ModuleNotFoundError: No module named ", LIKELY),
            Sign(r"ImportError: ", LIKELY),
        ),
    ),
    Cause(
        id="start-limit",
        title="systemd gave up",
        sentence="The hub failed at its start so often that systemd does not try any more.",
        do="Mend what the log says before that; then: systemctl reset-failed, and start.",
        signs=(Sign(r"Start request repeated too quickly", HINT),),
    ),
    Cause(
        id="killed",
        title="hub killed",
        sentence="The hub was ended by force, so that it could not say a word.",
        do="See who was logged in then (last), and what root's cron runs; pkill -f jupyterhub "
        "kills hub and students.",
        switch_on="apt install auditd, and: auditctl -a always,exit -S kill -F a1=9",
        signs=(Sign(r"Main process exited, code=killed, status=9/KILL", HINT),),
    ),
    Cause(
        id="crashed",
        title="hub crashed",
        sentence="The hub's Python crashed (a segmentation fault, an abort).",
        do="See which compiled package does it: coredumpctl info jupyterhub; then upgrade that.",
        switch_on="apt install systemd-coredump: it keeps what a crash leaves.",
    ),
    Cause(
        id="session-ended",
        title="terminal closed",
        sentence="The hub was started in somebody's session and ended with it.",
        do=f"Let systemd start it: {_UNIT}",
        switch_on=f"A unit writes down how the hub ended: {_UNIT}",
    ),
    Cause(
        id="stopped",
        title="process stopped",
        sentence="The process is stopped (SIGSTOP, Ctrl-Z): it is there and does nothing.",
        do="kill -CONT PID; start the hub by a unit, where no Ctrl-Z reaches it: " + _UNIT,
    ),
    Cause(
        id="asked",
        title="stopped on purpose",
        sentence="Somebody, or a program, told the hub to stop.",
        do="If nobody did: look at root's cron, at apt's upgrades and the journal of that minute.",
    ),
    Cause(
        id="start-unknown",
        title="start not known",
        sentence="hubtui cannot start this hub: it has not seen it run, or it is none of its own.",
        do="Start it once as you always did, or say how in course.yaml: hub: restart: [COMMAND]",
        curable=False,
    ),
)

_PROXY = (
    Cause(
        id="proxy-zombie",
        title="old proxy left behind",
        sentence="The proxy of an earlier hub still holds the ports, and the new one cannot start.",
        do="hubtui watchdog restart ends it too; with c.ConfigurableHTTPProxy.pid_file a new hub "
        f"finds it by itself. {_UNIT} keeps it from coming to that.",
        signs=(
            Sign(r"listen EADDRINUSE"),
            Sign(r"api_request to proxy failed: 403"),
            Sign(r"403 GET /api/routes\b"),
        ),
    ),
    Cause(
        id="proxy-missing",
        title="proxy not installed",
        sentence="The hub did not find the program configurable-http-proxy.",
        do="npm install -g configurable-http-proxy, or its path in "
        "c.ConfigurableHTTPProxy.command.",
        curable=False,
        signs=(Sign(r"Failed to find proxy \["),),
    ),
    Cause(
        id="proxy-exited",
        title="proxy ended",
        sentence="The proxy ended, or did not start.",
        do="See what the proxy wrote just before; the hub starts it again by itself.",
        signs=(
            Sign(r"Proxy stopped with exit code -?\d+", LIKELY),
            Sign(r"Proxy failed to start with exit code -?\d+", HINT),
        ),
    ),
    Cause(
        id="output-broken",
        title="log's reader gone",
        sentence="What read the proxy's output is gone (tee, a terminal): the proxy then turns in "
        "circles over its own errors and answers nobody.",
        do=f"Never start the hub through | tee or from a terminal; let it write to the journal: "
        f"{_UNIT}",
        switch_on=f"Output that goes to the journal is kept: {_UNIT}",
    ),
    Cause(
        id="port-taken",
        title="port taken",
        sentence="Something else listens on the port that students come to.",
        do="See who it is (ss -ltnp), and end it; if it is a student's program, speak with her.",
        curable=False,
        signs=(Sign(r"OSError: \[Errno 98\]", LIKELY),),
    ),
)

_WEB = (
    Cause(
        id="apache-workers",
        title="Apache out of workers",
        sentence="Every open notebook holds a worker of Apache, and all are taken.",
        do="MaxRequestWorkers 400 (and ServerLimit to match) in mpm_event.conf, then: apachectl "
        "graceful",
        switch_on="a2enmod status: server-status shows who holds the workers.",
        curable=False,
        signs=(Sign(r"AH00484:"),),
    ),
    Cause(
        id="apache-backend",
        title="Apache cannot reach the proxy",
        sentence="Apache answered for the hub because the proxy did not.",
        do="Where the hub is well: see that ProxyPass names the proxy's address and port.",
        signs=(Sign(r"AH00957:", LIKELY), Sign(r"AH01114:", LIKELY)),
    ),
    Cause(
        id="web-down",
        title="web server down",
        sentence="Nobody listens at the public address: the web server does not run.",
        do="systemctl status apache2 (or nginx), and start it.",
        curable=False,
    ),
    Cause(
        id="certificate-expired",
        title="certificate expired",
        sentence="The certificate of the public address is no longer good.",
        do="certbot renew, then reload the web server; see why its timer did not: systemctl status "
        "certbot.timer",
        curable=False,
        signs=(Sign(r"certificate has expired"),),
    ),
    Cause(
        id="certificate-wrong",
        title="certificate not trusted",
        sentence="The certificate is for another name, or signed by nobody known.",
        do="certbot certificates; see that the site's SSLCertificateFile has the whole chain.",
        curable=False,
    ),
    Cause(
        id="web-wrong",
        title="web server leads elsewhere",
        sentence="The web server answers, but does not lead to the hub.",
        do="apachectl -S (or nginx -T): see the site's name, its redirects and its ProxyPass.",
        curable=False,
    ),
    Cause(
        id="name-unknown",
        title="name not found",
        sentence="The public name does not lead to this machine.",
        do="See to the domain's DNS entry and to /etc/resolv.conf: getent hosts NAME",
        curable=False,
    ),
)

_MACHINE = (
    Cause(
        id="reboot",
        title="machine rebooted",
        sentence="The machine was started anew.",
        do=f"A unit starts the hub with the machine: {_UNIT}; automatic reboots are set in "
        "/etc/apt/apt.conf.d/50unattended-upgrades.",
        switch_on="mkdir -p /var/log/journal && systemctl restart systemd-journald: the journal "
        "of before a reboot is then kept.",
    ),
    Cause(
        id="upgrade",
        title="packages upgraded",
        sentence="Packages that hub, proxy or web server use were upgraded shortly before.",
        do="See what was upgraded (/var/log/apt/history.log); let needrestart leave the hub's unit "
        "alone.",
    ),
)

CAUSES: Final[dict[str, Cause]] = {
    cause.id: cause
    for cause in (*_MEMORY, *_FILES_AND_DISKS, *_DATABASE, *_HUB, *_PROXY, *_WEB, *_MACHINE)
}
"""By id."""
