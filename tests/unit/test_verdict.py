"""What a look means: each verdict, the doubt before it, and what must not be taken for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hubtui.watchdog import web
from hubtui.watchdog.catalogue import CAUSES
from hubtui.watchdog.judged import Judged
from hubtui.watchdog.patience import Patience
from hubtui.watchdog.records import Got, Layer, Memory, Probe, Scene, Verdict
from hubtui.watchdog.rules import CURED
from hubtui.watchdog.verdict import judge
from tests.unit.scenes import AT, BUSY, HUB, MACHINE, PROXY, scene

PATIENCE = Patience()
DOWN: dict[str, Any] = {"proxy": Got.REFUSED, "chain": Got.REFUSED, "public": 503}
GONE: dict[str, Any] = {"hub": Got.REFUSED, **DOWN}
HUNG: dict[str, Any] = {"hub": Got.SILENT, "chain": Got.SILENT, "public": Got.SILENT}
MUTE: dict[str, Any] = {"proxy": Got.SILENT, "chain": Got.SILENT, "public": Got.SILENT}
LOST: dict[str, Any] = {"chain": 404, "public": 404}
LATE_503: dict[str, Any] = {
    **LOST,
    "chain": Probe(layer=Layer.CHAIN, got=Got.STATUS, status=503, ms=9_000.0),
}
YOUNG = replace(HUB, age=20.0)
UNREAD = replace(PROXY, output="pipe without reader", cpu=1.0)


def looks(*scenes: Scene, memory: Memory | None = None) -> Judged:
    """What the last of some looks in a row means."""
    memory = memory or Memory(answered=AT - timedelta(seconds=60))
    for one in scenes:
        judged, memory = judge(one, memory, PATIENCE)
    return judged


def each(*after: float, **how: Any) -> list[Scene]:
    return [scene(after=seconds, **how) for seconds in after]


ONE_LOOK: dict[str, tuple[Verdict, bool, dict[str, Any]]] = {
    "all well": (Verdict.UP, True, {}),
    "no public address": (Verdict.UP, True, {"without": (Layer.PUBLIC,)}),
    "hub gone": (Verdict.HUB_DEAD, True, {"seen_hub": None, **GONE}),
    "hub gone, machine just started": (
        Verdict.STARTING,
        True,
        {"seen_hub": None, "machine": replace(MACHINE, uptime=30.0), **GONE},
    ),
    "hub starting": (Verdict.STARTING, True, {"seen_hub": YOUNG, **GONE}),
    "port closed once": (Verdict.HUB_STUCK, False, GONE),
    "hub silent once": (Verdict.HUB_HUNG, False, HUNG),
    "hub silent, starting": (Verdict.STARTING, True, {"seen_hub": YOUNG, **HUNG}),
    "hub silent, at work": (Verdict.SLOW, True, {"seen_hub": replace(HUB, cpu=0.5), **HUNG}),
    "hub silent, log fresh": (Verdict.SLOW, True, {"log_age": 20.0, **HUNG}),
    "hub silent, machine busy": (Verdict.SLOW, True, {"machine": BUSY, **HUNG}),
    "hub hangs up": (Verdict.HUB_HUNG, False, {**HUNG, "hub": Got.BROKEN}),
    "hub hangs up, no process": (
        Verdict.HUB_DEAD,
        True,
        {**HUNG, "hub": Got.BROKEN, "seen_hub": None},
    ),
    "an answer of 500, no process": (
        Verdict.FAILING,
        True,
        {"hub": 500, "public": 500, "seen_hub": None},
    ),
    "hub answers 500": (Verdict.FAILING, True, {"hub": 500, "public": 500}),
    "hub speaks TLS of its own": (Verdict.FAILING, True, {"hub": Got.TLS, "public": 503}),
    "hub not asked": (Verdict.UNKNOWN, True, {"hub": Got.UNASKED, "public": 503}),
    "proxy gone once": (Verdict.PROXY_DEAD, False, DOWN),
    "proxy gone, hub starting": (Verdict.STARTING, True, {"seen_hub": YOUNG, **DOWN}),
    "proxy silent once": (Verdict.PROXY_HUNG, False, MUTE),
    "proxy silent once, unread": (Verdict.PROXY_HUNG, False, {"seen_proxy": UNREAD, **MUTE}),
    "proxy silent, hub starting": (
        Verdict.STARTING,
        True,
        {"seen_hub": YOUNG, "seen_proxy": UNREAD, **MUTE},
    ),
    "proxy silent, at work": (Verdict.SLOW, True, {"seen_proxy": replace(PROXY, cpu=0.5), **MUTE}),
    "log-in page silent, hub has begun to work": (
        Verdict.SLOW,
        True,
        {"seen_hub": replace(HUB, cpu=0.1), "chain": Got.SILENT, "public": Got.SILENT},
    ),
    "proxy lost once": (Verdict.PROXY_LOST, False, LOST),
    "proxy lost, hub starting": (Verdict.STARTING, True, {"seen_hub": YOUNG, **LOST}),
    "proxy lost, proxy young": (
        Verdict.STARTING,
        True,
        {"seen_proxy": replace(PROXY, age=9.0), **LOST},
    ),
    "the hub's own 503": (
        Verdict.FAILING,
        True,
        {
            "chain": Probe(layer=Layer.CHAIN, got=Got.STATUS, status=503, by_hub=True),
            "public": 503,
        },
    ),
    "log-in page 500": (Verdict.FAILING, True, {"chain": 500, "public": 500}),
    "log-in page silent": (Verdict.FAILING, True, {"chain": Got.SILENT, "public": Got.SILENT}),
    "log-in page silent, busy": (Verdict.SLOW, True, {"chain": Got.SILENT, "machine": BUSY}),
    "log-in page late": (
        Verdict.SLOW,
        True,
        {"chain": Probe(layer=Layer.CHAIN, got=Got.OK, status=200, ms=6000.0)},
    ),
    "a sign in the log": (Verdict.FAILING, True, {"signs": ("database-full",)}),
    "an old proxy without health page": (Verdict.UP, True, {"proxy": 404}),
    "public refused once": (Verdict.WEB, False, {"public": Got.REFUSED}),
    "public refused, a sign in the log": (
        Verdict.WEB,
        False,
        {"public": Got.REFUSED, "signs": ("database-full",)},
    ),
    "public silent, busy": (Verdict.SLOW, True, {"public": Got.SILENT, "machine": BUSY}),
    "public not asked": (Verdict.UP, True, {"public": Got.UNASKED}),
    "a stranger on the hub's port": (Verdict.PORT_TAKEN, True, {"hub": Got.STRANGER}),
    "a stranger, the hub gone": (
        Verdict.PORT_TAKEN,
        True,
        {**GONE, "hub": Got.STRANGER, "seen_hub": None},
    ),
    "a stranger on the proxy's port": (Verdict.PORT_TAKEN, True, {"proxy": Got.STRANGER}),
}


@pytest.mark.parametrize("name", ONE_LOOK)
def test_one_look(name: str) -> None:
    verdict, sure, how = ONE_LOOK[name]
    judged = looks(scene(**how))
    assert (judged.verdict, judged.sure) == (verdict, sure), judged.text
    assert judged.text.endswith(".")


IN_A_ROW: dict[str, tuple[Verdict, bool, list[Scene]]] = {
    "port closed twice": (Verdict.HUB_STUCK, True, each(0, 10, **GONE)),
    "hub silent 170 s": (Verdict.HUB_HUNG, False, each(0, 10, 30, 60, 120, 170, **HUNG)),
    "hub silent 180 s": (Verdict.HUB_HUNG, True, each(0, 10, 30, 60, 120, 180, **HUNG)),
    "hub hangs up, and is gone": (
        Verdict.HUB_DEAD,
        True,
        [scene(**{**HUNG, "hub": Got.BROKEN}), scene(after=10, seen_hub=None, **GONE)],
    ),
    "hub hangs up for 180 s": (
        Verdict.FAILING,
        True,
        each(0, 60, 120, 180, **{**HUNG, "hub": Got.BROKEN}),
    ),
    "hub silent and idle for 14 min, machine busy": (
        Verdict.SLOW,
        True,
        each(*range(0, 841, 60), machine=BUSY, **HUNG),
    ),
    "hub silent and idle for 15 min, machine busy": (
        Verdict.HUB_HUNG,
        True,
        each(*range(0, 901, 60), machine=BUSY, **HUNG),
    ),
    "hub silent and at work for 15 min, machine busy": (
        Verdict.SLOW,
        True,
        each(*range(0, 901, 60), machine=BUSY, seen_hub=replace(HUB, state="R"), **HUNG),
    ),
    "hub silent at two looks far apart": (Verdict.HUB_HUNG, False, each(0, 3600, **HUNG)),
    "hub silent for 180 s, busy": (
        Verdict.SLOW,
        True,
        each(0, 60, 120, 180, machine=BUSY, **HUNG),
    ),
    "hub spins for 180 s, busy": (
        Verdict.HUB_HUNG,
        True,
        each(0, 60, 120, 180, machine=BUSY, seen_hub=replace(HUB, cpu=0.99), **HUNG),
    ),
    "hub silent with an answer in between": (
        Verdict.HUB_HUNG,
        False,
        [*each(0, 60, 120, **HUNG), scene(after=150), scene(after=190, **HUNG)],
    ),
    "proxy gone 20 s": (Verdict.PROXY_DEAD, False, each(0, 10, 20, **DOWN)),
    "proxy gone 30 s": (Verdict.PROXY_DEAD, True, each(0, 10, 30, **DOWN)),
    "proxy gone, back, gone": (
        Verdict.PROXY_DEAD,
        False,
        [scene(**DOWN), scene(after=20), scene(after=40, **DOWN)],
    ),
    "proxy silent and unread, 30 s": (
        Verdict.PROXY_HUNG,
        False,
        each(0, 10, 30, seen_proxy=UNREAD, **MUTE),
    ),
    "proxy silent and unread, 60 s": (
        Verdict.PROXY_HUNG,
        True,
        each(0, 10, 60, seen_proxy=UNREAD, **MUTE),
    ),
    "proxy silent and unread, two looks": (
        Verdict.PROXY_HUNG,
        False,
        each(0, 60, seen_proxy=UNREAD, **MUTE),
    ),
    "proxy silent and idle, 120 s": (Verdict.PROXY_HUNG, False, each(0, 60, 120, **MUTE)),
    "proxy silent and idle, 180 s": (Verdict.PROXY_HUNG, True, each(0, 60, 180, **MUTE)),
    "proxy silent and idle, busy": (
        Verdict.SLOW,
        True,
        each(0, 60, 180, machine=BUSY, **MUTE),
    ),
    "proxy silent, no room for its log": (
        Verdict.PROXY_HUNG,
        True,
        each(0, 10, 60, seen_proxy=replace(PROXY, output="file /log", room=0, cpu=0.5), **MUTE),
    ),
    "proxy had no answer of a busy hub in time": (
        Verdict.SLOW,
        True,
        each(0, 30, 60, machine=BUSY, **LATE_503),
    ),
    "proxy lost 30 s": (Verdict.PROXY_LOST, False, each(0, 10, 30, **LOST)),
    "proxy lost 60 s": (Verdict.PROXY_LOST, True, each(0, 30, 60, **LOST)),
    "an old proxy lost 60 s": (Verdict.PROXY_LOST, True, each(0, 30, 60, proxy=404, **LOST)),
    "public refused twice": (Verdict.WEB, True, each(0, 60, public=Got.REFUSED)),
    "public refused, well, refused": (
        Verdict.WEB,
        False,
        [scene(public=Got.REFUSED), scene(after=60), scene(after=120, public=Got.REFUSED)],
    ),
    "public not asked, then refused": (
        Verdict.WEB,
        False,
        [scene(public=Got.UNASKED), scene(after=60, public=Got.REFUSED)],
    ),
}


@pytest.mark.parametrize("name", IN_A_ROW)
def test_looks_in_a_row(name: str) -> None:
    verdict, sure, scenes = IN_A_ROW[name]
    judged = looks(*scenes)
    assert (judged.verdict, judged.sure) == (verdict, sure), judged.text


def test_a_log_that_the_hub_writes_is_a_sign_of_life() -> None:
    memory = Memory(answered=AT, logged=AT + timedelta(seconds=100))
    assert not looks(*each(0, 60, 120, 200, **HUNG), memory=memory).sure


def test_a_hub_without_files_left_writes_of_nothing_else() -> None:
    full = replace(HUB, files=1023, files_limit=1024)
    memory = Memory(answered=AT, logged=AT + timedelta(seconds=200))
    judged = looks(*each(0, 60, 120, 200, seen_hub=full, log_age=0.0, **HUNG), memory=memory)
    assert (judged.verdict, judged.sure, judged.cause) == (Verdict.HUB_HUNG, True, "files-hub")
    assert "all its files are open" in judged.text


@pytest.mark.parametrize("how", [HUNG, MUTE, LOST])
def test_while_students_get_in_nothing_is_sure(how: dict[str, Any]) -> None:
    """hub.api or hub.proxy is wrong; a restart would throw all out, again and again."""
    judged = looks(*_reached(BY_HUB, how))
    assert judged.verdict in CURED
    assert not judged.sure
    assert "what students open works" in judged.text
    assert "doctor" in judged.do
    assert looks(*_reached(BY_NOBODY, how)).sure


@pytest.mark.parametrize(("key", "how"), [("hub.api", GONE), ("hub.proxy", DOWN)])
def test_a_port_that_is_closed_while_students_get_in_is_a_wrong_one(
    key: str, how: dict[str, Any]
) -> None:
    judged = looks(*_reached(BY_HUB, how))
    assert judged.verdict is Verdict.FAILING
    assert f"where {key} in course.yaml says" in judged.text
    gone = looks(*_reached(BY_NOBODY, how))
    assert (gone.verdict in CURED, gone.sure) == (True, True)


BY_HUB = Probe(layer=Layer.PUBLIC, got=Got.OK, status=200, by_hub=True)
BY_NOBODY = replace(BY_HUB, by_hub=False)
"""A page about maintenance, with JupyterHub in its text."""


def _reached(public: Probe, how: dict[str, Any]) -> list[Scene]:
    seen = {"seen_hub": None} if how is GONE else {"seen_proxy": UNREAD}
    bad = {key: value for key, value in how.items() if key != "public"}
    return each(0, 60, 120, 180, 240, public=public, **bad, **seen)


def test_without_a_public_address_a_proxy_that_never_answered_may_be_a_wrong_address() -> None:
    bad = each(0, 10, 30, without=(Layer.PUBLIC,), **DOWN)
    assert looks(*bad).verdict is Verdict.FAILING
    seen = Memory(answered=AT, proxy_seen=True)
    assert looks(*bad, memory=seen).verdict is Verdict.PROXY_DEAD


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (90.0, ""),
        (20.0, ""),
        (19.4, "ends in 19 days."),
        (2.2, "ends in 2 days."),
        (0.4, "ends in 10 hours."),
        (-0.1, "ends in 0 hours."),
    ],
)
def test_a_certificate_near_its_end_is_said(days: float, said: str) -> None:
    public = Probe(layer=Layer.PUBLIC, got=Got.OK, status=200, days_left=days)
    judged = looks(scene(public=public))
    assert judged.verdict is Verdict.UP
    assert said in judged.text
    assert ("certificate" in judged.text, "certbot" in judged.do) == (bool(said), bool(said))


WEB = {
    "certificate-expired": Probe(
        layer=Layer.PUBLIC, got=Got.TLS, text="its certificate is not good: certificate has expired"
    ),
    "certificate-wrong": Probe(
        layer=Layer.PUBLIC, got=Got.TLS, text="its certificate is not good: Hostname mismatch"
    ),
    "name-unknown": Probe(layer=Layer.PUBLIC, got=Got.DNS),
    "web-down": Probe(layer=Layer.PUBLIC, got=Got.REFUSED),
    "apache-workers": Probe(layer=Layer.PUBLIC, got=Got.SILENT),
    "apache-backend": Probe(layer=Layer.PUBLIC, got=Got.STATUS, status=503),
    "web-wrong": Probe(layer=Layer.PUBLIC, got=Got.STATUS, status=403),
    "": Probe(layer=Layer.PUBLIC, got=Got.BROKEN),
}


@pytest.mark.parametrize("cause", WEB)
def test_what_is_wrong_with_the_public_address(cause: str) -> None:
    judged = looks(scene(public=WEB[cause]))
    assert (judged.verdict, judged.cause) == (Verdict.WEB, cause)
    assert judged.do == CAUSES[cause].do if cause else "apache2" in judged.do


@given(st.sampled_from(Got), st.integers(0, 599), st.text())
def test_every_answer_has_a_cause_of_the_catalogue_or_none(
    got: Got, status: int, text: str
) -> None:
    cause, _ = web.cause(Probe(layer=Layer.PUBLIC, got=got, status=status, text=text))
    assert cause == "" or cause in CAUSES


PROBES = st.sampled_from([404, 500, *(set(Got) - {Got.STATUS, Got.STRANGER, Got.DNS})])
SCENES = st.builds(
    scene,
    after=st.integers(0, 10_000).map(float),
    hub=PROBES,
    proxy=PROBES,
    chain=PROBES,
    public=PROBES,
    seen_hub=st.sampled_from([None, HUB, YOUNG, replace(HUB, cpu=1.0)]),
    seen_proxy=st.sampled_from([None, PROXY, UNREAD]),
    machine=st.sampled_from([MACHINE, BUSY, replace(MACHINE, available=1)]),
)


@given(SCENES)
def test_one_look_is_never_sure_of_what_is_restarted_but_of_a_hub_that_is_gone(one: Scene) -> None:
    judged = looks(one)
    assert not judged.sure or judged.verdict not in CURED - {Verdict.HUB_DEAD}
    if judged.verdict is Verdict.HUB_DEAD:
        assert one.hub is None


@given(st.lists(SCENES, min_size=1, max_size=8))
def test_a_young_hub_is_never_restarted(scenes: list[Scene]) -> None:
    young = [replace(one, hub=YOUNG) for one in sorted(scenes, key=lambda one: one.at)]
    judged = looks(*young)
    assert judged.verdict not in CURED


@given(st.lists(SCENES, min_size=1, max_size=8))
def test_what_can_be_reached_by_the_public_address_is_never_restarted(scenes: list[Scene]) -> None:
    last = sorted(scenes, key=lambda one: one.at)
    well = Probe(layer=Layer.PUBLIC, got=Got.OK, status=200, by_hub=True)
    last[-1] = replace(last[-1], probes={**last[-1].probes, Layer.PUBLIC: well})
    judged = looks(*last)
    assert judged.verdict not in CURED or not judged.sure
