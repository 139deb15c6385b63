"""The accounts pane: the course's accounts, what they use now, and what is not as it should be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from hubtui import enrol, reset_login, stop
from hubtui.changes import Planner
from hubtui.clock import ago, moment
from hubtui.course_accounts import CourseAccount
from hubtui.errors import Refused, UsageError
from hubtui.names import shown
from hubtui.plan.plans import Plan
from hubtui.server import Server, sizes
from hubtui.students import survey
from hubtui.tui.bars import Key
from hubtui.tui.colours import GOOD, QUIET, WARN
from hubtui.tui.columns import Column
from hubtui.tui.dialogs import Page
from hubtui.tui.look import Entry, Look, cell
from hubtui.tui.pane import Pane
from hubtui.units import megabytes


class AccountsPane(Pane):
    """Everybody who has an account in this course."""

    NOUN = "Accounts"
    EMPTY = "No course accounts yet: approve a sign-up, or n makes some ahead."
    COLUMNS = (
        Column("name", "NAME", None),
        Column("uid", "UID", 6, drop_below=70, align="right"),
        Column("mode", "HOME", 8),
        Column("size", "SIZE", 8, drop_below=60, align="right"),
        Column("memory", "MEMORY", 8, align="right"),
        Column("server", "SERVER", 8),
        Column("active", "ACTIVE", 7, align="right"),
        Column("signup", "SIGN-UP", 10, drop_below=90),
    )
    ORDERS = ("name", "memory", "size", "active")
    KEYS = (
        Key("w", "why", "why", "Why can this student not log in or start?"),
        Key("t", "stop", "stop", "Stop the servers of the marked, or of the row in focus."),
        Key("T", "end", "end all", "Stop the servers and end all other processes, too.", False),
        Key("i", "stop_idle", "stop idle", "Stop all servers that are idle and compute nothing."),
        Key("p", "reset", "password", "Reset the log-in: a one-time password.", False),
        Key("n", "create", "new", "Make accounts ahead, before their sign-ups come.", False),
        Key("m", "measure", "measure", "Measure the homes now.", False),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "why", show=False),
        Binding("t", "stop", show=False),
        Binding("T", "end", show=False),
        Binding("i", "stop_idle", show=False),
        Binding("p", "reset", show=False),
        Binding("n", "create", show=False),
        Binding("m", "measure", show=False),
    ]

    @classmethod
    def build(cls, look: Look) -> dict[str, Entry]:
        return {one.name: _entry(look, one) for one in look.accounts}

    @classmethod
    def summary(cls, look: Look) -> Text:
        found = look.accounts
        running = sum(bool(one.server) for one in found)
        line = Text.assemble((f"{len(found)} accounts", "bold"))
        line.append(f"  ·  {running} server{'' if running == 1 else 's'}")
        if memory := sum(one.memory for one in found):
            line.append(f", {megabytes(memory)}")
        if strange := sum(bool(one.drift) for one in found):
            line.append(f"  ·  {strange} to look at", WARN)
        if look.live.sizes is not None:
            line.append(f"  ·  sizes {_old(look.live.sizes.taken, look.survey.at)}", QUIET)
        return line

    def _one(self) -> CourseAccount | None:
        key = self.table.cursor_key
        found = self.look.accounts if self.look else ()
        return next((one for one in found if one.name == key), None)

    # --- what the keys do -----------------------------------------------------------------------

    def action_why(self) -> None:
        """Why can this student not log in or start?"""
        if (one := self._one()) is not None:
            self.explain(one.name)

    def action_stop(self) -> None:
        """Stop the servers of the marked, or of the row in focus; without one, what else runs."""
        found = {one.name: one for one in self.look.accounts} if self.look else {}

        def plan(server: Server, keys: Sequence[str]) -> Plan:
            chosen = [found[key] for key in keys if key in found]
            return stop.stop_plan(server, chosen, rest=not any(one.server for one in chosen))

        self.hubtui.change(plan, self.chosen())

    def action_end(self) -> None:
        """Stop the servers, and end everything else that runs under the accounts."""
        found = {one.name: one for one in self.look.accounts} if self.look else {}

        def plan(server: Server, keys: Sequence[str]) -> Plan:
            chosen = [found[key] for key in keys if key in found]
            return stop.stop_plan(server, chosen, rest=True)

        self.hubtui.change(plan, self.chosen())

    def action_stop_idle(self) -> None:
        """Stop all that are idle for longer than so many minutes."""

        def minutes(answer: str) -> int:
            if not answer.isdecimal() or int(answer) < 1:
                raise UsageError("That is not a number of minutes.")
            return int(answer)

        def asked(answer: int) -> None:
            found = self.look.accounts if self.look else ()
            self.hubtui.change(_idle_planner(found, answer), ["idle"])

        question = "Stop servers that are idle for more than … minutes"
        self.hubtui.ask(question, minutes, asked, value="60")

    def action_reset(self) -> None:
        """A one-time password for the row in focus."""
        one = self._one()
        if one is None:
            return
        password = reset_login.one_time_password()

        def plan(server: Server, keys: Sequence[str]) -> Plan:
            return reset_login.reset_plan(server, survey(server), keys[0], password)

        def show() -> None:
            text = Text.assemble((f"\n   {password}\n\n", "bold"))
            text.append("It is shown once and not kept. The student changes it at\n")
            text.append(f"{self.hubtui.server.course.hub.url}/hub/change-password")
            self.app.push_screen(Page(f"One-time password of {one.name}", text))

        self.hubtui.change(plan, [one.name], after=show)

    def action_create(self) -> None:
        """Make accounts ahead."""

        def names(answer: str) -> list[str]:
            return answer.replace(",", " ").split()

        def asked(wanted: list[str]) -> None:
            self.hubtui.change(
                lambda server, keys: enrol.create_plan(server, survey(server), keys), wanted
            )

        self.hubtui.ask("Names of the accounts to make ahead", names, asked)

    def action_measure(self) -> None:
        """Measure the homes now, in the background."""
        server = self.hubtui.server
        homes = server.course.accounts.homes
        self.hubtui.in_thread(
            lambda: sizes.measure(server.run, homes, server.state, server.clock()),
            lambda _sizes: self.hubtui.look_again(),
        )


def _idle_planner(found: Sequence[CourseAccount], minutes: int) -> Planner:
    def plan(server: Server, _keys: Sequence[str]) -> Plan:
        chosen, left_out = stop.idle_for(found, minutes, server.clock())
        if not chosen:
            rest = f"; left alone: {'; '.join(left_out)}." if left_out else "."
            raise Refused(f"No server is idle for more than {minutes} minutes{rest}")
        return stop.stop_plan(server, chosen, idle=True)

    return plan


def _old(then: datetime, at: datetime) -> str:
    """How old a measure is: ``3 h old``."""
    age = ago(then, at)
    return "just measured" if age == "now" else f"{age} old"


def _entry(look: Look, one: CourseAccount) -> Entry:
    name = shown(one.name, limit=40)
    mode = f"{one.home.mode:04o}" if one.home.mode else str(one.home.kind)
    active = ago(one.last_activity, look.survey.at) if one.last_activity else ""
    since = one.last_activity.timestamp() if one.last_activity else 0.0
    marks = WARN if one.drift else ""
    return Entry(
        name=one.name,
        row=(
            cell(name, marks),
            cell(str(one.account.uid), QUIET),
            cell(mode + ("!" if one.drift else ""), marks or QUIET),
            cell(megabytes(one.size)),
            cell(megabytes(one.memory) if one.processes else ""),
            cell(one.server, GOOD if one.server == "running" else WARN),
            cell(active, QUIET),
            cell(one.sign_up, QUIET if one.sign_up == "authorised" else WARN),
        ),
        search=f"{name} {one.server} {one.sign_up} {' '.join(one.drift)}".lower(),
        sort=(
            (one.name,),
            (-one.memory, one.name),
            (-(one.size or 0), one.name),
            (-since, one.name),
        ),
        detail=lambda: _detail(look, one),
    )


def _detail(look: Look, one: CourseAccount) -> Text:
    text = Text()
    text.append(f"{shown(one.name)}\n", "bold")
    for strange in one.drift:
        text.append(f"\n! {strange}\n", WARN)
    text.append(f"\nuid       {one.account.uid}\n", QUIET)
    text.append(f"home      {shown(str(one.home.path))}\n", QUIET)
    if one.size is not None and one.size_at is not None:
        age = _old(one.size_at, look.survey.at)
        text.append(f"size      {megabytes(one.size)}, {age}\n", QUIET)
    text.append(f"roster    {'yes' if one.in_roster else 'no'}\n", QUIET)
    text.append(f"sign-up   {one.sign_up or 'none'}\n", QUIET)
    server = one.server or "not running"
    text.append(f"server    {server}\n", QUIET)
    if one.last_activity is not None:
        text.append(f"active    {moment(one.last_activity, look.survey.at)}\n", QUIET)
    for process in sorted(one.processes, key=lambda p: -p.memory)[:8]:
        what = "server" if process.is_server else "kernel" if process.is_kernel else process.name
        memory = megabytes(process.memory)
        text.append(f"\n{process.pid:>8}  {memory:>7}  {shown(what, limit=20)}")
    return text
