"""The accounts pane: the course's accounts, what they use now, and what is not as it should be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from hubtui import enrol, reset_login, stop
from hubtui.changes import Planner
from hubtui.course_accounts import CourseAccount
from hubtui.errors import Refused, UsageError
from hubtui.plan.plans import Plan
from hubtui.retire.choose import Chosen
from hubtui.server import Server, sizes
from hubtui.students import Missing, survey
from hubtui.tui import account_rows
from hubtui.tui.bars import Key
from hubtui.tui.dialogs import Page
from hubtui.tui.look import Entry, Look
from hubtui.tui.pane import Pane
from hubtui.tui.repairing import repair
from hubtui.tui.retiring import ask_who, receipt, restore, retire

_FEW = 3
"""Of those left alone so many are named in one notice."""


class AccountsPane(Pane):
    """Everybody who has an account in this course, and what drifted that is nobody's."""

    NOUN = "Accounts"
    EMPTY = "No course accounts yet: approve a sign-up, or n makes some ahead."
    COLUMNS = account_rows.COLUMNS
    ORDERS = account_rows.ORDERS
    KEYS = (
        Key("w", "why", "why", "Why can this student not log in or start?"),
        Key("t", "stop", "stop", "Stop the servers of the marked, or of the row in focus."),
        Key("d", "odd", "look at", "Show only what is to be looked at; Esc shows all."),
        Key("f", "repair", "mend", "Mend what is not as it should be; asks where it has to."),
        Key("x", "retire", "remove", "Remove accounts: now, or switched off until a date."),
        Key("u", "restore", "bring back", "Bring back who is switched off, as they were.", False),
        Key("T", "end", "end all", "Stop the servers and end all other processes, too.", False),
        Key("i", "stop_idle", "stop idle", "Stop all that are idle and compute nothing.", False),
        Key("p", "reset", "password", "Reset the log-in: a one-time password.", False),
        Key("n", "create", "new", "Make accounts ahead, before their sign-ups come.", False),
        Key("m", "measure", "measure", "Measure the homes now.", False),
        Key("e", "receipt", "receipt", "The receipt of the last removal.", False),
        Key("b", "mark_by_day", "by day", "Mark by a day: away since, or made before it.", False),
        Key("asterisk", "mark_ready", "", "Mark all shown that can be mended safely.", False),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key.key, key.action, show=False) for key in KEYS
    ]

    only_odd = False
    """Whether only what is to be looked at is shown."""

    @classmethod
    def build(cls, look: Look) -> dict[str, Entry]:
        return account_rows.rows(look)

    @classmethod
    def summary(cls, look: Look) -> Text:
        return account_rows.summary(look)

    @classmethod
    def missing(cls, look: Look) -> Sequence[Missing]:
        return (*super().missing(look), *look.unseen)

    def passes(self, entry: Entry) -> bool:
        return entry.odd or not self.only_odd

    @property
    def narrowed(self) -> str:
        return "to look at" if self.only_odd else ""

    @property
    def _accounts(self) -> dict[str, CourseAccount]:
        return {one.name: one for one in self.look.accounts} if self.look else {}

    def _chosen(self) -> dict[str, CourseAccount]:
        """Those of the chosen rows that are accounts; says so where none is."""
        found = self._accounts
        chosen = {key: found[key] for key in self.chosen() if key in found}
        if not chosen and self.chosen():
            self.hubtui.say("This is no account: there is nothing to do so with.")
        return chosen

    def _one(self) -> CourseAccount | None:
        return self._accounts.get(self.table.cursor_key or "")

    # --- what the keys do -----------------------------------------------------------------------

    def action_odd(self) -> None:
        """Only what is to be looked at, the worst first; or all again."""
        self.only_odd = not self.only_odd
        self.filter_anew()

    def show_all(self) -> None:
        self.only_odd = False
        super().show_all()

    def action_repair(self) -> None:
        """Mend what is marked, or the row in focus."""
        strange = self.look.strange if self.look else {}
        repair(self.hubtui, [one for key in self.chosen() for one in strange.get(key, ())])

    def action_retire(self) -> None:
        """Remove what is marked, or the row in focus."""
        if self.look is not None and (names := self._with_unfinished()):
            retire(self.hubtui, self.look, names)

    def action_mark_by_day(self) -> None:
        """Mark who is meant by a day; whoever that is not known of is named."""

        def mark(chosen: Chosen) -> None:
            self.show_all()
            self.table.mark(chosen.names)
            if chosen.left_out:
                more = len(chosen.left_out) - _FEW
                also = f"; and {more} more" if more > 0 else ""
                self.hubtui.say(f"Left alone: {'; '.join(chosen.left_out[:_FEW])}{also}.")
            elif not chosen.names:
                self.hubtui.say("Nobody is meant.")

        ask_who(self.hubtui, mark)

    def action_restore(self) -> None:
        """Bring back those of the chosen who are switched off."""
        leaving = self.look.survey.leaving if self.look else {}
        chosen = self.chosen()
        if names := [name for name in chosen if name in leaving]:
            self.hubtui.change(restore, names)
        elif chosen:
            nobody = "Nobody of them is switched off: there is nothing to bring back."
            self.hubtui.say(self.hubtui.access.refusal or nobody)

    def action_receipt(self) -> None:
        """What the last removal left behind."""
        receipt(self.hubtui)

    def _with_unfinished(self) -> list[str]:
        """The chosen accounts, and those whose removal did not end."""
        leaving = self.look.survey.leaving if self.look else {}
        begun = [key for key in self.chosen() if key in leaving]
        return begun if begun and not self._accounts.keys() & set(begun) else list(self._chosen())

    def action_why(self) -> None:
        """Why can this student not log in or start?"""
        if (key := self.table.cursor_key) is not None:
            self.explain(key)

    def action_stop(self) -> None:
        """Stop the servers of the marked, or of the row in focus; without one, what else runs."""
        found = self._chosen()

        def plan(server: Server, keys: Sequence[str]) -> Plan:
            chosen = [found[key] for key in keys if key in found]
            return stop.stop_plan(server, chosen, rest=not any(one.server for one in chosen))

        self.hubtui.change(plan, list(found))

    def action_end(self) -> None:
        """Stop the servers, and end everything else that runs under the accounts."""
        found = self._chosen()

        def plan(server: Server, keys: Sequence[str]) -> Plan:
            chosen = [found[key] for key in keys if key in found]
            return stop.stop_plan(server, chosen, rest=True)

        self.hubtui.change(plan, list(found))

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
            self.hubtui.say("This is no account: it has no log-in.")
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
