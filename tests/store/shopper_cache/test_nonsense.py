"""Something else listens on the server's port, or a server has gone mad: no answer of it is believed, none raises."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import hiredis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.shopper_cache.on_redis import RedisCache
from tests.store.shopper_cache.subjects import HISTORY, run

EPOCH = b"e" * 16
VERSION = EPOCH + b"v" * 16

Reply = Callable[[list[bytes]], bytes]
"""What a server says to a command."""


def bulk(*values: bytes) -> bytes:
    return b"".join(b"$%d\r\n%b\r\n" % (len(value), value) for value in values)


def sane(command: list[bytes]) -> bytes:
    """What a server says that has nothing to complain of; its epoch is never raised."""
    name = command[0].upper()
    if name == b"EVAL":
        return b"+OK\r\n" if b"epoch" in command[3] else b"*1\r\n$-1\r\n"
    known = {
        b"INFO": bulk(b"# Server\r\nrun_id:" + b"a" * 40 + b"\r\n"),
        b"PING": b"+PONG\r\n",
        b"GET": bulk(EPOCH),
        b"HMGET": b"*3\r\n$-1\r\n" + bulk(VERSION, VERSION + b"answer"),
        b"DEL": b":1\r\n",
    }
    return known.get(name, b"+OK\r\n")


@asynccontextmanager
async def listening(reply: Reply) -> AsyncIterator[int]:
    """A server that reads commands and says what `reply` says; gives its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        commands = hiredis.Reader()
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                commands.feed(data)
                while isinstance(command := commands.gets(), list):
                    writer.write(reply(command))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def cache_on(reply: Reply) -> AsyncIterator[RedisCache]:
    async with listening(reply) as port:
        cache = RedisCache(f"redis://:secret@127.0.0.1:{port}/0", patience_seconds=0.1, probe_seconds=0.1)
        await cache.start()
        yield cache
        await cache.close()


async def assert_harmless(cache: RedisCache) -> None:
    """Do all that can be done; nothing raises, and nothing comes of it."""
    found = await cache.look("u:1", ["home"], HISTORY)
    assert found.answers == (None,)
    await cache.keep_history("u:1", VERSION, HISTORY, b"h")
    await cache.keep_answer("u:1", VERSION, "home", b"a")
    changes = await cache.begin_change(["u:1", "u:2"])
    assert set(changes) == {"u:1", "u:2"}
    await cache.end_change(changes, {"u:1": {HISTORY: b"h"}})
    await cache.forget("u:1")
    assert (await cache.look("u:1", ["home"], HISTORY)).answers == (None,)


def test_a_server_that_makes_sense_is_believed() -> None:
    async def story() -> None:
        async with cache_on(sane) as cache:
            assert cache.state == "connected"
            assert (await cache.look("u:1", ["home"], HISTORY)).answers == (b"answer",)

    run(story())


NONSENSE = [
    b"+OK\r\n",
    b"+PONG\r\n",
    b":7\r\n",
    b"$-1\r\n",
    b"$0\r\n\r\n",
    b"*-1\r\n",
    b"*0\r\n",
    b"*2\r\n:1\r\n*1\r\n$-1\r\n",
    b"*3\r\n:1\r\n:2\r\n:3\r\n",
    b"*3\r\n-ERR one\r\n-ERR two\r\n-ERR three\r\n",
    b"-ERR unknown command, with args beginning with: 'secret'\r\n",
    b"-WRONGTYPE of value\r\n",
    b"-MOVED 3999 127.0.0.1:1\r\n",
    b"-LOADING the dataset\r\n",
    b"-READONLY replica\r\n",
    b"-NOSCRIPT none\r\n",
    b"-\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\xff\xfe\x00\r\n",
    b"$999999999999\r\nx",
    b"*999999999999\r\n",
    b":99999999999999999999999\r\n",
    b"%1\r\n+a\r\n+b\r\n",
    b"",
    b"+OK\r\n+OK\r\n+OK\r\n",
    b"*3\r\n$-1\r\n" + bulk(VERSION[:-1], VERSION + b"answer"),
    b"*3\r\n$-1\r\n" + bulk(b"x" * 32, b"x" * 32 + b"answer"),
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=range(len(NONSENSE)))
def test_one_who_answers_everything_with_nonsense_is_away(nonsense: bytes) -> None:
    async def story() -> None:
        async with cache_on(lambda _: nonsense) as cache:
            assert cache.state == "away"
            assert "secret" not in str(cache.why_away)
            await assert_harmless(cache)

    run(story())


@pytest.mark.parametrize("nonsense", NONSENSE, ids=range(len(NONSENSE)))
@pytest.mark.parametrize("command", [b"GET", b"HMGET", b"EVAL", b"DEL"])
def test_one_who_answers_one_kind_of_question_with_nonsense_harms_nobody(command: bytes, nonsense: bytes) -> None:
    async def story() -> None:
        def reply(asked: list[bytes]) -> bytes:
            # The shopper's hash is then one without an answer, but for the command under test.
            if asked[0].upper() == command:
                return nonsense
            return b"*3\r\n$-1\r\n$-1\r\n$-1\r\n" if asked[0].upper() == b"HMGET" else sane(asked)

        async with cache_on(reply) as cache:
            await assert_harmless(cache)
            assert "secret" not in str(cache.why_away)

    run(story())


@settings(max_examples=40)
@given(st.lists(st.binary(max_size=40) | st.sampled_from(NONSENSE), min_size=1, max_size=4))
def test_any_bytes_at_all_raise_nothing(replies: list[bytes]) -> None:
    async def story() -> None:
        n_asked = 0

        def reply(_: list[bytes]) -> bytes:
            nonlocal n_asked
            n_asked += 1
            return replies[n_asked % len(replies)]

        async with cache_on(reply) as cache:
            await assert_harmless(cache)

    run(story())


def test_one_who_hangs_up_at_once_is_away() -> None:
    async def story() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        cache = RedisCache(f"redis://127.0.0.1:{port}", patience_seconds=0.1, probe_seconds=0.1)
        await cache.start()
        assert cache.state == "away"
        await assert_harmless(cache)
        await cache.close()
        server.close()

    run(story())


def test_over_tls_nothing_is_said_in_clear() -> None:
    async def story() -> None:
        heard: list[bytes] = []

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.read(100))
            writer.close()

        server = await asyncio.start_server(listen, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        cache = RedisCache(f"rediss://:secret@127.0.0.1:{port}/0", probe_seconds=0.1)
        await cache.start()
        assert cache.state == "away"
        # A TLS record of a handshake.
        assert heard[0][0] == 22
        assert b"secret" not in b"".join(heard)
        await cache.close()
        server.close()

    run(story())
