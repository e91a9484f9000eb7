"""The tables. One naming convention, so that migrations can name every constraint.

Why JSON is stored as text: PostgreSQL's jsonb keeps numbers as decimals and loses -0.0; text survives bit for bit and
costs no parsing inside the database. Why times are doubles (seconds since 1970, UTC): one type on both databases, and
leases are arithmetic.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)


def _study() -> Column[str]:
    return Column("study_id", String(32), ForeignKey("studies.id", ondelete="CASCADE"), nullable=False)


def _trial() -> Column[str]:
    return Column("trial_id", String(32), ForeignKey("trials.id", ondelete="CASCADE"), primary_key=True)


studies = Table(
    "studies",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("name", String(128), nullable=False),
    Column("definition", Text, nullable=False),
    Column("space_version", Integer, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text),
    Column("sequence", BigInteger, nullable=False),
    Column("next_number", Integer, nullable=False),
    Column("created", Integer, nullable=False),  # trials that count against the budget
    Column("max_trials", Integer),
    Column("parallelism", Integer),
    Column("priority", Integer, nullable=False),
    Column("turn", Double, nullable=False),  # how much of the fleet it has had, for `claimable`
    Column("claimable", Boolean, nullable=False),  # has a task: workers may be given its trials unasked
    Column("exhausted", Boolean, nullable=False),  # the engine has nothing left to suggest
    Column("waiting", Integer, nullable=False),
    Column("running", Integer, nullable=False),
    Column("completed", Integer, nullable=False),
    Column("pruned", Integer, nullable=False),
    Column("infeasible", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("cancelled", Integer, nullable=False),
    Column("best_trial", String(32)),
    Column("best_number", Integer),
    Column("best_value", Double),
    Column("expected_improvement", Double),  # of the next trial, as the engine last foretold it
    Column("converging", Integer, nullable=False),  # so many answers in a row have promised less than is worth it
    Column("device_seconds", Double, nullable=False),
    Column("steps", Double, nullable=False, server_default=text("0")),  # that its trials have come, all together
    Column("last_result", BigInteger, nullable=False),  # the sequence number at which a trial last ended
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("archived_at", Double),  # put away since: not in lists, and read-only
    Column("traceparent", String(55)),  # of the request that made it, where that was traced
    UniqueConstraint("project", "name"),
    CheckConstraint("max_trials IS NULL OR created <= max_trials", name="budget"),
    CheckConstraint("waiting >= 0 AND running >= 0", name="counts"),
)
Index("ix_studies_claimable", studies.c.project, studies.c.running,
      sqlite_where=text("claimable = 1 AND state = 'active'"),
      postgresql_where=text("claimable AND state = 'active'"))  # fmt: skip
Index("ix_studies_open", studies.c.state, sqlite_where=text("state IN ('active', 'paused', 'stopping')"),
      postgresql_where=text("state IN ('active', 'paused', 'stopping')"))  # fmt: skip

trials = Table(
    "trials",
    metadata,
    Column("id", String(32), primary_key=True),
    _study(),
    Column("number", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text),
    Column("failure", String(32)),
    Column("parameters", Text, nullable=False),
    Column("metrics", Text),
    Column("value", Double),  # of the only objective: for the best and for sorting
    Column("on_front", Boolean, nullable=False),  # not dominated, for several objectives
    Column("attempt", Integer, nullable=False),
    Column("token", String(64)),  # SHA-256 of the lease's token
    Column("result", String(64)),  # SHA-256 of the accepted result, to tell a resend from a contradiction
    Column("worker", String(128)),
    Column("source", String(16), nullable=False),
    Column("predicted", Text),
    Column("why", Text),
    Column("suggested_at", BigInteger),
    Column("parent", Integer),  # the number of the trial whose weights it starts from
    Column("identity", String(64)),  # the network and all else that it comes to; null: nothing can repeat it
    Column("step", BigInteger),
    Column("points", Integer, nullable=False),  # measurements of the current attempt
    Column("level", BigInteger),  # the last one at which its stopping rule has compared it
    Column("checkpoint", BigInteger),  # the step of the last checkpoint that its worker keeps
    Column("continues", String(32)),  # the trial from whose checkpoint it began
    Column("continued_by", String(32)),  # was stopped, and goes on as that trial
    Column("refused", Integer, nullable=False),  # late results that were not accepted
    Column("stop_requested", Text),
    Column("retry_of", String(32)),
    Column("labels", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("excluded", Boolean, nullable=False),
    Column("counted", Boolean, nullable=False),  # against the budget; imported trials are not
    Column("lost", Integer, nullable=False),  # attempts lost to the infrastructure
    Column("errors", Integer, nullable=False),  # attempts lost to the user's code
    Column("not_before", Double),
    Column("expires_at", Double),
    Column("lease_s", Double),
    Column("sequence", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("finished_at", Double),
    UniqueConstraint("study_id", "number"),
)
Index("ix_trials_study_id_sequence", trials.c.study_id, trials.c.sequence)
Index("ix_trials_waiting", trials.c.study_id, trials.c.number,
      sqlite_where=text("state = 'waiting'"), postgresql_where=text("state = 'waiting'"))  # fmt: skip
Index("ix_trials_expires_at", trials.c.expires_at,
      sqlite_where=text("state = 'running'"), postgresql_where=text("state = 'running'"))  # fmt: skip
Index("ix_trials_token", trials.c.token,
      sqlite_where=text("token IS NOT NULL"), postgresql_where=text("token IS NOT NULL"))  # fmt: skip
Index("ix_trials_value", trials.c.study_id, trials.c.value,
      sqlite_where=text("value IS NOT NULL"), postgresql_where=text("value IS NOT NULL"))  # fmt: skip
Index("ix_trials_identity", trials.c.study_id, trials.c.identity, trials.c.number,
      sqlite_where=text("identity IS NOT NULL"), postgresql_where=text("identity IS NOT NULL"))  # fmt: skip
ENDED_OTHERWISE = trials.c.state.in_(
    [literal_column(f"'{state}'") for state in ("failed", "infeasible", "cancelled", "pruned")]
)
"""Ended without a result that counts: to be found among 100,000 that have one, which pay nothing for it."""
Index("ix_trials_ended_otherwise", trials.c.study_id, trials.c.state, trials.c.number,
      sqlite_where=ENDED_OTHERWISE, postgresql_where=ENDED_OTHERWISE)  # fmt: skip
Index("ix_trials_front", trials.c.study_id, trials.c.on_front, trials.c.number,
      sqlite_where=text("on_front = 1"), postgresql_where=text("on_front"))  # fmt: skip

attempts = Table(
    "attempts",
    metadata,
    _trial(),
    Column("attempt", Integer, primary_key=True),
    Column("worker", String(128), nullable=False),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("outcome", String(16)),
    Column("reason", Text),
    sqlite_with_rowid=False,
)

measurements = Table(
    "measurements",
    metadata,
    _trial(),
    Column("attempt", Integer, primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("metrics", Text, nullable=False),
    Column("elapsed_s", Double),
    sqlite_with_rowid=False,
)

logs = Table(
    "logs",  # what attempts print, in pieces
    metadata,
    _trial(),
    Column("attempt", Integer, primary_key=True),
    Column("start", Integer, primary_key=True),  # in characters from the beginning of the attempt's log
    Column("until", Integer, nullable=False),
    Column("text", Text, nullable=False),
)

artifacts = Table(
    "artifacts",  # files that attempts keep; their content lies beside the database, by its hash
    metadata,
    _trial(),
    Column("attempt", Integer, primary_key=True),
    Column("name", String(256), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
)
Index("ix_artifacts_sha256", artifacts.c.sha256)

levels = Table(
    "levels",  # how trials stood when a stopping rule compared them
    metadata,
    Column("study_id", String(32), ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True),
    Column("level", BigInteger, primary_key=True),
    Column("trial_id", String(32), primary_key=True),
    Column("point", Text, nullable=False),
    sqlite_with_rowid=False,
)

lessons = Table(
    "lessons",  # what earlier studies had found when a study was made that learns from them
    metadata,
    Column("study_id", String(32), ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True),
    Column("earlier", String(128), primary_key=True),  # its name
    Column("trials", Text, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("study_id", String(32), ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("trial_id", String(32)),
    Column("number", Integer),
    Column("at", Double, nullable=False),
    Column("data", Text),
    sqlite_with_rowid=False,
)

workers = Table(
    "workers",
    metadata,
    Column("project", String(64), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("version", String(32), nullable=False),
    Column("host", String(255), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text),
    Column("capabilities", Text, nullable=False),
    Column("trainables", Text, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("machine", Text),  # how busy it said to be
    Column("completed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("streak", Integer, nullable=False),  # failures in a row
    Column("first_seen_at", Double, nullable=False),
    Column("last_seen_at", Double, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("name", String(128), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("study_id", String(32), ForeignKey("studies.id", ondelete="CASCADE")),  # of a guest: the only one it sees
    Column("hash", String(64), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("revoked_at", Double),
    Column("last_used_at", Double),  # to the hour
    Column("taken_until", Double),  # once it was rotated, if that is sooner than it expires
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("study_id", String(32), ForeignKey("studies.id", ondelete="CASCADE")),
    Column("url", Text, nullable=False),
    Column("kinds", Text, nullable=False),
    Column("secret", String(64), nullable=False),  # as it is: deliveries are signed with it
    Column("state", String(16), nullable=False),
    Column("error", Text),
    Column("delivered_at", Double),
    Column("created_at", Double, nullable=False),
)

webhook_cursors = Table(
    "webhook_cursors",  # up to which event each webhook has told of each study
    metadata,
    Column("webhook_id", String(32), ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True),
    Column("study_id", String(32), ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("not_before", Double, nullable=False),
)

schema_floor = Table(
    "schema_floor",  # one row: servers that do not know this revision cannot work with the schema
    metadata,
    Column("revision", String(32), primary_key=True),
)

answers = Table(
    "answers",  # of requests that carried an Idempotency-Key, stored with their effect
    metadata,
    Column("key_id", String(16), primary_key=True),
    Column("route", String(200), primary_key=True),
    Column("idempotency_key", String(255), primary_key=True),
    Column("request", String(64), nullable=False),  # SHA-256 of the body
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("at", Double, nullable=False),
)
Index("ix_answers_at", answers.c.at)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("project", String(64), nullable=False),
    Column("at", Double, nullable=False),
    Column("key_id", String(16), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("data", Text),
)
