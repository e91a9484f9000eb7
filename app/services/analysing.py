"""Analyses on request: read the trials, ask the analyst, keep the answer while it holds.

An answer holds for one sequence number of the study. While trials pour in, an answer that took long stays good for
several times as long, so that open dashboards never keep the analyst busy for more than a sixth of its time; it says
for which sequence number it holds.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

import structlog

from app.analysis.series import MOST_CURVES, curves_wanted
from app.services.analysis_pool import AnalysisFailed, AnalysisLate
from app.services.columns import columns_json
from app.services.principal import Principal
from app.services.reading import find_study
from app.storage import reader, trial_history
from app.storage.database import Database
from app.storage.domain import definition_from
from app.storage.rows import StudyRow
from studyhall.errors import FieldError, InvalidInput, Unavailable
from studyhall.study import StudyDefinition

log = structlog.get_logger(__name__)

MOST_READ: Final = 20_000
"""Trials that an analysis reads; `parallel` reads as many as are asked for."""
KEPT_BYTES: Final = 64 << 20
METHODS: Final = {
    **dict.fromkeys(("importance", "operators"), ("ped_anova", "fanova")),
    **dict.fromkeys(("partial_dependence", "contour", "ablation"), ("model", "forest")),
}
"""Of the analyses that have several."""
MODELLED: Final = frozenset({"health", *(kind for kind, methods in METHODS.items() if "model" in methods)})
"""Analyses that ask the engine's own model."""
MOST_STOPPED: Final = 1000
MOST_WHOLE: Final = 200
"""So many of the latest trials teach it what becomes of those that are stopped; it hardly sees more."""
GOOD_FOR: Final = 5.0
"""How many times the time that it took to make an answer is good for."""


class Analyst(Protocol):
    """Whoever computes; `analysis_pool.AnalysisPool` is one."""

    async def prepare(self) -> None: ...

    async def analyse(self, question: bytes) -> bytes: ...

    async def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, as somebody asks it."""

    kind: str
    options: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Two questions with one key have one answer."""
        return json.dumps([self.kind, dict(self.options)], sort_keys=True)


@dataclass(frozen=True, slots=True)
class _Kept:
    sequence: int
    body: bytes
    good_until: float


class Analysing:
    """The answers of one server process."""

    def __init__(
        self, database: Database, analyst: Analyst, *, clock: Callable[[], float], monotonic: Callable[[], float]
    ) -> None:
        self._database = database
        self._analyst = analyst
        self._clock = clock
        self._monotonic = monotonic
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._asking: dict[tuple[str, str], asyncio.Task[_Kept]] = {}

    async def close(self) -> None:
        """Ends the analyst."""
        await self._analyst.stop()

    async def analyse(self, principal: Principal, name: str, asked: Asked) -> tuple[bytes, int]:
        """The JSON of an answer, and the sequence number it holds for.

        Raises:
            NotFound: there is no such study.
            InvalidInput: the study has no such objective or parameter.
            Unavailable: the analyst failed, or took too long.
        """
        study = await self._database.read(partial(find_study, principal=principal, name=name))
        _check(definition_from(study.definition), asked)
        place = (study.id, asked.key)
        kept = self._kept.get(place)
        if kept is None or (kept.sequence != study.sequence and self._monotonic() >= kept.good_until):
            task = self._asking.get(place)
            if task is None:
                task = self._asking[place] = asyncio.create_task(self._ask(study, asked), name=f"analyse {asked.kind}")
                task.add_done_callback(lambda _: self._asking.pop(place, None))
            kept = await asyncio.shield(task)
            self._keep(place, kept)
        return kept.body, kept.sequence

    async def _ask(self, study: StudyRow, asked: Asked) -> _Kept:
        began = self._monotonic()
        await self._analyst.prepare()
        question, sequence = await self._database.read(
            partial(read_question, study_id=study.id, asked=asked, now=self._clock())
        )
        try:
            body = await self._analyst.analyse(question)
        except (AnalysisLate, AnalysisFailed) as error:
            log.warning("analysis_failed", study=study.id, kind=asked.kind, error=str(error))
            raise Unavailable(f"the analysis '{asked.kind}' could not be made: {error}; ask again later") from None
        took = self._monotonic() - began
        return _Kept(sequence, body, self._monotonic() + GOOD_FOR * took)

    def _keep(self, place: tuple[str, str], kept: _Kept) -> None:
        self._kept[place] = kept
        self._kept.move_to_end(place)
        while len(self._kept) > 1 and sum(len(each.body) for each in self._kept.values()) > KEPT_BYTES:
            self._kept.popitem(last=False)


def read_question(connection: reader.Connection, *, study_id: str, asked: Asked, now: float) -> tuple[bytes, int]:
    """What the analyst is asked, as JSON, and the sequence number of what was read."""
    study = reader.study_by_id(connection, study_id)
    if study is None:
        raise Unavailable("the study was deleted meanwhile")
    definition = definition_from(study.definition)
    most = max(MOST_READ, asked.options["max_points"]) if asked.kind == "parallel" else MOST_READ
    trials = trial_history.analysed_trials(connection, study.id, most=most, total=max(1, study.next_number))
    is_whole = study.next_number <= most
    told = {
        "kind": json.dumps(asked.kind),
        "options": json.dumps(dict(asked.options)),
        "head": json.dumps({"study": study.id, "sequence": study.sequence}),
        "space": definition.space.model_dump_json(exclude_unset=True),
        "objectives": json.dumps([o.model_dump(mode="json") for o in definition.objectives]),
        "constraints": json.dumps(definition.constraints),
        "total": json.dumps(len(trials["number"]) if is_whole else study.next_number - study.waiting),
        "now": json.dumps(now),
        "study": json.dumps(_facts(study, definition)),
        "trials": columns_json(trials),
        "attempts": json.dumps(_attempts(connection, study, asked)),
        "curves": json.dumps(_curves(connection, study, definition, asked, trials)),
    }
    return ("{" + ",".join(f'"{name}":{value}' for name, value in told.items()) + "}").encode(), study.sequence


def _check(definition: StudyDefinition, asked: Asked) -> None:
    metrics = [objective.metric for objective in definition.objectives]
    faults = []
    method, methods = asked.options["method"], METHODS.get(asked.kind)
    if method is not None and methods is not None and method not in methods:
        faults.append(FieldError("/query/method", f"is not a method of '{asked.kind}'; it has: {', '.join(methods)}"))
    if asked.options["objective"] not in (None, *metrics):
        faults.append(
            FieldError("/query/objective", f"is not an objective of this study; it has: {', '.join(metrics)}")
        )
    unknown = [name for name in asked.options["parameters"] if name not in definition.space.by_name]
    if unknown:
        faults.append(FieldError("/query/parameters", f"not in this study's space: {', '.join(unknown[:5])}"))
    if faults:
        raise InvalidInput(errors=faults)


def _facts(study: StudyRow, definition: StudyDefinition) -> dict[str, Any]:
    return {
        "state": study.state,
        "space_version": study.space_version,
        "max_trials": study.max_trials,
        "algorithm": definition.algorithm.name,
        "stopping": definition.stopping.rule,
    }


def _attempts(connection: reader.Connection, study: StudyRow, asked: Asked) -> dict[str, list[Any]]:
    if asked.kind != "timeline":
        return {}
    return trial_history.last_attempts(connection, study.id, most=asked.options["max_points"])


def _curves(
    connection: reader.Connection,
    study: StudyRow,
    definition: StudyDefinition,
    asked: Asked,
    trials: Mapping[str, list[Any]],
) -> dict[str, list[Any]]:
    """(number, step, value) of the trials asked about, or worth showing, and of those that teach a model."""
    metric = asked.options["objective"] or definition.objectives[0].metric
    points = _stops(trials, metric) if asked.kind in MODELLED else {}
    numbers: set[int] = set()
    if asked.kind in ("curves", "health"):
        numbers.update(asked.options["trials"] or _worth_showing(connection, study, definition))
    if points:  # how the courses of others went on tells where these would have ended
        whole = [
            number for number, state in zip(trials["number"], trials["state"], strict=True) if state == "completed"
        ]
        numbers.update(whole[-MOST_WHOLE:])
    for number, steps in reader.curves_of(connection, study.id, sorted(numbers)).items():
        told = [(step, json.loads(metrics)) for step, metrics in steps]
        course = [(step, metrics[metric]) for step, metrics in told if metric in metrics]
        every = -(-len(course) // 200)
        points[number] = [*course[::every], *course[-1:]] if every > 1 else course
    rows = [(number, step, value) for number, course in sorted(points.items()) for step, value in course]
    return {name: [row[i] for row in rows] for i, name in enumerate(("number", "step", "value"))}


def _worth_showing(connection: reader.Connection, study: StudyRow, definition: StudyDefinition) -> list[int]:
    return curves_wanted(
        trial_history.value_history(connection, study.id),
        trial_history.running_numbers(connection, study.id),
        definition.objectives[0].goal,
        trial_history.front_numbers(connection, study.id, most=MOST_CURVES),
    )


def _stops(trials: Mapping[str, list[Any]], metric: str) -> dict[int, list[tuple[int, float]]]:
    """The (step, value) at which trials were stopped early, by number; of the latest ones."""
    rows = zip(trials["number"], trials["state"], trials["step"], trials["metrics"], strict=True)
    stopped = [(number, step, metrics) for number, state, step, metrics in rows if state == "pruned" and metrics]
    told = [(number, step, json.loads(metrics)) for number, step, metrics in stopped[-MOST_STOPPED:]]
    return {number: [(step, at[metric])] for number, step, at in told if step is not None and metric in at}
