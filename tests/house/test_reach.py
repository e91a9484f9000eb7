"""The API, the SDK and the command line reach the same things: a new route is nowhere forgotten."""

from collections.abc import Iterator
from pathlib import Path

from app.api.application import ROUTES
from studyhall.client import Client
from studyhall.commands.grammar import build_parser
from studyhall.study_handle import StudyHandle

ROOT = Path(__file__).parents[2]

# Each route, the SDK's word for it and the command line's; `-` with the reason why there is none.
REACH = {
    "create_study": ("Client.create_study", "study create"),
    "list_studies": ("Client.studies", "study list"),
    "get_study": ("Client.study", "study show"),
    "patch_study": ("StudyHandle.change", "study change"),
    "delete_study": ("StudyHandle.delete", "study delete"),
    "list_parameters": ("StudyHandle.parameters", "study parameters"),
    "pause_study": ("StudyHandle.pause", "study pause"),
    "resume_study": ("StudyHandle.resume", "study resume"),
    "stop_study": ("StudyHandle.stop", "study stop"),
    "confirm_study": ("StudyHandle.confirm", "study confirm"),
    "archive_study": ("StudyHandle.archive", "study archive"),
    "unarchive_study": ("StudyHandle.unarchive", "study unarchive"),
    "get_best": ("StudyHandle.best", "study best"),
    "get_pareto": ("StudyHandle.pareto", "study best"),
    "get_summary": ("StudyHandle.summary", "study watch"),
    "predict": ("StudyHandle.predict", "study predict"),
    "get_history": ("StudyHandle.history", "analyse"),
    "get_analysis": ("StudyHandle.analysis", "analyse"),
    "export_study": ("StudyHandle.export", "export csv"),
    "create_share": ("StudyHandle.share", "study share"),
    "list_shares": ("StudyHandle.shares", "study shares"),
    "revoke_share": ("StudyHandle.unshare", "study unshare"),
    "get_feed": ("Client.changes", "study changes"),
    "list_events": ("StudyHandle.events", "study events"),
    "list_trials": ("StudyHandle.trials", "trial list"),
    "get_trial_columns": ("StudyHandle.trial_columns", "trial columns"),
    "queue_trials": ("StudyHandle.queue", "trial queue"),
    "get_trial": ("Client.trial", "trial show"),
    "explain_trial": ("Client.explain", "trial explain"),
    "get_network": ("Client.network", "trial network"),
    "patch_trial": ("Client.change_trial", "trial change"),
    "stop_trial": ("Client.stop_trial", "trial stop"),
    "cancel_trial": ("Client.cancel_trial", "trial cancel"),
    "retry_trial": ("Client.retry_trial", "trial retry"),
    "list_measurements": ("Client.measurements", "trial show"),
    "list_attempts": ("Client.attempts", "trial attempts"),
    "get_log": ("Client.log", "trial logs"),
    "list_artifacts": ("Client.artifacts", "trial artifacts"),
    "get_artifact": ("Client.save_artifact", "trial artifacts"),
    "list_workers": ("Client.workers", "worker list"),
    "patch_worker": ("Client.change_worker", "worker change"),
    "list_algorithms": ("Client.algorithms", "algorithms"),
    "list_trainables": ("Client.trainables", "trainables"),
    "validate_space": ("Client.check_space", "space check"),
    "create_key": ("Client.create_key", "key create"),
    "list_keys": ("Client.keys", "key list"),
    "list_audit": ("Client.audit", "audit"),
    "rotate_key": ("Client.rotate_key", "key rotate"),
    "revoke_key": ("Client.revoke_key", "key revoke"),
    "create_webhook": ("Client.create_webhook", "webhook create"),
    "list_webhooks": ("Client.webhooks", "webhook list"),
    "test_webhook": ("Client.test_webhook", "webhook test"),
    "delete_webhook": ("Client.delete_webhook", "webhook delete"),
    "get_server": ("Client.server", "doctor"),
    "get_readiness": ("Client.is_ready", "doctor"),
}
# What only a process that runs trials says, or only a machine asks.
OF_PROCESSES = {"claim", "report", "heartbeat", "complete", "infeasible", "fail", "release", "send_log",
                "send_artifact", "register_worker", "get_health", "get_metrics"}  # fmt: skip


def commands(parser=None, words: str = "") -> Iterator[str]:
    groups = [found for action in (parser or build_parser())._actions if isinstance(found := action.choices, dict)]
    if not groups:
        yield words
    for group in groups:
        for name, below in group.items():
            yield from commands(below, f"{words} {name}".strip())


def test_every_route_is_reached_by_the_sdk_and_the_command_line() -> None:
    assert {route.endpoint.__name__ for route in ROUTES} == REACH.keys() | OF_PROCESSES


def test_the_sdk_has_every_word_it_is_said_to_have() -> None:
    kinds = {"Client": Client, "StudyHandle": StudyHandle}
    missing = [word for word, _ in REACH.values() if not hasattr(kinds[word.split(".")[0]], word.split(".")[1])]

    assert missing == []


def test_the_command_line_has_every_command_it_is_said_to_have() -> None:
    known = set(commands())

    assert [command for _, command in REACH.values() if command not in known] == []
