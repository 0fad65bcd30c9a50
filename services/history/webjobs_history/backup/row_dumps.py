"""Gives all rows as they are at one moment, page by page: what a backup asks of a running history."""

import asyncio
import secrets
from contextlib import AsyncExitStack

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from webjobs_events import queries as q
from webjobs_events.errors import MALFORMED
from webjobs_events.jetstream import QueryRefused

from webjobs_history.database import TROUBLES, describe, open_snapshot
from webjobs_history.tables import metadata

_TABLES = [str(table.name) for table in metadata.sorted_tables]
_MOST_DUMPS = 2  # at a time; each is a connection to Postgres, whose vacuum it holds back
_IDLE_SECONDS = 60.0  # after which a dump that is not asked for is given up
_ROWS_AT_ONCE = 8  # with all they may hold below 100 KB each
_PAGE_BYTES = 150_000  # after which a page ends; NATS takes messages of 1 MB
_encoder = msgspec.json.Encoder()


class RowDumps:
    """The dumps of this replica. An async context manager: its end gives them up."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._dumps: dict[str, _Dump] = {}
        self._decoder = msgspec.json.Decoder(q.RowsQuery)

    async def __aenter__(self) -> "RowDumps":
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for name in list(self._dumps):
            await self._end(name)

    async def rows(self, data: bytes) -> bytes:
        """`RowsQuery` → `RowsPage`.

        Raises:
            QueryRefused: 404: another replica has the dump, or it was given up. 429: there are too many.
                503: Postgres is away.
        """
        try:
            query = self._decoder.decode(data)
        except MALFORMED as error:
            raise QueryRefused(400, f"The query cannot be read: {error}.") from error
        try:
            return await self._page(query)
        except TROUBLES as error:
            await self._end(query.dump)
            raise QueryRefused(503, f"The rows cannot be read: {describe(error)}.") from error

    async def _page(self, query: q.RowsQuery) -> bytes:
        if not query.dump:
            return _encoder.encode(await self._begin())
        dump = self._dumps.get(query.dump)
        if dump is None:
            raise QueryRefused(404, "This replica has no such dump.")
        if query.is_over:
            await self._end(query.dump)
            return _encoder.encode(q.RowsPage(dump=query.dump, version=dump.version, tables=_TABLES))
        if query.table not in _TABLES:
            raise QueryRefused(400, f"There is no table {query.table[:50]!r}.")
        return await dump.page(query)

    async def _begin(self) -> q.RowsPage:
        if len(self._dumps) >= _MOST_DUMPS:
            raise QueryRefused(429, "Two backups read the rows already; try again when one has ended.")
        name = secrets.token_hex(8)
        stack = AsyncExitStack()
        connection = await stack.enter_async_context(open_snapshot(self._database_url, "backup"))
        try:
            version = await connection.scalar(text("SELECT version_num FROM alembic_version"))
        except BaseException:
            await stack.aclose()
            raise
        dump = _Dump(name, str(version), connection, stack)
        self._dumps[name] = dump
        dump.watch = asyncio.create_task(self._end_when_idle(dump), name="end of an idle dump")
        return q.RowsPage(dump=name, version=str(version), tables=_TABLES)

    async def _end_when_idle(self, dump: "_Dump") -> None:
        loop = asyncio.get_running_loop()
        while (left := dump.used_at + _IDLE_SECONDS - loop.time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)
        dump.watch = None
        await self._end(dump.name)

    async def _end(self, name: str) -> None:
        dump = self._dumps.pop(name, None)
        if dump is not None:
            await dump.close()


class _Dump:
    """One moment: a transaction, and the cursor of the table that is read."""

    def __init__(self, name: str, version: str, connection: AsyncConnection, stack: AsyncExitStack) -> None:
        self.name = name
        self.version = version
        self.watch: asyncio.Task[None] | None = None
        self.used_at = asyncio.get_running_loop().time()
        self._connection = connection
        self._stack = stack
        self._lock = asyncio.Lock()
        self._table = ""
        self._last = (0, b"")

    async def page(self, query: q.RowsQuery) -> bytes:
        """The next page, or the last one again: its answer may have been lost."""
        async with self._lock:
            self.used_at = asyncio.get_running_loop().time()
            number, page = self._last
            if query.page == number:
                return page
            if query.page != number + 1:
                raise QueryRefused(400, f"Page {number + 1} is the next one, not {query.page}.")
            if query.table != self._table:
                await self._connection.execute(text("CLOSE ALL"))
                await self._connection.execute(
                    text(
                        "DECLARE backup NO SCROLL CURSOR FOR "
                        f"SELECT row_to_json(t)::text FROM {query.table} t"  # one of our tables
                    )
                )
                self._table = query.table
            found = _encoder.encode(
                q.RowsPage(dump=self.name, version=self.version, tables=_TABLES, rows=await self._fetch())
            )
            self._last = query.page, found
            return found

    async def close(self) -> None:
        """Give the connection back."""
        if self.watch is not None:
            self.watch.cancel()
        async with self._lock:
            await self._stack.aclose()

    async def _fetch(self) -> list[msgspec.Raw]:
        rows: list[msgspec.Raw] = []
        size = 0
        while size < _PAGE_BYTES:
            found = list(await self._connection.scalars(text(f"FETCH {_ROWS_AT_ONCE} FROM backup")))
            rows += [msgspec.Raw(row.encode()) for row in found]
            size += sum(map(len, found))
            if len(found) < _ROWS_AT_ONCE:
                break
        return rows
