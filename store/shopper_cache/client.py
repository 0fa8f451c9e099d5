"""The client that speaks to Redis: no retries, no patience of its own, and a look at who answers."""

import re
from collections.abc import Callable

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import InvalidResponse, RedisError

from models.errors import ConfigurationError

FAILURES = (RedisError, OSError, ValueError)
"""What the client raises when a server is away, slow (TimeoutError is an OSError) or talks nonsense."""

_RUN_ID = re.compile(rb"^run_id:([0-9a-f]{40})\r?$", re.MULTILINE)


def connect(url: str, met: Callable[[bytes], None], *, patience_seconds: float) -> Redis:
    """Return a client; it connects when it is first asked, and again when a connection broke.

    met: called with the server's run id on every new connection, before anything is asked there. A server that was
    restarted has another one. Raises ConfigurationError on what is no URL; its message does not repeat the URL, which
    may hold a password.
    """

    async def on_connect(connection: AbstractConnection) -> None:
        await connection.on_connect()
        await connection.send_command("INFO", "server")
        info = await connection.read_response(disable_decoding=True)
        found = _RUN_ID.search(info) if isinstance(info, bytes) else None
        if found is None:
            raise InvalidResponse("the server does not say its run_id")
        met(found[1])

    try:
        pool = ConnectionPool.from_url(url)
        # An option in the URL that means nothing is noticed when a connection is made.
        pool.connection_class(**pool.connection_kwargs)
    except (ValueError, TypeError):
        raise ConfigurationError(
            "ENDCAP_REDIS_URL is no URL of a Redis server; write redis://user:password@host:6379/0, or rediss:// for "
            "TLS, with everything but letters and digits in the user and the password percent-encoded"
        ) from None
    # After the URL, so that nothing in it makes the client wait, try again or decode.
    pool.connection_kwargs.update(
        redis_connect_func=on_connect,
        protocol=2,
        decode_responses=False,
        retry=Retry(NoBackoff(), 0),
        retry_on_timeout=False,
        retry_on_error=[],
        health_check_interval=0,
        # The whole question has a time-out of its own; one around each read would be paid for twice.
        socket_timeout=None,
        socket_connect_timeout=patience_seconds,
    )
    return Redis.from_pool(pool)
