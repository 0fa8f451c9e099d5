"""What to do when a database refuses, in words."""

import sqlite3

from sqlalchemy.exc import DBAPIError

from models.errors import DatabaseError

# By the beginning of SQLite's own name of the error: the extended codes (SQLITE_READONLY_DIRECTORY, ...) begin alike.
_SQLITE_ADVICE = {
    "SQLITE_BUSY": "is locked by another process; let it finish, then run this again",
    "SQLITE_LOCKED": "is locked by another process; let it finish, then run this again",
    "SQLITE_READONLY": "is read-only; check who owns the file and its folder, and their modes",
    "SQLITE_CANTOPEN": "cannot be opened; check who owns the file and its folder, and their modes",
    "SQLITE_PERM": "cannot be opened; check who owns the file and its folder, and their modes",
    "SQLITE_FULL": "has no room left on its disk; make room, then run this again: what was committed is kept",
    "SQLITE_IOERR": "could not be read or written; check its disk",
    "SQLITE_NOTADB": "is not a SQLite database; name another file, or restore a backup with `endcap db restore`",
    "SQLITE_CORRUPT": "is damaged; restore a backup with `endcap db restore`",
}

# By the beginning of the SQLSTATE (PostgreSQL manual, appendix A).
_POSTGRESQL_ADVICE = {
    "42501": "does not permit this; grant the user of ENDCAP_DATABASE_URL its rights",
    "42P01": "lacks a table; run `endcap db upgrade`",
    "53100": "has no room left on its disk; make room, then run this again: what was committed is kept",
    "25006": "is read-only; name the primary server in ENDCAP_DATABASE_URL",
    "55P03": "is locked by another process; let it finish, then run this again",
    "57P": "is shutting down or starting; wait for the server, then run this again",
    "08": "is not answering; start the server, or check ENDCAP_DATABASE_URL",
}


def explain(error: Exception, subject: str) -> DatabaseError:
    """Return the error to raise instead of `error`, which came from a driver; `subject` is what it is about."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    advice = _advice(cause)
    # PostgreSQL's DETAIL holds the values of a row, and this message goes to the log.
    said = getattr(getattr(cause, "diag", None), "message_primary", None) or str(cause)
    detail = " ".join(said.split())
    return DatabaseError(f"{subject} {advice} ({detail})")


def _advice(cause: BaseException) -> str:
    if isinstance(cause, sqlite3.Error):
        return _first(_SQLITE_ADVICE, getattr(cause, "sqlite_errorname", "")) or "refused a statement"
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return _first(_POSTGRESQL_ADVICE, state) or "refused a statement"
    # psycopg gives no SQLSTATE when it could not connect; a server that did answer says FATAL and why.
    if "FATAL:" in str(cause):
        return "refused the connection; check the user, the password and the name in ENDCAP_DATABASE_URL"
    return "is not answering; start the server, or check ENDCAP_DATABASE_URL"


def _first(advice: dict[str, str], code: str) -> str | None:
    return next((words for beginning, words in advice.items() if code.startswith(beginning)), None)
