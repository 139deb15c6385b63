"""A course of N students on the sandbox's disk, written straight into passwd: useradd is slow."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from tests.course_on_disk import DATABASE, ROSTER, make_course

FIRST_UID = 20001
PASSWD, SHADOW, GROUP = Path("/etc/passwd"), Path("/etc/shadow"), Path("/etc/group")
TABLES = """
drop table users_info;
drop table users;
create table users_info (id integer not null, username varchar(128) not null,
  password blob not null, is_authorized boolean, login_email_sent boolean, email varchar(128),
  has_2fa boolean, otp_secret varchar(16), constraint pk_users_info primary key (id));
create table users (id integer not null, name varchar(255), admin boolean, created datetime,
  last_activity datetime, cookie_id varchar(255) not null, state text, encrypted_auth_state blob,
  constraint pk_users primary key (id), constraint uq_users_name unique (name));
create table spawners (id integer not null, user_id integer, server_id integer, state text,
  name varchar(255), started datetime, last_activity datetime, user_options text,
  oauth_client_id varchar(255), constraint pk_spawners primary key (id));
"""
"""As NativeAuthenticator 1.3 and JupyterHub 5.5 make them, without the keys to other tables."""


def make(count: int) -> None:
    """``count`` course accounts with homes and authorised sign-ups, and five who wait."""
    make_course()
    names = [f"student-{number:04}" for number in range(count)]
    with GROUP.open("a") as group:
        group.write("all_user:x:20000:\n")
    with PASSWD.open("a") as lines, SHADOW.open("a") as secrets:
        for uid, name in enumerate(names, FIRST_UID):
            lines.write(f"{name}:x:{uid}:20000::/home/{name}:/bin/bash\n")
            secrets.write(f"{name}:*:20000:0:99999:7:::\n")
            home = Path("/home", name)
            home.mkdir(mode=0o700)
            os.chown(home, uid, 20000)
    ROSTER.write_text("".join(f"{name}\n" for name in names))
    with sqlite3.connect(DATABASE) as connection:
        connection.executescript(TABLES)
        connection.executemany(
            "insert into users (name, admin, last_activity, cookie_id)"
            " values (?, 0, '2026-11-22 10:00:00.000000', ?)",
            [(name, name) for name in names],
        )
        connection.execute(
            "insert into spawners (user_id, server_id, name)"
            " select id, iif(id % 10 = 0, id, null), '' from users"
        )
    connection.close()
    sign_up(names, authorised=True)
    sign_up([f"waiting-{letter}x" for letter in "abcde"])


def sign_up(names: list[str], *, authorised: bool = False) -> None:
    """New rows, as the form writes them."""
    with sqlite3.connect(DATABASE) as connection:
        connection.executemany(
            "insert into users_info (username, password, is_authorized, has_2fa)"
            " values (?, ?, ?, 0)",
            [(name, name.encode(), authorised) for name in names],
        )
    connection.close()


def change(count: int, what: str) -> None:
    """``count`` new sign-ups; as many of those that were authorised are pending again."""
    sign_up([f"{what}-{number:04}" for number in range(count)])
    with sqlite3.connect(DATABASE) as connection:
        connection.execute(
            "update users_info set is_authorized = 0 where id in (select id from users_info"
            " where is_authorized = 1 order by id desc limit ?)",
            (count,),
        )
    connection.close()
