"""The SDK's front door.

    from studyhall.client import Client

    client = Client()
    study = client.create_study(
        "parabola",
        space=[{"name": "x", "type": "float", "low": -3, "high": 3}],
        objectives=[{"metric": "y", "goal": "minimize"}],
        budget={"max_trials": 20},
        if_exists="get",
    )
    best = study.optimize(lambda parameters, trial: (parameters["x"] - 1) ** 2)

Values go in as keyword arguments, plain dicts or the models of `studyhall.study` and `studyhall.space`; answers are
those models. Every request is repeated until it is answered (`studyhall.transport`).
"""

import hashlib
import os
import platform
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import httpx2

from studyhall.architecture.network import Network
from studyhall.definition import read_word
from studyhall.errors import Conflict, NotFound, Unavailable
from studyhall.explanation import Explanation
from studyhall.home import find_server
from studyhall.lease_keeper import LeaseKeeper
from studyhall.space import Space
from studyhall.study import Algorithm, Budget, Objective, Retry, Stopping, Study, StudyState, Task, Transfer
from studyhall.study_handle import POLL_S, StudyHandle
from studyhall.transport import PATIENCE_S, Connection, Query, path_of
from studyhall.trial import Attempt, RecordedMeasurement, Trial
from studyhall.webhooks import CreateWebhook, Webhook
from studyhall.wire.fleet import PatchWorker, TrainableInfo, Worker
from studyhall.wire.outputs import Artifact, Log
from studyhall.wire.pages import Page
from studyhall.wire.results import Feed
from studyhall.wire.server import Audited, CreateKey, Health, Key, RotateKey, Scope, ServerInfo
from studyhall.wire.studies import AlgorithmInfo, Ask, CheckedSpace, CheckSpace, CreateStudy, PatchTrial

PIECE_BYTES = 4 << 20
"""How much of an artifact one request brings."""
FOLLOW_S = 20.0
"""How long one request waits for more of a log, in seconds."""

_COMPARED = ("space", "objectives", "constraints", "task", "stopping", "budget")
"""What makes a study that was there already another one than was asked for, where somebody asked for it."""

WorkerState = Literal["online", "draining", "quarantined"]
Written = Mapping[str, Any]
"""A plain dict where a model would do too."""


class Client:
    """A Studyhall server, as its users see it. Threads may share one.

    Args:
        url, key: the server and the key to it; None: from STUDYHALL_URL and STUDYHALL_KEY or STUDYHALL_KEY_FILE, else
            what `studyhall up` remembered in ~/.studyhall/client.json.
        transport: any httpx2 transport, an in-process one in tests.
        patience_s: for how long a request is repeated while the server is away, in seconds.
        worker: the name under which this process asks for trials; None: the machine and the process.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        transport: httpx2.BaseTransport | None = None,
        patience_s: float = PATIENCE_S,
        worker: str | None = None,
        connection: Connection | None = None,
    ) -> None:
        if connection is None:
            address = find_server(url, key)
            connection = Connection(address.url, address.key, transport=transport, patience_s=patience_s)
        self.connection = connection
        self._worker = worker or f"sdk:{re.sub(r'[^A-Za-z0-9_.-]', '-', platform.node()) or 'host'}:{os.getpid()}"
        self._keeper = LeaseKeeper(clock=connection.clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; leases of trials still held run out."""
        self._keeper.close()
        self.connection.close()

    def create_study(
        self,
        name: str,
        space: Space | Written | Sequence[Any],
        objectives: Sequence[Objective | Written] | Objective | Written,
        *,
        constraints: Sequence[str] | None = None,
        algorithm: Algorithm | Written | str | None = None,
        stopping: Stopping | Written | str | None = None,
        budget: Budget | Written | None = None,
        retry: Retry | Written | None = None,
        transfer: Transfer | Written | Sequence[str] | None = None,
        parallelism: int | None = None,
        priority: int | None = None,
        task: Task | Written | None = None,
        labels: Mapping[str, str] | None = None,
        description: str | None = None,
        if_exists: Literal["error", "get"] = "error",
    ) -> StudyHandle:
        """Makes a study.

        Args:
            space: a space, or just its parameters.
            objectives: one or several `{"metric": ..., "goal": "minimize" | "maximize"}`.
            algorithm: a name, or `{"name": ..., "options": ..., "seed": ...}`; `stopping`: a rule, or the like.
            transfer: names of earlier studies to learn from, or `{"find": True}`.
            budget, retry, task: a dict or the model of that name in `studyhall.study`.
            if_exists: "get" answers the study that has this name already, with a warning where it is another one.

        Raises:
            InvalidInput: naming each field that does not fit.
            NameTaken: when there is a study of this name and `if_exists` is "error".
        """
        several = isinstance(objectives, Sequence)
        return self._made(
            {
                "name": name,
                "space": space if isinstance(space, (Space, Mapping)) else {"parameters": list(space)},
                "objectives": objectives if several else [objectives],
                "constraints": constraints,
                "algorithm": {"name": algorithm} if isinstance(algorithm, str) else algorithm,
                "stopping": {"rule": stopping} if isinstance(stopping, str) else stopping,
                "budget": budget,
                "retry": retry,
                "transfer": {"studies": transfer} if isinstance(transfer, Sequence) else transfer,
                "parallelism": parallelism,
                "priority": priority,
                "task": task,
                "labels": labels,
                "description": description,
                "if_exists": if_exists,
            }
        )

    def create_study_from(self, definition: CreateStudy | Written) -> StudyHandle:
        """Makes a study from a whole definition, as read from a file."""
        return self._made(definition.to_dict() if isinstance(definition, CreateStudy) else definition)

    def study(self, name: str) -> StudyHandle:
        """The study of this name or id.

        Raises:
            NotFound: when there is none.
        """
        try:
            return self._handle(self.connection.get(path_of("studies", name), Study))
        except NotFound as error:
            error.message = f"there is no study '{name}'; client.studies() lists those there are"
            raise

    def changes(self, *, follow: bool = True) -> Iterator[dict[str, int | None]]:
        """How far every study of the project is, by id; with `follow` then, for ever, those that have changed since.

        A sequence number says that something is new, not what: ask the study. None: it is gone.
        """
        known: dict[str, int] = {}
        cursor: str | None = None
        while True:
            query: Query = {"after": cursor, "wait_s": POLL_S if cursor else 0.0}
            told = self.connection.get(path_of("events"), Feed, query=query, wait_s=POLL_S if cursor else 0.0)
            if told.cursor != cursor:
                gone = dict.fromkeys(known.keys() - told.sequences.keys())
                yield {**{id: n for id, n in told.sequences.items() if known.get(id) != n}, **gone}
            if not follow:
                return
            cursor, known = told.cursor, told.sequences

    def studies(
        self,
        *,
        state: StudyState | str | Sequence[StudyState | str] | None = None,
        name: str | None = None,
        label: str | None = None,
        archived: bool = False,
        page_size: int = 100,
    ) -> Iterator[StudyHandle]:
        """All studies that match, page by page as they are needed; `archived`: those put away instead of the others."""
        query = {"state": state, "name": name, "label": label, "archived": archived or None}
        found = self.connection.pages(path_of("studies"), Page[Study], query=query, page_size=page_size)
        return map(self._handle, found)

    def trial(self, id: str) -> Trial:
        """The trial of this id, `tr_...`."""
        return self.connection.get(path_of("trials", id), Trial)

    def stop_trial(self, id: str, *, reason: str | None = None) -> Trial:
        """Asks whoever runs a trial to end it soon; its last measurement stands."""
        return self.connection.post(path_of("trials", id, "stop"), Ask(reason=reason), Trial)

    def cancel_trial(self, id: str, *, reason: str | None = None) -> Trial:
        """Ends a trial at once, without a result."""
        return self.connection.post(path_of("trials", id, "cancel"), Ask(reason=reason), Trial)

    def retry_trial(self, id: str) -> Trial:
        """Queues the parameters of a finished trial once more, as a new trial."""
        return self.connection.post(path_of("trials", id, "retry"), None, Trial)

    def change_trial(self, id: str, **fields: Any) -> Trial:
        """Changes what people may change in a trial: `labels`, `note`, `excluded`, `metrics`."""
        return self.connection.send("PATCH", path_of("trials", id), read_word(PatchTrial, fields)).read(Trial)

    def explain(self, id: str) -> Explanation:
        """Why a trial was suggested: by which engine, what it promised and traded, and what came of it."""
        return self.connection.get(path_of("trials", id, "explain"), Explanation)

    def network(self, id: str) -> Network:
        """The network that a trial's parameters describe, layer by layer.

        Raises:
            Conflict: the study searches no architecture.
        """
        return self.connection.get(path_of("trials", id, "network"), Network)

    def measurements(self, id: str) -> Iterator[RecordedMeasurement]:
        """What a trial has reported on its way, page by page."""
        return self.connection.pages(path_of("trials", id, "measurements"), Page[RecordedMeasurement])

    def attempts(self, id: str) -> Iterator[Attempt]:
        """Who has run a trial, and how each attempt ended."""
        return self.connection.pages(path_of("trials", id, "attempts"), Page[Attempt])

    def log(self, id: str, *, attempt: int | None = None, follow: bool = False) -> Iterator[str]:
        """What an attempt at a trial has printed, by default the latest, in pieces as they are there.

        Args:
            follow: waits for more until the attempt has ended, and for the first one to begin.
        """
        path, after = path_of("trials", id, "logs"), 0
        while True:
            wait_s = FOLLOW_S if follow else 0.0
            query = {"attempt": attempt, "after": after, "wait_s": wait_s}
            part = self.connection.send("GET", path, query=query, wait_s=wait_s).read(Log)
            if part.text:
                yield part.text
            elif part.ended or not follow:
                return
            attempt, after = part.attempt or None, part.next

    def artifacts(self, id: str) -> Iterator[Artifact]:
        """The files that the attempts at a trial have kept, the latest attempt first."""
        return self.connection.pages(path_of("trials", id, "artifacts"), Page[Artifact])

    def save_artifact(self, id: str, artifact: Artifact, path: str | Path) -> Path:
        """Copies an artifact's content to a file, whole or not at all.

        Raises:
            Conflict: what came is not what the server says it has.
        """
        path, digest = Path(path), hashlib.sha256()
        source = path_of("trials", id, "artifacts", *artifact.name.split("/"))
        beside = path.with_name(f".{path.name}.part")
        beside.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            while (at := file.tell()) < artifact.size:
                part = {"Range": f"bytes={at}-{min(artifact.size, at + PIECE_BYTES) - 1}"}
                answer = self.connection.send("GET", source, query={"attempt": artifact.attempt}, headers=part)
                digest.update(answer.content)
                file.write(answer.content)
        if digest.hexdigest() != artifact.sha256:
            beside.unlink()
            raise Conflict(f"the content of '{artifact.name}' has changed on its way; fetch it again")
        return beside.replace(path)

    def check_space(self, space: Space | Written, *, samples: int = 5) -> CheckedSpace:
        """Validates a space and draws samples from it, without making a study."""
        question = read_word(CheckSpace, {"space": space, "samples": samples})
        return self.connection.post(path_of("spaces", "validate"), question, CheckedSpace)

    def algorithms(self) -> list[AlgorithmInfo]:
        """The engines this server searches with, and their options."""
        return list(self.connection.pages(path_of("algorithms"), Page[AlgorithmInfo]))

    def trainables(self) -> list[TrainableInfo]:
        """What the workers of this server can train by name."""
        return list(self.connection.pages(path_of("trainables"), Page[TrainableInfo]))

    def workers(self) -> Iterator[Worker]:
        """The workers this server knows."""
        return self.connection.pages(path_of("workers"), Page[Worker])

    def change_worker(self, name: str, state: WorkerState, *, reason: str | None = None) -> Worker:
        """Drains a worker (no new trials), puts it aside (`quarantined`), or takes it back (`online`)."""
        change = read_word(PatchWorker, {"state": state, "reason": reason})
        return self.connection.send("PATCH", path_of("workers", name), change).read(Worker)

    def keys(self) -> Iterator[Key]:
        """The keys of this server, without their secrets; needs an admin key."""
        return self.connection.pages(path_of("keys"), Page[Key])

    def create_key(self, name: str, scope: Scope, *, expires_in_s: float | None = None) -> Key:
        """Makes a key; its `secret` is told only here. Needs an admin key."""
        wanted = read_word(CreateKey, {"name": name, "scope": scope, "expires_in_s": expires_in_s})
        return self.connection.post(path_of("keys"), wanted, Key)

    def audit(self) -> Iterator[Audited]:
        """Who did what, newest first; needs an admin key."""
        return self.connection.pages(path_of("audit"), Page[Audited])

    def rotate_key(self, id: str, *, grace_s: float = 86400.0, expires_in_s: float | None = None) -> Key:
        """Makes a key in the place of another one, which is taken for `grace_s` more; 0: it ends at once.

        The new one's `secret` is told only here. Needs an admin key.
        """
        wanted = RotateKey(grace_s=grace_s, expires_in_s=expires_in_s)
        return self.connection.post(path_of("keys", id, "rotate"), wanted, Key)

    def revoke_key(self, id: str) -> None:
        """Ends a key at once; needs an admin key."""
        self.connection.send("DELETE", path_of("keys", id))

    def webhooks(self) -> Iterator[Webhook]:
        """The webhooks of the project, without their secrets."""
        return self.connection.pages(path_of("webhooks"), Page[Webhook])

    def create_webhook(self, url: str, *, kinds: Sequence[str] | None = None, study: str | None = None) -> Webhook:
        """Sends what happens from now on to a URL; `secret` is told only here.

        Args:
            kinds: of events: `study.completed`, `trial.*`, `*`; None: the ends of studies.
            study: name or id of one; None: all.
        """
        wanted = read_word(CreateWebhook, {"url": url, "kinds": kinds, "study": study})
        return self.connection.post(path_of("webhooks"), wanted, Webhook)

    def test_webhook(self, id: str) -> Webhook:
        """Sends an empty delivery now; `error` tells what came of it."""
        return self.connection.post(path_of("webhooks", id, "test"), None, Webhook, wait_s=10.0)

    def delete_webhook(self, id: str) -> None:
        """Ends a webhook."""
        self.connection.send("DELETE", path_of("webhooks", id))

    def server(self) -> ServerInfo:
        """What the server is and how it stands."""
        return self.connection.get(path_of("server"), ServerInfo)

    def is_ready(self) -> bool:
        """Whether the server can serve requests now."""
        try:
            return self.connection.send("GET", "/readyz", patience_s=0).read(Health).status == "ok"
        except Unavailable:
            return False

    def _made(self, written: Written) -> StudyHandle:
        wanted = read_word(CreateStudy, written)
        study = self.connection.post(path_of("studies"), wanted, Study)
        other = [name for name in _COMPARED if _is_other(name, wanted, study)]
        if other and wanted.if_exists == "get":
            told = f"study '{study.name}' was there already, with another {', '.join(other)} than asked for here"
            warnings.warn(f"{told}: what is there stands; study.change() changes it", stacklevel=3)
        return self._handle(study)

    def _handle(self, study: Study) -> StudyHandle:
        return StudyHandle(self.connection, study, self._keeper, worker=self._worker)


def _is_other(name: str, wanted: CreateStudy, study: Study) -> bool:
    return name in wanted.model_fields_set and getattr(wanted, name) != getattr(study, name)
