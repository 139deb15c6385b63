"""A server as it is today, with accounts made by hand: init writes for it, doctor looks at it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hubtui import course
from hubtui.demo.hub import EmbeddedHub
from hubtui.reads import hubprocess
from tests.called import sendmail
from tests.course_on_disk import CONFIG, DATABASE, ROSTER, CourseOnDisk, hubtui, make_course
from tests.sandboxed import Machine
from tests.terminal import Terminal

NAMES = [f"old{number:02}" for number in range(40)]
SCRIPTS = Path("/root/bin")
CRONTAB = Path("/var/spool/cron/crontabs/root")


@pytest.fixture
def server(machine: Machine) -> Iterator[CourseOnDisk]:
    """Forty accounts with own groups, an accounts.txt without a last newline, a hub's database."""
    made = make_course()
    CONFIG.unlink()
    machine.adduser("boss", 1000, group="sudo")
    machine.adduser("tutor", 1100)
    for uid, name in enumerate(NAMES, 1001):
        machine.adduser(name, uid)
    ROSTER.write_text("\n".join(["boss", *NAMES]))
    Path("/home/tutor/sheets").mkdir()
    SCRIPTS.mkdir(mode=0o700, exist_ok=True)
    yield made
    shutil.rmtree(SCRIPTS)
    CRONTAB.unlink(missing_ok=True)
    shutil.rmtree(DATABASE.parent)


@pytest.fixture
def config() -> Iterator[Path]:
    """A hub's configuration in the usual place; no hub runs."""
    assert hubprocess.find() is None, "a hub runs on this machine, and init would find it"
    path = Path("/etc/jupyterhub/jupyterhub_config.py")
    path.parent.mkdir(mode=0o755)
    path.parent.chmod(0o755)
    path.write_text(f"c.JupyterHub.db_url = 'sqlite:///{DATABASE}'\n")
    yield path
    shutil.rmtree(path.parent)


def everything() -> list[Any]:
    """What must be the same before and after."""
    files = [Path("/etc", name).read_bytes() for name in ("passwd", "group", "shadow", "gshadow")]
    homes = [(home.name, home.lstat()[:6]) for home in sorted(Path("/home").iterdir())]
    return [*files, homes, ROSTER.read_bytes()]


def doctor() -> dict[str, dict[str, str]]:
    done = hubtui("doctor", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == (1 if document["state"] == "critical" else 0)
    return {each["id"]: each for each in document["findings"]}


# --- init ----------------------------------------------------------------------------------------


def test_init_writes_a_course_that_loads_lists_all_forty_and_changes_none(
    server: CourseOnDisk, config: Path
) -> None:
    before = everything()
    done = hubtui("init")
    assert done.returncode == 0, done.stderr
    assert "Course accounts: 40: old00, old01" in done.stdout
    assert "boss (in the group sudo)" in done.stdout
    found = course.load(CONFIG)
    assert found.accounts.staff == ("boss",)
    assert found.accounts.roster == ROSTER
    assert found.hub.database == f"sqlite:///{DATABASE}"
    assert (CONFIG.stat().st_mode & 0o777, CONFIG.parent.stat().st_mode & 0o777) == (0o644, 0o755)
    listed = json.loads(hubtui("accounts", "list", "--json").stdout)["accounts"]
    assert [row["name"] for row in listed] == NAMES
    assert everything() == before


def test_at_a_terminal_init_asks_whom_to_call_and_when_the_exam_is(
    server: CourseOnDisk, config: Path, tmp_path: Path
) -> None:
    with (
        sendmail(tmp_path) as box,
        Terminal([sys.executable, "-I", "-m", "hubtui", "init"]) as terminal,
    ):
        for question, answer in (
            ("Whom to call", "nobody there"),  # no address: asked again
            ("is nobody's address", "admin@example.org"),
            ("When is the next exam", "2027-02-01 09:00-11:00"),
            ("How many students", "40"),
            ("Send a test message now", "y"),
        ):
            terminal.wait_for(question)
            for letter in answer:
                terminal.press(letter)
            terminal.press("enter")
        terminal.wait_for("Sent by mail to admin@example.org")
        assert [mail["To"] for mail in box.mails] == ["admin@example.org"]
    found = course.load(CONFIG)
    assert found.notify.mail == "admin@example.org"
    assert [(date.from_, date.students) for date in found.exam.dates] == [("2027-02-01 09:00", 40)]


def test_init_finds_the_site_of_apache_and_of_nginx_that_leads_to_the_hub(
    server: CourseOnDisk,
) -> None:
    apache, nginx = Path("/etc/apache2/sites-enabled"), Path("/etc/nginx/conf.d")
    for folder in (apache, nginx):
        folder.mkdir(parents=True)
    (apache.parent / "apache2.conf").write_text("IncludeOptional sites-enabled/*.conf\n")
    (nginx.parent / "nginx.conf").write_text("http { include /etc/nginx/conf.d/*.conf; }\n")
    try:
        (apache / "wiki.conf").write_text(
            "<VirtualHost *:443>\nServerName wiki.example.org\n"
            "ProxyPass / http://127.0.0.1:9000/\n</VirtualHost>\n"
        )
        (nginx / "hub.conf").write_text(
            "server { listen 443 ssl; server_name hub.example.org;\n"
            "location / { proxy_pass http://127.0.0.1:8000; } }\n"
        )
        assert "  url: https://hub.example.org\n" in hubtui("init", "--print").stdout
        (nginx / "hub.conf").unlink()
        assert "  url: https://wiki.example.org\n" in hubtui("init", "--print").stdout
    finally:
        shutil.rmtree(apache.parent)
        shutil.rmtree(nginx.parent)


def test_init_never_overwrites(server: CourseOnDisk) -> None:
    CONFIG.write_text("mine")
    done = hubtui("init")
    assert done.returncode == 1
    assert "exists" in done.stderr
    assert CONFIG.read_text() == "mine"
    assert "course:" in hubtui("init", "--print").stdout
    assert CONFIG.read_text() == "mine"


def test_init_reads_what_the_old_scripts_say(server: CourseOnDisk) -> None:
    watch, copy = SCRIPTS / "watch.sh", SCRIPTS / "copy.sh"
    watch.write_text(
        '#!/bin/bash\nURL="https://hub.example.org"\n# restarts jupyterhub\n'
        "date >> /root/logs/restarts.log\n"
    )
    copy.write_text(
        '#!/bin/bash\nexsource="/home/tutor/sheets"\nwhile read theuser\ndo\n'
        f'if [ $theuser != "tutor" ] ; then echo; fi\ndone < {ROSTER}\n'
    )
    CRONTAB.write_text(f"* * * * * {watch}\n")
    Path("/root/logs").mkdir(exist_ok=True)
    try:
        text = hubtui("init", "--print").stdout
    finally:
        shutil.rmtree("/root/logs")
    assert "url: https://hub.example.org" in text
    assert "source: /home/tutor/sheets" in text
    assert "tutors: [tutor]" in text
    assert "staff: [boss, tutor]" in text
    assert "logs: /root/logs" in text


def test_uids_of_a_range_in_use_are_not_proposed(server: CourseOnDisk, machine: Machine) -> None:
    machine.adduser("ida", 20005)
    left = Path("/home/leftover")
    left.mkdir()
    os.chown(left, 30001, 30001)
    assert "uids: 40000-49999" in hubtui("init", "--print").stdout


def test_the_password_of_another_database_is_not_written(
    server: CourseOnDisk, config: Path
) -> None:
    config.write_text("c.JupyterHub.db_url = 'postgresql://hub:geheim@127.0.0.1/hub'\n")
    assert hubtui("init").returncode == 0
    assert "geheim" not in CONFIG.read_text()
    assert "SQLite databases only" in doctor()["hub.database"]["text"]


def test_a_configuration_through_a_students_folder_is_not_read(
    server: CourseOnDisk, config: Path
) -> None:
    trap = Path("/home/old00/hub")
    trap.mkdir()
    (trap / "jupyterhub_config.py").write_text("c.JupyterHub.db_url = '/home/old00/x.sqlite'\n")
    subprocess.run(["chown", "-R", "old00:", str(trap)], check=True)
    config.unlink()
    config.symlink_to(trap / "jupyterhub_config.py")
    text = hubtui("init", "--print").stdout
    assert "x.sqlite" not in text
    assert "is not read as root: /home/old00 belongs to old00" in text


@pytest.mark.parametrize(
    ("user", "program"),
    [("old01", os.path.realpath(sys.executable)), ("root", "/bin/sleep")],
    ids=["a student's Python", "a program of root's by another name, as sudo would be"],
)
def test_a_process_with_the_hubs_name_is_not_believed(
    server: CourseOnDisk, user: str, program: str
) -> None:
    """Its name and folder are a student's choice; the database there would be as well."""
    folder = Path("/home/old01")
    folder.joinpath("jupyterhub.sqlite").write_bytes(DATABASE.read_bytes())
    folder.joinpath("jupyterhub").symlink_to(program)
    words = ["60"] if user == "root" else ["-c", "import time; time.sleep(60)"]
    process = subprocess.Popen([folder / "jupyterhub", *words], cwd=folder, user=user)
    try:
        assert Path(f"/proc/{process.pid}/comm").read_text() == "jupyterhub\n"
        assert "/home/old01" not in hubtui("init", "--print").stdout
    finally:
        process.kill()
        process.wait()


def test_doctor_does_not_call_fine_what_it_could_not_look_at(server: CourseOnDisk) -> None:
    hubtui("init")
    said = hubtui("doctor").stdout
    assert "✓ hubtui runs as root." in said
    for unseen in ("settings let", "go together", "register an admin", "the hub takes it"):
        assert unseen not in "".join(line for line in said.splitlines() if line[0] == "✓")


def test_init_does_not_write_as_root_where_a_student_could_exchange_it(
    server: CourseOnDisk,
) -> None:
    done = hubtui("init", "/home/old00/course.yaml")
    assert done.returncode == 1
    assert "belongs to old00" in done.stderr
    assert not Path("/home/old00/course.yaml").exists()


# --- doctor --------------------------------------------------------------------------------------


def test_doctor_without_a_course_says_init(machine: Machine) -> None:
    found = doctor()["course.config"]
    assert found["severity"] == "critical"
    assert found["do"] == "hubtui init"


def test_what_doctor_names_its_commands_mend(server: CourseOnDisk, config: Path) -> None:
    hubtui("init")
    DATABASE.parent.chmod(0o755)
    DATABASE.chmod(0o644)
    ROSTER.parent.chmod(0o777)
    Path("/home").chmod(0o775)
    os.chown("/home", 0, 1001)
    found = doctor()
    ids = ("hub.database.readable", "accounts.roster", "accounts.homes", "accounts.open")
    assert "40 of 40" in found["accounts.open"]["text"]
    for id_ in ids:
        subprocess.run(["sh", "-c", found[id_]["do"]], check=True)
    assert not doctor().keys() & set(ids)
    assert Path("/home/old39").stat().st_mode & 0o777 == 0o700


def test_a_roster_in_a_tutors_home_is_moved_and_the_home_stays_the_tutors(
    server: CourseOnDisk, config: Path
) -> None:
    hubtui("init")
    roster = Path("/home/tutor/accounts.txt")
    roster.write_text("old00\n")
    CONFIG.write_text(CONFIG.read_text().replace(str(ROSTER), str(roster)))
    found = doctor()["accounts.roster"]
    assert "/home/tutor belongs to tutor" in found["text"]
    assert found["do"].startswith(f"move {roster} into a folder of root's")
    assert "chown" not in found["do"]


def test_doctor_warns_of_names_that_anybody_could_register(
    server: CourseOnDisk, config: Path
) -> None:
    config.write_text(config.read_text() + 'c.Authenticator.admin_users = {"boss"}\n')
    hubtui("init")
    assert "boss is in admin_users" in doctor()["hub.unclaimed"]["text"]
    server.sign_up("boss")
    assert "hub.unclaimed" not in doctor()


@pytest.mark.hub
def test_init_and_doctor_on_a_real_hub(machine: Machine, hub: EmbeddedHub) -> None:
    done = hubtui("init")
    assert done.returncode == 0, done.stderr
    found = course.load(CONFIG)
    assert found.hub.api == hub.api
    assert found.hub.proxy == hub.url
    assert found.hub.database == hub.database
    assert found.hub.log == hub.log

    CONFIG.with_name("token").write_text(hub.token)
    CONFIG.with_name("token").chmod(0o600)
    CONFIG.write_text(
        CONFIG.read_text().replace("# token_file: /etc", "token_file: /etc"), encoding="utf-8"
    )
    findings = doctor()
    assert {id_ for id_, each in findings.items() if each["severity"] == "critical"} == set()
    assert "hub.token" not in findings

    CONFIG.with_name("token").write_text("0123456789abcdef")
    assert "does not know the token" in doctor()["hub.token"]["text"]
    CONFIG.with_name("token").chmod(0o644)
    assert doctor()["hub.token.readable"]["do"] == "chmod 600 /etc/hubtui/token"


@pytest.mark.hub
def test_doctor_knows_a_squatter_on_the_hubs_port(machine: Machine, hub: EmbeddedHub) -> None:
    machine.adduser("eva", 2000)
    hubtui("init")
    squat = (
        "import socket, time; s = socket.create_server(('127.0.0.1', 0)); "
        "print(s.getsockname()[1], flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", squat], user="eva", stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        CONFIG.write_text(CONFIG.read_text().replace(hub.api, f"http://127.0.0.1:{port}/hub/api"))
        found = doctor()["hub.port"]
    finally:
        process.kill()
        process.wait()
    assert found["severity"] == "critical"
    assert "(eva)" in found["text"]


@pytest.mark.hub
def test_doctor_reads_the_settings_of_a_real_hub(machine: Machine, hub: EmbeddedHub) -> None:
    hubtui("init")
    before = hub.config.read_text()
    try:
        hub.config.write_text(before.replace("c.Authenticator.allow_all = True", ""))
        assert doctor()["hub.allow_all"]["severity"] == "critical"
        hub.config.chmod(0o666)
        assert "chmod go-w" in doctor()["hub.config"]["do"]
    finally:
        hub.config.write_text(before)
        hub.config.chmod(0o644)
