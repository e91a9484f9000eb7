"""One example of every operation: the request, and the same from Python.

A test plays each of them, in both languages, against a server: a study `digits` with three results and a trial that
is held. What stands in capitals after a dollar is the shell's.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Final, Literal

_SPACE: Final = {"parameters": [{"name": "lr", "type": "float", "low": 1e-5, "high": 0.1, "scale": "log"}]}
_WRITTEN: Final = json.dumps(_SPACE)
_HELD: Final = {"attempt": 1, "token": "$TOKEN"}


@dataclass(frozen=True, kw_only=True)
class Example:
    """What to send, and how to say it in Python.

    Args:
        python: statements over `client`, `study` and `trial`, a trial that was asked for.
        body: the JSON body.
        query: what follows the question mark.
        content: what is sent in place of JSON.
        path: what stands in the path, but for the study and the trial.
        trial: what there is of the trial: it is held, has been completed, or describes a network.
        study: how far the study is.
    """

    python: str
    body: dict[str, Any] | None = None
    query: str = ""
    content: str = ""
    path: dict[str, str] = field(default_factory=dict)
    trial: Literal["held", "completed", "network"] = "held"
    study: Literal["active", "stopped", "archived"] = "active"


EXAMPLES: Final[dict[str, Example]] = {
    # health
    "get_health": Example(
        python='from studyhall.wire.server import Health\n\nclient.connection.get("/healthz", Health).status'
    ),
    "get_readiness": Example(python="client.is_ready()"),
    "get_server": Example(python="client.server().version"),
    "get_metrics": Example(python='client.connection.send("GET", "/metrics").content.decode()'),
    # spaces
    "validate_space": Example(
        body={"space": _SPACE, "samples": 2},
        python=f"client.check_space({_WRITTEN}, samples=2).samples",
    ),
    # studies
    "create_study": Example(
        body={
            "name": "small",
            "space": _SPACE,
            "objectives": [{"metric": "loss", "goal": "minimize"}],
            "budget": {"max_trials": 20},
            "if_exists": "get",
        },
        python=(
            f'client.create_study(\n    "small",\n    space={_WRITTEN},\n'
            '    objectives=[{"metric": "loss", "goal": "minimize"}],\n'
            '    budget={"max_trials": 20},\n    if_exists="get",\n)'
        ),
    ),
    "list_studies": Example(
        query="state=active&limit=10", python='[study.name for study in client.studies(state="active")]'
    ),
    "get_study": Example(python='client.study("digits").definition'),
    "patch_study": Example(body={"priority": 5}, python="study.refresh()\nstudy.change(priority=5)"),
    "delete_study": Example(query="force=true", python="study.delete(force=True)"),
    "pause_study": Example(body={"running": "save"}, python='study.pause(running="save")'),
    "resume_study": Example(python="study.resume()"),
    "stop_study": Example(
        body={"mode": "kill", "reason": "seen enough"}, python='study.stop(mode="kill", reason="seen enough")'
    ),
    "confirm_study": Example(body={"top": 2, "seeds": 3}, python='study.confirm(top=2, seeds=3, name="again").name'),
    "archive_study": Example(study="stopped", python="study.archive()"),
    "unarchive_study": Example(study="archived", python="study.unarchive()"),
    "get_summary": Example(python="study.summary().trials"),
    "get_best": Example(python="study.best().parameters"),
    "get_pareto": Example(python="study.pareto()"),
    "get_history": Example(query="max_points=500", python="study.history(max_points=500).best"),
    "get_analysis": Example(path={"kind": "edf"}, python='study.analysis("edf").columns'),
    "list_parameters": Example(
        python=(
            "from studyhall.parameters import Parameter\nfrom studyhall.wire.pages import Page\n\n"
            'path = "/v1/studies/digits/parameters"\n'
            "[parameter.name for parameter in client.connection.pages(path, Page[Parameter], page_size=100)]"
        )
    ),
    "predict": Example(
        body={"points": [{"lr": 0.01}, {"lr": 0.001}]}, python='study.predict({"lr": 0.01}, {"lr": 0.001})'
    ),
    "export_study": Example(query="format=csv", python='study.export("digits.csv")'),
    "create_share": Example(
        body={"name": "the review", "expires_in_s": 86400},
        python='study.share("the review", expires_in_s=86400).link',
    ),
    "list_shares": Example(python="[share.name for share in study.shares()]"),
    "revoke_share": Example(path={"share": "$SHARE_ID"}, python="study.unshare(SHARE_ID)"),
    "get_feed": Example(query="wait_s=0", python="next(client.changes())"),
    "list_events": Example(query="after=0", python="list(study.events(follow=False))"),
    # trials
    "list_trials": Example(query="state=completed&sort=-number", python='list(study.trials(state="completed"))'),
    "get_trial_columns": Example(
        query="limit=5000",
        python=(
            "from studyhall.wire.results import TrialColumns\n\n"
            'path = "/v1/studies/digits/trials/columns"\n'
            'client.connection.get(path, TrialColumns, query={"limit": 5000}).number'
        ),
    ),
    "queue_trials": Example(
        body={"trials": [{"parameters": {"lr": 0.01}, "note": "a hunch"}]}, python='study.queue({"lr": 0.01})'
    ),
    "get_trial": Example(python="client.trial(trial.id).state"),
    "patch_trial": Example(body={"note": "looked odd"}, python='client.change_trial(trial.id, note="looked odd")'),
    "stop_trial": Example(body={"reason": "no better"}, python='client.stop_trial(trial.id, reason="no better")'),
    "cancel_trial": Example(body={"reason": "a mistake"}, python='client.cancel_trial(trial.id, reason="a mistake")'),
    "retry_trial": Example(trial="completed", python="client.retry_trial(trial.id)"),
    "list_measurements": Example(python="list(client.measurements(trial.id))"),
    "list_attempts": Example(python="list(client.attempts(trial.id))"),
    "get_network": Example(trial="network", python="client.network(trial.id).counts"),
    "explain_trial": Example(python="client.explain(trial.id).source"),
    # work
    "claim": Example(
        body={"token": "$NEW_TOKEN", "worker": "me", "study": "digits", "wait_s": 10}, python="trial = study.ask()"
    ),
    "report": Example(
        body=_HELD | {"measurements": [{"step": 1, "metrics": {"loss": 0.9}}]},
        python="if not trial.report(1, loss=0.9):\n    ...  # end it: trial.complete()",
    ),
    "heartbeat": Example(body=_HELD, python="trial.heartbeat()"),
    "complete": Example(body=_HELD | {"metrics": {"loss": 0.4}}, python="trial.complete(loss=0.4)"),
    "fail": Example(
        body=_HELD | {"kind": "user_error", "message": "the file is not there"},
        python='trial.fail("the file is not there")',
    ),
    "infeasible": Example(
        body=_HELD | {"reason": "the loss is not finite"}, python='trial.infeasible("the loss is not finite")'
    ),
    "release": Example(body=_HELD | {"reason": "the node goes down"}, python='trial.release("the node goes down")'),
    # logs and artifacts
    "send_log": Example(
        body=_HELD | {"start": 0, "text": "epoch 1\\n"},
        python=(
            "from studyhall.wire.outputs import LogKept, SendLog\n\n"
            'line = SendLog(attempt=1, token=TOKEN, start=0, text="epoch 1\\n")\n'
            'client.connection.post(f"/v1/trials/{trial.id}/logs", line, LogKept)'
        ),
    ),
    "get_log": Example(python='for text in client.log(trial.id):\n    print(text, end="")'),
    "send_artifact": Example(
        query="name=model.txt&attempt=1",
        content="y = 2 x",
        python=(
            "import httpx2\n\n"
            'address = f"{URL}/v1/trials/{trial.id}/artifacts"\n'
            'headers = {"Authorization": f"Bearer {KEY}", "X-Lease-Token": TOKEN}\n'
            'headers["Content-Type"] = "application/octet-stream"\n'
            'query = {"name": "model.txt", "attempt": 1}\n'
            'httpx2.post(address, params=query, headers=headers, content=b"y = 2 x").raise_for_status()'
        ),
    ),
    "list_artifacts": Example(python="[artifact.name for artifact in client.artifacts(trial.id)]"),
    "get_artifact": Example(
        path={"name": "model.txt"},
        python=(
            "for artifact in client.artifacts(trial.id):\n    client.save_artifact(trial.id, artifact, artifact.name)"
        ),
    ),
    # fleet
    "list_algorithms": Example(python="[algorithm.name for algorithm in client.algorithms()]"),
    "list_trainables": Example(python="[trainable.name for trainable in client.trainables()]"),
    "list_workers": Example(python="[(worker.name, worker.state) for worker in client.workers()]"),
    "register_worker": Example(
        body={"name": "gpu-box", "version": "0.1.0"},
        python=(
            "from studyhall.wire.fleet import RegisterWorker, Worker\n\n"
            'client.connection.post("/v1/workers", RegisterWorker(name="gpu-box", version="0.1.0"), Worker)'
        ),
    ),
    "patch_worker": Example(
        path={"worker": "gpu-box"}, body={"state": "draining"}, python='client.change_worker("gpu-box", "draining")'
    ),
    # webhooks
    "create_webhook": Example(
        body={"url": "https://hooks.example.com/studyhall", "kinds": ["study.completed"]},
        python='client.create_webhook("https://hooks.example.com/studyhall", kinds=["study.completed"]).secret',
    ),
    "list_webhooks": Example(python="[webhook.url for webhook in client.webhooks()]"),
    "test_webhook": Example(path={"webhook": "$WEBHOOK_ID"}, python="client.test_webhook(WEBHOOK_ID).error"),
    "delete_webhook": Example(path={"webhook": "$WEBHOOK_ID"}, python="client.delete_webhook(WEBHOOK_ID)"),
    # keys
    "list_keys": Example(python="[key.name for key in client.keys()]"),
    "create_key": Example(
        body={"name": "ci", "scope": "worker", "expires_in_s": 86400},
        python='client.create_key("ci", "worker", expires_in_s=86400).secret',
    ),
    "list_audit": Example(python="[line.action for line in client.audit()]"),
    "rotate_key": Example(
        path={"key": "$KEY_ID"},
        body={"grace_s": 3600},
        python="client.rotate_key(KEY_ID, grace_s=3600).secret",
    ),
    "revoke_key": Example(path={"key": "$KEY_ID"}, python="client.revoke_key(KEY_ID)"),
}
