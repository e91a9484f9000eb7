"""What attempts print: kept piece by piece while they run, and read as far as it is there."""

from app.services.claiming import token_hash
from app.services.lookup import trial_of
from app.services.principal import Principal
from app.services.reading import find_trial
from app.storage import output
from app.storage.reader import Connection
from app.storage.rows import LogRow, TrialRow
from app.storage.transaction import Transaction
from studyhall.errors import StaleLease
from studyhall.trial import TrialState
from studyhall.wire.outputs import Log, LogKept, SendLog

MOST_CHARACTERS = 1 << 20
"""Of one attempt's log; its worker keeps more of it in a file."""
PIECES_AT_ONCE = 8
_CUT = "\n… the server keeps no more of this log; the rest is with the worker …\n"


def keep_log(tx: Transaction, principal: Principal, trial_id: str, told: SendLog) -> LogKept:
    """Keeps a piece; what is there already is skipped, and a piece with a gap before it is not taken.

    Also after the end of the attempt, as long as nobody has claimed the trial again: last words come last.

    Raises:
        StaleLease: the attempt does not hold the trial any more.
    """
    _study, trial = trial_of(tx, principal, trial_id)
    check_latest(trial, told.attempt, told.token)
    kept = tx.logged(trial)
    if kept >= MOST_CHARACTERS:
        return LogKept.model_construct(next=kept, full=True)
    text = told.text[kept - told.start :] if told.start <= kept else ""
    if text:
        room = MOST_CHARACTERS - kept
        text = text if len(text) < room else text[: room - 1] + _CUT
        tx.add_log(LogRow(trial.id, trial.attempt, kept, kept + len(text), text))
    return LogKept.model_construct(next=kept + len(text), full=kept + len(text) >= MOST_CHARACTERS)


def check_latest(trial: TrialRow, attempt: int, token: str) -> None:
    """Refuses whoever is not the last one to have held a trial.

    Raises:
        StaleLease: another attempt has begun, or this one has given the trial back.
    """
    if trial.attempt != attempt or trial.token != token_hash(token):
        raise StaleLease


def read_log(connection: Connection, *, principal: Principal, trial_id: str, attempt: int | None, after: int) -> Log:
    """A part of the log of an attempt, by default the latest.

    Raises:
        NotFound: there is no such trial.
    """
    trial = find_trial(connection, principal, trial_id)
    attempt = trial.attempt if attempt is None else attempt
    text = output.log_after(connection, trial.id, attempt, after, pieces=PIECES_AT_ONCE)
    to_come = (TrialState.RUNNING,) if trial.attempt else (TrialState.RUNNING, TrialState.WAITING)
    ended = attempt != trial.attempt or trial.state not in to_come
    return Log.model_construct(attempt=attempt, text=text, next=after + len(text), ended=ended)
