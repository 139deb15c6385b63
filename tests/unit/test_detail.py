"""The details beside a list: what was painted is what is meant, at the side and below."""

from __future__ import annotations

import pytest
from rich.text import Text
from textual.app import App, ComposeResult

from hubtui.tui.bars import Detail


class Shown(App[None]):
    CSS = "Detail { border-top: solid white; width: 20; height: 8; }"

    def compose(self) -> ComposeResult:
        yield Detail(id="detail")


def screen(app: App[None]) -> str:
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in line).rstrip() for line in lines)


@pytest.mark.parametrize("border", ["solid white", "none"])
async def test_a_second_text_takes_the_place_of_the_first(border: str) -> None:
    app = Shown()
    async with app.run_test(size=(40, 10)) as pilot:
        detail = app.query_one(Detail)
        detail.styles.border_top = ("solid", "white") if border != "none" else ("none", "white")
        detail.update(Text("anna\nready\n\nthird line"))
        await pilot.pause()
        screen(app)
        detail.update(Text("bert\nrefused"))
        await pilot.pause()
        text = screen(app)
        assert "bert" in text
        assert "refused" in text
        for gone in ("anna", "ready", "third"):
            assert gone not in text


async def test_markup_of_strangers_is_shown_as_it_is() -> None:
    app = Shown()
    async with app.run_test(size=(40, 10)) as pilot:
        app.query_one(Detail).update(Text("[@click=app.quit]x"))
        await pilot.pause()
        assert "[@click=app.quit]x" in screen(app)
