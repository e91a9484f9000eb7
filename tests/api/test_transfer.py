"""Studies that learn from earlier ones, over HTTP."""

import pytest

from app.services.histories import changes_after
from app.services.services import Services
from app.storage import reader
from app.storage.domain import definition_from
from tests.api.people import Caller, definition

OTHER_SPACE = {"parameters": [{"name": "z", "type": "float", "low": 0.0, "high": 1.0}]}


@pytest.fixture
def earlier(user: Caller) -> str:
    """A study with six results."""
    user.make_study(name="earlier")
    for n in range(6):
        add(user, "earlier", n / 10, loss=n + 1.0)
    return "earlier"


def add(user: Caller, study: str, x: float, **metrics: float) -> None:
    body = {"parameters": {"x": x}, "state": "completed", "metrics": metrics}
    answer = user.post(f"/v1/studies/{study}/trials", {"trials": [body]})
    assert answer.status_code == 201, answer.text


def taught(services: Services, study_id: str) -> list[tuple[str, list[float]]]:
    """What an engine would be told of earlier studies: names and losses."""

    def read(connection: reader.Connection) -> list[tuple[str, list[float]]]:
        row = reader.study_by_id(connection, study_id)
        assert row is not None
        known = definition_from(row.definition)
        changes = changes_after(connection, study_id=study_id, definition=known, after=0)
        return [(lesson.study, [o.values[0] for o in lesson.observations if o.values]) for lesson in changes.lessons]

    return services.database.read_now(read)


def test_what_an_earlier_study_found_is_kept_whatever_happens_to_it(
    user: Caller, services: Services, earlier: str
) -> None:
    study = user.make_study(name="later", transfer={"studies": [earlier]})

    add(user, earlier, 0.9, loss=-1.0)
    before = taught(services, study["id"])
    user.delete(f"/v1/studies/{earlier}")

    assert before == [(earlier, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])]
    assert taught(services, study["id"]) == before
    assert user.get("/v1/studies/later").json()["transfer"]["studies"] == [earlier]


def test_the_server_finds_studies_whose_spaces_overlap_and_names_them(user: Caller, earlier: str) -> None:
    user.make_study(name="of-another-space", space=OTHER_SPACE)
    user.make_study(name="without-results")

    study = user.make_study(name="later", transfer={"find": True})

    assert study["transfer"] == {"studies": [earlier], "find": True}


def test_a_study_learns_from_none_unless_it_says_so(user: Caller, earlier: str) -> None:
    assert user.make_study()["transfer"] == {"studies": [], "find": False}


@pytest.mark.parametrize(
    ("name", "fields", "reason"),
    [
        ("nowhere", {}, "no study of this name"),
        ("earlier", {"space": OTHER_SPACE}, "no parameter in common"),
        ("earlier", {"objectives": [{"metric": "accuracy"}]}, "no completed trial that reports 'accuracy'"),
        ("earlier", {"constraints": ["loss > 100"]}, "meets the constraints"),
    ],
)
def test_a_study_that_has_nothing_to_teach_is_refused(
    user: Caller, earlier: str, name: str, fields: dict[str, object], reason: str
) -> None:
    answer = user.post("/v1/studies", definition(transfer={"studies": [name]}, **fields))

    (fault,) = answer.json()["errors"]
    assert (answer.status_code, fault["pointer"]) == (422, "/transfer/studies/0")
    assert reason in fault["message"]


def test_a_request_that_is_repeated_has_its_effect_once_though_its_teacher_is_gone(user: Caller, earlier: str) -> None:
    body, headers = definition(transfer={"studies": [earlier]}), {"idempotency-key": "request-1"}
    first = user.post("/v1/studies", body, headers=headers)

    user.delete(f"/v1/studies/{earlier}")

    assert user.post("/v1/studies", body, headers=headers).json() == first.json()
