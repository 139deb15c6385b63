"""What a KeyedTable keeps of its rows so that Textual's own ways to read a table find them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from textual.widgets.data_table import ColumnKey, RowKey
from textual.widgets.data_table import Row as StockRow

from hubtui.tui.columns import Cell, Row


class Face(NamedTuple):
    """All that decides how a line looks; `row` is None below the last one."""

    row: Row | None
    cursor: bool
    marked: bool


def new_row(key: str) -> StockRow:
    """A row as Textual keeps it, one line high."""
    return StockRow(RowKey(key), 1)


class Cells(Mapping[RowKey, dict[ColumnKey, Cell]]):
    """The cells by row and column, made when somebody asks: 5,000 dictionaries are 20 ms."""

    def __init__(
        self, rows: Callable[[], Mapping[str, Row]], columns: Mapping[ColumnKey, object]
    ) -> None:
        self._rows, self._columns = rows, columns

    def __getitem__(self, key: RowKey | str) -> dict[ColumnKey, Cell]:
        name = key if isinstance(key, str) else key.value or ""
        return dict(zip(self._columns, self._rows()[name], strict=True))

    def __iter__(self) -> Iterator[RowKey]:
        return map(RowKey, self._rows())

    def __len__(self) -> int:
        return len(self._rows())


def nearest(order: Sequence[str], place: int, places: Mapping[str, int]) -> int:
    """The new place of the row that was at `place`, else of the next one to it that is left."""
    for distance in range(len(order)):
        for near in (place + distance, place - distance):
            if 0 <= near < len(order) and order[near] in places:
                return places[order[near]]
    return 0
