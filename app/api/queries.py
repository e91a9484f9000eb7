"""What stands in addresses: names and ids in paths, and the queries of lists."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from studyhall.study import StudyState
from studyhall.trial import TrialState
from studyhall.wire.claims import LONGEST_WAIT_S
from studyhall.wire.studies import ExportFormat
from studyhall.words import Count, MetricName, ParameterName, Word, Worded, WorkerName

StudyRef = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.: -]+$", min_length=1, max_length=128)]
"""A study's id or name."""
TrialId = Annotated[
    str,
    StringConstraints(pattern=r"^tr_[A-Za-z0-9]+$", min_length=4, max_length=64),
    Worded("should be its id, which begins with tr_; GET /v1/studies/STUDY/trials?number=NUMBER tells it"),
]
KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z]{8}$")]
WebhookId = Annotated[str, StringConstraints(pattern=r"^wh_[A-Za-z0-9]+$", min_length=4, max_length=64)]

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", min_length=1, max_length=256)]


AtLeast = Annotated[
    Count | None,
    Field(
        description="An answer that holds for this sequence number of the study or a later one will do, though it be "
        "two seconds old: whoever has heard of a change asks so, and shares the work with all others. Absent: as it is "
        "now."
    ),
]


class PageQuery(Word):
    """Which page of a list."""

    limit: Annotated[int, Field(ge=1, le=500, description="The most items of a page.")] = 50
    cursor: Annotated[Text | None, Field(max_length=1024, description="`next_cursor` of the page before.")] = None


class StudiesQuery(PageQuery):
    """Which studies; newest first."""

    state: Annotated[tuple[StudyState, ...], Field(max_length=10, description="Any of these.")] = ()
    name: Annotated[Text | None, Field(description="A part of the name.")] = None
    archived: Annotated[bool, Field(description="Those that are put away, instead of the others.")] = False
    label: Annotated[Text | None, Field(description="`key` or `key=value`.")] = None


class TrialsQuery(PageQuery):
    """Which trials of a study, in which order."""

    state: Annotated[tuple[TrialState, ...], Field(max_length=10, description="Any of these.")] = ()
    label: Annotated[Text | None, Field(description="`key` or `key=value`.")] = None
    worker: Annotated[WorkerName | None, Field(description="Only those of this worker.")] = None
    since: Annotated[Count | None, Field(description="Only those changed after this sequence number.")] = None
    number: Annotated[tuple[Count, ...], Field(max_length=100, description="Only those with these numbers.")] = ()
    sort: Literal["number", "-number", "value", "-value"] = "number"
    fields: Annotated[
        Text | None, Field(description="Only these fields of each trial, by commas; `id` and `number` always.")
    ] = None
    at_least: AtLeast = None


class SummaryQuery(Word):
    """As of when."""

    at_least: AtLeast = None


class ColumnsQuery(Word):
    """Which part of a study's trials, newest first."""

    limit: Annotated[int, Field(ge=1, le=20_000, description="The most trials of an answer.")] = 10_000
    cursor: Annotated[Text | None, Field(max_length=1024, description="`next_cursor` of the answer before.")] = None


class ExportQuery(Word):
    """As what kind of file."""

    format: Annotated[ExportFormat, Field(description="One trial a line as JSON, or a table.")] = "jsonl"


class MeasurementsQuery(PageQuery):
    """Which measurements of a trial."""

    attempt: Annotated[int | None, Field(ge=1, le=1_000_000, description="Only those of this attempt.")] = None


class LogQuery(Word):
    """Which part of a trial's log, and how long to wait for more of it."""

    attempt: Annotated[int | None, Field(ge=1, le=1_000_000, description="By default the latest.")] = None
    after: Annotated[Count, Field(description="How many characters are known already.")] = 0
    wait_s: Annotated[
        float, Field(ge=0, le=LONGEST_WAIT_S, description="How long to wait when there is no more yet.")
    ] = 0.0


class SentArtifactQuery(Word):
    """Whose artifact is sent, and under which name."""

    name: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$",
            max_length=256,
            description="Plain names, by slashes.",
        ),
    ]
    attempt: Annotated[int, Field(ge=1, le=1_000_000)]
    sha256: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$", description="What the content must have.")] = None


class ArtifactQuery(Word):
    """Of which attempt."""

    attempt: Annotated[int | None, Field(ge=1, le=1_000_000, description="By default the latest that has it.")] = None


class EventsQuery(Word):
    """Which events of a study, and how long to wait for one."""

    after: Annotated[Count, Field(description="The sequence number reached so far.")] = 0
    wait_s: Annotated[float, Field(ge=0, le=LONGEST_WAIT_S, description="How long to wait when there is none yet.")] = (
        0.0
    )
    limit: Annotated[int, Field(ge=1, le=500, description="The most events of one answer.")] = 100


class FeedQuery(Word):
    """What is known of a project's studies already, and how long to wait for news."""

    after: Annotated[
        str | None, Field(pattern=r"^[0-9a-f]{16}$", description="`cursor` of the answer before; absent: nothing.")
    ] = None
    wait_s: Annotated[float, Field(ge=0, le=LONGEST_WAIT_S, description="How long to wait when nothing is new.")] = 0.0


class DeleteStudyQuery(Word):
    """How to delete a study."""

    force: Annotated[bool, Field(description="Also while trials are running.")] = False


class AnalysisQuery(Word):
    """What to analyse; every kind has defaults, and reads only what it knows."""

    objective: Annotated[
        MetricName | None, Field(description="A metric of the study's; absent: the first, or all.")
    ] = None
    method: Annotated[
        Literal["ped_anova", "fanova", "model", "forest"] | None,
        Field(
            description="Of `importance` and `operators`: `ped_anova`, or `fanova`. Of `partial_dependence`, `contour` "
            "and `ablation`: `model`, the engine's own, or `forest`. Absent: the first, where it suits the space."
        ),
    ] = None
    parameters: Annotated[
        tuple[ParameterName, ...],
        Field(max_length=50, description="Only these; for `contour` two. Absent: the analysis chooses."),
    ] = ()
    trials: Annotated[
        tuple[Count, ...], Field(max_length=200, description="For `curves`: the numbers of the trials.")
    ] = ()
    max_points: Annotated[int, Field(ge=10, le=200_000, description="The most trials, or points, to tell of.")] = 2000


class CourseQuery(Word):
    """Which course, and how fine a chart may be."""

    objective: Annotated[
        MetricName | None,
        Field(description="A metric of the study's; absent: the first, and of several objectives without the best."),
    ] = None
    max_points: Annotated[int, Field(ge=10, le=5000, description="The most trials to tell of.")] = 2000
