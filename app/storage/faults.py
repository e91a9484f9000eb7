"""What the drivers' errors mean: which are worth another try, and which of ours they become."""

from app.storage.pending import Overtaken
from studyhall.errors import StorageBusy, StorageFull, StorageUnavailable, StudyhallError

_TRANSIENT_STATES = ("40001", "40P01", "08", "57P01", "57P02", "57P03")  # serialization, deadlock, connection, shutdown
_RACED_STATES = ("23503", "23505")
"""Foreign key and unique: another server has deleted what a row belongs to, or made the same one; whoever looks again
finds that."""
_GONE_STATES = ("08", "57P01", "57P02", "57P03")
_UNSYNCED = (1034, 1290)  # SQLITE_IOERR_FSYNC, SQLITE_IOERR_DIR_FSYNC
_BUSY_STATES = ("55P03", "57014")  # lock_timeout, statement_timeout
_FULL_STATES = ("53100",)


class CommitUnanswered(Exception):
    """The connection was lost during the commit; whether it was done is not known."""


def is_transient(error: BaseException) -> bool:
    """Whether running the whole transaction again may succeed."""
    if isinstance(error, Overtaken) or _state(error) in _RACED_STATES:
        return True
    return _state(error).startswith(_TRANSIENT_STATES) or is_disconnect(error)


def is_disconnect(error: BaseException) -> bool:
    """Whether the connection is gone, or never was."""
    if _state(error).startswith(_GONE_STATES):
        return True
    return (
        type(error).__module__.startswith(("psycopg", "sqlalchemy"))
        and type(error).__name__ in ("OperationalError", "AdminShutdown")
        and not _state(error)
    )


def is_unsynced(error: BaseException) -> bool:
    """Whether an fsync of SQLite's has failed."""
    return getattr(error, "sqlite_errorcode", None) in _UNSYNCED


def translate(error: BaseException) -> BaseException:
    """A driver's error as one of Studyhall's; any other error as it is."""
    if isinstance(error, StudyhallError):
        return error
    text = str(error)
    if _state(error) in _FULL_STATES or "database or disk is full" in text or "disk I/O error" in text:
        return _caused(StorageFull(retry_after_s=5), error)
    if isinstance(error, Overtaken) or _state(error) in _BUSY_STATES or "database is locked" in text:
        return _caused(StorageBusy(retry_after_s=1), error)
    if isinstance(error, CommitUnanswered) or _is_unreachable(error):
        return _caused(StorageUnavailable(retry_after_s=1), error)
    return error


def _caused(ours: StudyhallError, error: BaseException) -> StudyhallError:
    ours.__cause__ = error
    return ours


def _state(error: BaseException) -> str:
    return str(getattr(error, "sqlstate", None) or "")


def _is_unreachable(error: BaseException) -> bool:
    # By name: SQLAlchemy wraps the drivers' errors in classes of the same names, and psycopg may not be installed.
    comes_from = type(error).__module__.partition(".")[0]
    return comes_from in ("sqlite3", "psycopg", "psycopg_pool", "sqlalchemy") and any(
        kind.__name__ in ("OperationalError", "InterfaceError", "TimeoutError") for kind in type(error).__mro__
    )
