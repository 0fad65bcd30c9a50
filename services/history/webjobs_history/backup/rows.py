"""Rows of history, read from a running one for a backup, and put into new tables by a restore."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
from sqlalchemy import Connection, bindparam, text
from sqlalchemy.types import Text
from webjobs_events import queries as q
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus, QueryRefused

from webjobs_history.backup.errors import NoRows

_TRIES = 100
_RETRY_DELAY = 0.1  # seconds
_PASSING = (404, 429)


class Rows:
    """All rows as they are at one moment."""

    def __init__(self, bus: Bus, first: q.RowsPage) -> None:
        self._bus = bus
        self._first = first
        self._page = 0

    @property
    def version(self) -> str:
        """Of the tables."""
        return self._first.version

    @property
    def tables(self) -> list[str]:
        """Their names."""
        return self._first.tables

    async def of(self, table: str) -> AsyncIterator[list[msgspec.Raw]]:
        """The rows of a table, each as JSON.

        Raises:
            NoRows: History does not give them.
        """
        while True:
            self._page += 1
            query = q.RowsQuery(dump=self._first.dump, table=table, page=self._page)
            page = await _ask(self._bus, query)
            if not page.rows:
                return
            yield page.rows


@asynccontextmanager
async def open_rows(bus: Bus) -> AsyncIterator[Rows]:
    """The rows as they are now, until the end of the body.

    Raises:
        NoRows: No history answers, or it cannot read its database.
    """
    first = await _ask(bus, q.RowsQuery())
    try:
        yield Rows(bus, first)
    finally:
        with suppress(NoRows):
            await _ask(bus, q.RowsQuery(dump=first.dump, is_over=True))


async def _ask(bus: Bus, query: q.RowsQuery) -> q.RowsPage:
    """A question goes to any replica; only one has the dump, so it is asked until that one answers."""
    reason = ""
    for _ in range(_TRIES):
        try:
            answer = await bus.ask(q.ROWS, msgspec.json.encode(query), timeout=30.0)
            return msgspec.json.decode(answer, type=q.RowsPage)
        except QueryRefused as error:
            reason = error.text
            if error.code not in _PASSING:
                break
        except BusUnavailable as error:
            reason = str(error)
            if not query.dump:
                break
        await asyncio.sleep(_RETRY_DELAY)
    raise NoRows(reason)


def put_rows(connection: Connection, table: str, rows: list[bytes]) -> None:
    """Insert rows, each as JSON, into a table that has the columns that they name."""
    statement = text(
        f"INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, CAST(:rows AS json))"
    ).bindparams(bindparam("rows", type_=Text()))
    connection.execute(statement, {"rows": f"[{b','.join(rows).decode()}]"})
