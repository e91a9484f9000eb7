"""The statements of a transaction, compiled once."""

from typing import Any, Final

from sqlalchemy import Table, and_, any_, bindparam, func, null, or_, select, text, union

from app.storage import tables
from app.storage.statement import Statement, among, array, insert

MOST_COURSES: Final = 200
"""So many completed trials tell where a level leads."""


def _select(table: Table) -> Any:
    return select(*table.columns)


_T, _S, _A = tables.trials.c, tables.studies.c, tables.attempts.c
OF_PROJECT: Final = _S.project + "" == bindparam("project")
"""A trial's study is of a project; by no index, so that SQLite begins with the leases' and not with all its trials."""
_EACH: Final = func.unnest(array("tokens", _T.token)).alias("each")

STUDIES: Final = Statement(_select(tables.studies).where(among(_S.id, "ids")).order_by(_S.id).with_for_update())
TOUCHED_STUDIES: Final = Statement(  # PostgreSQL's; in one go, and in one order, because each is locked
    _select(tables.studies)
    .where(
        _S.id
        == any_(
            func.array(
                union(
                    select(func.unnest(array("ids", _S.id))),
                    select(_T.study_id).where(among(_T.id, "trials")),
                    select(_T.study_id).where(among(_T.token, "tokens")),
                ).scalar_subquery()
            )
        )
    )
    .order_by(_S.id)
    .with_for_update()
)
STUDY_NAMED: Final = Statement(
    _select(tables.studies).where(_S.project == bindparam("project"), _S.name == bindparam("name")).with_for_update()
)
LOCK_TOKENS: Final = Statement(  # PostgreSQL's; until the end of the transaction
    select(func.pg_advisory_xact_lock(func.hashtextextended(_EACH.column, 0))).select_from(_EACH)
)
TRIALS: Final = Statement(_select(tables.trials).where(among(_T.id, "ids")))
TRIALS_OF_TOKENS: Final = Statement(_select(tables.trials).where(among(_T.token, "tokens")))
ATTEMPTS_OF_TRIALS: Final = Statement(
    _select(tables.attempts)
    .join(tables.trials, and_(_T.id == _A.trial_id, _T.attempt == _A.attempt))
    .where(among(_T.id, "ids"))
)
WORKERS_OF_TRIALS: Final = Statement(
    _select(tables.workers)
    .distinct()
    .select_from(tables.trials)
    .join(tables.studies, _S.id == _T.study_id)
    .join(tables.workers, and_(tables.workers.c.project == _S.project, tables.workers.c.name == _T.worker))
    .where(among(_T.id, "ids"))
)
WAITING: Final = Statement(
    _select(tables.trials)
    .where(
        _T.study_id == bindparam("study_id"),
        _T.state == "waiting",
        or_(_T.not_before.is_(None), _T.not_before <= bindparam("now")),
    )
    .order_by(_T.number)
    .limit(bindparam("limit"))
)
NUMBERED: Final = Statement(
    _select(tables.trials).where(_T.study_id == bindparam("study_id"), _T.number == bindparam("number"))
)
ALL_WAITING: Final = Statement(
    _select(tables.trials).where(_T.study_id == bindparam("study_id"), _T.state == "waiting").order_by(_T.number)
)
RUNNING: Final = Statement(
    _select(tables.trials)
    .where(_T.state == "running", _T.expires_at > 0, _T.study_id + "" == bindparam("study_id"))
    .order_by(_T.number)
)
FRONT: Final = Statement(select(_T.id, _T.metrics).where(_T.study_id == bindparam("study_id"), _T.on_front))
_VALUED: Final = select(_T.id, _T.number, _T.value).where(_T.study_id == bindparam("study_id"), _T.value.is_not(None))
LEAST: Final = Statement(_VALUED.order_by(_T.value, _T.number).limit(1))
GREATEST: Final = Statement(_VALUED.order_by(_T.value.desc(), _T.number).limit(1))
RESULTS: Final = Statement(
    select(_T.id, _T.metrics).where(
        _T.study_id == bindparam("study_id"),
        _T.state == "completed",
        _T.excluded.is_(False),
        _T.metrics.is_not(None),
    )
)
TWIN: Final = Statement(
    _select(tables.trials)
    .where(
        _T.study_id == bindparam("study_id"),
        _T.identity == bindparam("identity"),
        _T.state == "completed",
        _T.excluded.is_(False),
    )
    .order_by(_T.number)
    .limit(1)
)
EXPIRED: Final = Statement(
    select(_T.id, _T.study_id)
    .where(_T.state == "running", _T.expires_at < bindparam("now"), _T.lease_s <= bindparam("up_s"))
    .order_by(_T.expires_at, _T.number)
    .limit(bindparam("limit"))
)
CLAIMABLE: Final = Statement(
    select(_S.id, _S.definition, _S.turn)
    .where(
        _S.project == bindparam("project"),
        _S.claimable,
        _S.state == "active",
        or_(_S.parallelism.is_(None), _S.running < _S.parallelism),
        or_(_S.waiting > 0, and_(_S.exhausted.is_(False), or_(_S.max_trials.is_(None), _S.created < _S.max_trials))),
    )
    .order_by(_S.running // _S.priority, _S.turn, _S.created_at)
    .limit(1000)
)
OPEN: Final = Statement(
    select(_S.id, _S.definition, _S.running + _S.waiting)
    .where(or_(_S.state == "active", _S.state == "paused", _S.state == "stopping"))
    .order_by(_S.id)
)
MEASURED: Final = Statement(
    select(*tables.measurements.columns).where(
        tables.measurements.c.trial_id == bindparam("trial_id"),
        tables.measurements.c.attempt == bindparam("attempt"),
        among(tables.measurements.c.step, "steps"),
    )
)
LOGGED: Final = Statement(
    select(func.max(tables.logs.c.until)).where(
        tables.logs.c.trial_id == bindparam("trial_id"), tables.logs.c.attempt == bindparam("attempt")
    )
)
ARTIFACT: Final = Statement(
    select(*tables.artifacts.columns).where(
        tables.artifacts.c.trial_id == bindparam("trial_id"),
        tables.artifacts.c.attempt == bindparam("attempt"),
        tables.artifacts.c.name == bindparam("name"),
    )
)
KEPT_BYTES: Final = Statement(
    select(func.coalesce(func.sum(tables.artifacts.c.size), 0)).where(
        tables.artifacts.c.trial_id == bindparam("trial_id")
    )
)
LAST_MEASURED: Final = Statement(
    select(*tables.measurements.columns)
    .where(
        tables.measurements.c.trial_id == bindparam("trial_id"), tables.measurements.c.attempt == bindparam("attempt")
    )
    .order_by(tables.measurements.c.step.desc())
    .limit(1)
)
ATTEMPT: Final = Statement(
    select(*tables.attempts.columns).where(
        tables.attempts.c.trial_id == bindparam("trial_id"), tables.attempts.c.attempt == bindparam("attempt")
    )
)
_AT_LEVEL: Final = (
    select(tables.levels.c.point, _T.id)
    .join(tables.trials, _T.id == tables.levels.c.trial_id)
    .where(
        tables.levels.c.study_id == bindparam("study_id"),
        tables.levels.c.level == bindparam("level"),
        _T.excluded.is_(False),
    )
    .order_by(_T.number)
)
COURSES_FROM: Final = Statement(
    select(tables.levels.c.point, tables.trials.c.metrics, tables.trials.c.step)
    .join(tables.trials, tables.trials.c.id == tables.levels.c.trial_id)
    .where(
        tables.levels.c.study_id == bindparam("study_id"),
        tables.levels.c.level == bindparam("level"),
        tables.trials.c.state == "completed",
        tables.trials.c.excluded.is_(False),
    )
    .order_by(tables.trials.c.number.desc())
    .limit(MOST_COURSES)
)
POINTS_AT: Final = Statement(
    select(tables.levels.c.point).where(
        tables.levels.c.study_id == bindparam("study_id"),
        tables.levels.c.level == bindparam("level"),
        tables.levels.c.trial_id != bindparam("but"),
    )
)
STOPPED_AT: Final = Statement(
    _AT_LEVEL.where(
        _T.state == "pruned", _T.level == bindparam("level"), _T.checkpoint >= _T.level, _T.continued_by.is_(None)
    )
)
SAVED_AT: Final = Statement(_AT_LEVEL.where(_T.state == "running", _T.checkpoint >= bindparam("since")))
PASS_LEVELS: Final = Statement(
    tables.levels.update()
    .where(tables.levels.c.study_id == bindparam("of_study"), tables.levels.c.trial_id == bindparam("from_trial"))
    .values(trial_id=bindparam("to_trial"))
)
LEAVE_LEVELS: Final = Statement(
    tables.levels.delete().where(
        tables.levels.c.study_id == bindparam("study_id"), tables.levels.c.trial_id == bindparam("trial_id")
    )
)
WORKER: Final = Statement(
    _select(tables.workers).where(
        tables.workers.c.project == bindparam("project"), tables.workers.c.name == bindparam("name")
    )
)
WORKERS: Final = Statement(
    _select(tables.workers).where(among(tables.workers.c.project, "projects"), among(tables.workers.c.name, "names"))
)
OTHERS_SUCCEED: Final = Statement(
    select(tables.workers.c.name)
    .where(
        tables.workers.c.project == bindparam("project"),
        tables.workers.c.name != bindparam("name"),
        tables.workers.c.last_seen_at >= bindparam("since"),
        tables.workers.c.completed > 0,
        tables.workers.c.streak == 0,
    )
    .limit(1)
)
HELD_BY: Final = Statement(
    select(func.count())
    .select_from(tables.trials.join(tables.studies, _S.id == _T.study_id))
    .where(_T.state == "running", _T.expires_at > 0, _T.worker == bindparam("name"), OF_PROJECT)
)
RUNNING_SECONDS: Final = Statement(  # by the leases' index: a study may have very many trials that have ended
    select(func.coalesce(func.sum(bindparam("now") - _A.started_at), 0.0))
    .select_from(tables.trials.join(tables.attempts, and_(_A.trial_id == _T.id, _A.attempt == _T.attempt)))
    .where(_T.state == "running", _T.expires_at > 0, _T.study_id + "" == bindparam("study_id"))
)
HELD_BY_QUARANTINED: Final = Statement(
    select(_T.id, _T.study_id)
    .join(tables.studies, _S.id == _T.study_id)
    .join(tables.workers, and_(tables.workers.c.name == _T.worker, tables.workers.c.project == _S.project))
    .where(_T.state == "running", _T.expires_at > 0, tables.workers.c.state == "quarantined")  # by the leases' index
    .limit(bindparam("limit"))
)
KEY: Final = Statement(_select(tables.keys).where(tables.keys.c.id == bindparam("id")))
KEYS: Final = Statement(_select(tables.keys).order_by(tables.keys.c.created_at))
USE_KEY: Final = Statement(
    tables.keys.update().where(tables.keys.c.id == bindparam("key_id")).values(last_used_at=bindparam("now"))
)
ANSWER: Final = Statement(
    _select(tables.answers).where(
        tables.answers.c.key_id == bindparam("key_id"),
        tables.answers.c.route == bindparam("route"),
        tables.answers.c.idempotency_key == bindparam("idempotency_key"),
    )
)
SILENT_WORKERS: Final = Statement(
    tables.workers.delete().where(
        tables.workers.c.last_seen_at < bindparam("before"), tables.workers.c.state != "quarantined"
    )
)
OLD_ANSWERS: Final = Statement(tables.answers.delete().where(tables.answers.c.at < bindparam("before")))
FORGET_OUTPUTS: Final = {
    table.name: Statement(table.delete().where(table.c.trial_id == bindparam("trial_id")))
    for table in (tables.artifacts, tables.logs)
}
DELETE_STUDY: Final = Statement(tables.studies.delete().where(_S.id == bindparam("id")))
NOTIFY: Final = Statement(select(func.pg_notify("studyhall", bindparam("payload"))))
NOW: Final = Statement(text("SELECT extract(epoch FROM clock_timestamp())"))  # PostgreSQL's
RENEW_LEASES: Final = Statement(
    tables.trials.update().where(_T.state == "running").values(expires_at=_T.lease_s + bindparam("now"))
)
END_PAUSES: Final = Statement(
    tables.trials.update().where(_T.state == "waiting", _T.not_before.is_not(None)).values(not_before=null())
)
AUDIT: Final = insert(tables.audit)
