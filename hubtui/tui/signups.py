"""The sign-ups pane: who waits, since when, and what may be done with each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from hubtui import decline, enrol
from hubtui.clock import ago, moment
from hubtui.names import impossible, shown
from hubtui.plan.plans import Plan
from hubtui.server import Server, as_student
from hubtui.server.hubdb import SignUp
from hubtui.signups import Judgement, Verdict, judge
from hubtui.students import survey
from hubtui.tui.bars import Key
from hubtui.tui.colours import BAD, GOOD, QUIET, WARN
from hubtui.tui.columns import Column
from hubtui.tui.look import Entry, Look, cell
from hubtui.tui.pane import Pane

_STYLES = {
    Verdict.READY: GOOD,
    Verdict.PREPARED: GOOD,
    Verdict.EARLIER: WARN,
    Verdict.STAFF: WARN,
    Verdict.REFUSED: BAD,
    Verdict.AUTHORISED: QUIET,
}
_ORDER = {verdict: place for place, verdict in enumerate(Verdict)}
_NEXT = {
    Verdict.READY: "a approves: makes the account, then authorises.",
    Verdict.PREPARED: "a approves: the account is there, it is looked over and authorised.",
    Verdict.EARLIER: "a approves as its owner: asks for the name.",
    Verdict.STAFF: "a approves as its owner: asks for the name.",
    Verdict.REFUSED: "x discards it.",
    Verdict.AUTHORISED: "u takes it back.",
}
_NAME = 60
"""Letters of a name that are shown before all else; the rest of it comes last."""


class SignupsPane(Pane):
    """Pending sign-ups first, live."""

    NOUN = "Sign-ups"
    EMPTY = "Nobody has signed up yet. A sign-up appears here by itself within two seconds."
    COLUMNS = (
        Column("name", "NAME", 24),
        Column("verdict", "VERDICT", 10),
        Column("since", "SINCE", 7, align="right"),
        Column("note", "", None, drop_below=60),
    )
    ORDERS = ("verdict", "name", "since")
    KEYS = (
        Key("a", "approve", "approve", "Approve the marked sign-ups, or the one in focus."),
        Key("x", "discard", "discard", "Delete pending sign-ups: bots, slips, hostile names."),
        Key("u", "take_back", "take back", "Make authorised sign-ups pending again."),
        Key("U", "take_back_and_stop", "", "Take back, and stop their servers, too.", False),
        Key("w", "why", "why", "Why can this student not log in or start?", False),
        Key("e", "email", "e-mail", "Show or hide the mail address of the row.", False),
        Key("asterisk", "mark_ready", "ready", "Mark all shown that are ready."),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "approve", show=False),
        Binding("x", "discard", show=False),
        Binding("u", "take_back", show=False),
        Binding("U", "take_back_and_stop", show=False),
        Binding("w", "why", show=False),
        Binding("e", "email", show=False),
    ]

    show_email = False

    @classmethod
    def build(cls, look: Look) -> dict[str, Entry]:
        return {key: cls._entry(look, key, *pair) for key, pair in look.judged.items()}

    @classmethod
    def _entry(cls, look: Look, key: str, sign_up: SignUp, judgement: Judgement) -> Entry:
        name, verdict = shown(sign_up.name, limit=_NAME), judgement.verdict
        since = look.since.get(sign_up.digest)
        style = _STYLES[verdict]
        quiet = QUIET if sign_up.authorised else ""
        note = cell(_note(judgement), WARN if judgement.warnings else QUIET)
        age = cell(ago(since, look.survey.at) if since else "", quiet)
        place = _ORDER[verdict]
        return Entry(
            name=sign_up.name,
            row=(cell(name, quiet), cell(str(verdict), style), age, note),
            search=f"{name} {verdict} {_note(judgement)}".lower(),
            sort=(
                (sign_up.authorised, place, sign_up.id),
                (sign_up.authorised, name, sign_up.id),
                (sign_up.authorised, -since.timestamp() if since else 0.0, sign_up.id),
            ),
            detail=lambda: _detail(look, sign_up, judgement, email=cls.show_email),
            ready=verdict.ready,
        )

    @classmethod
    def summary(cls, look: Look) -> Text:
        found = [judgement.verdict for sign_up, judgement in look.judged.values()]
        waiting = sum(verdict is not Verdict.AUTHORISED for verdict in found)
        ready = sum(verdict.ready for verdict in found)
        refused = found.count(Verdict.REFUSED)
        line = Text.assemble((f"{waiting} waiting", "bold"))
        if waiting:
            line.append(f": {ready} ready", GOOD)
            if owners := sum(verdict.as_owner for verdict in found):
                line.append(f", {owners} to look at", WARN)
            if refused:
                line.append(f", {refused} refused", BAD)
        line.append(f"  ·  {len(found) - waiting} authorised", QUIET)
        return line

    @classmethod
    def same(cls, look: Look, before: Look) -> bool:
        return look.judged is before.judged

    # --- what the keys do -----------------------------------------------------------------------

    def action_approve(self) -> None:
        """Approve what is marked, or the row in focus."""
        self.hubtui.change(_approve, self.chosen())

    def action_discard(self) -> None:
        """Discard what is marked, or the row in focus."""
        self._decline(decline.discard_plan)

    def action_take_back(self) -> None:
        """Take back what is marked, or the row in focus."""
        self._decline(decline.take_back_plan)

    def action_take_back_and_stop(self) -> None:
        """Take back, and end the sessions that would go on."""
        self._decline(partial(decline.take_back_plan, stop=True))

    def action_why(self) -> None:
        """Why can this student not log in or start?"""
        if self.look is not None and (key := self.table.cursor_key):
            self.explain(self.look.judged[key][0].name)

    def action_email(self) -> None:
        """Pseudonymity matters here: addresses only when asked for."""
        type(self).show_email = not self.show_email
        self._say_detail()

    def _decline(self, plan: Callable[[Server, Sequence[SignUp]], Plan]) -> None:
        if self.look is None:
            return
        shown_rows = {key: sign_up for key, (sign_up, _) in self.look.judged.items()}
        self.hubtui.change(
            lambda server, keys: plan(server, [shown_rows[key] for key in keys]), self.chosen()
        )


def _approve(server: Server, keys: Sequence[str]) -> Plan:
    """The plan for these rows, judged on a look of its own: nothing old is confirmed."""
    seen = survey(server)
    by_key = {str(sign_up.id): sign_up for sign_up in seen.sign_ups}
    chosen = [by_key[key] for key in keys if key in by_key]
    return enrol.approve_plan(
        server, seen, [(sign_up, judge(seen, sign_up, as_student.look)) for sign_up in chosen]
    )


def _note(judgement: Judgement) -> str:
    """What to look at, in few words; the details have the sentence."""
    if judgement.warnings:
        return judgement.warnings[0].partition(":")[0]
    if judgement.verdict is Verdict.READY and judgement.why:
        return "half made: approve again"
    return ""


def _detail(look: Look, sign_up: SignUp, judgement: Judgement, *, email: bool) -> Text:
    text = Text()
    text.append(shown(sign_up.name, limit=_NAME), "bold")
    text.append(f"\n{judgement.verdict}\n", _STYLES[judgement.verdict])
    if judgement.why:
        text.append(f"\n{judgement.why}\n")
    for warning in judgement.warnings:
        text.append(f"\n! {warning}\n", WARN)
    text.append(f"\n{_NEXT[judgement.verdict]}", "italic")
    if judgement.verdict is Verdict.REFUSED and impossible(sign_up.name):
        text.append(" Nobody can ever use this name.", "italic")
    text.append("\n")
    text.append(f"\nsign-up   #{sign_up.id}\n", QUIET)
    if since := look.since.get(sign_up.digest):
        text.append(f"seen      {moment(since, look.survey.at)}\n", QUIET)
    mail = (shown(sign_up.email, limit=80) or "none given") if email else "hidden (e shows it)"
    text.append(f"e-mail    {mail}\n", QUIET)
    if judgement.uid is not None:
        text.append(f"uid       {judgement.uid}\n", QUIET)
    if sign_up.two_factor:
        text.append("log-in    with a second factor\n", QUIET)
    if len(whole := shown(sign_up.name)) > _NAME:
        text.append(f"\n{whole}\n", QUIET)
    return text
