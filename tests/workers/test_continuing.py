"""A worker, the real server, and trials that go on from a checkpoint of another one."""

from studyhall.trial import RecordedMeasurement
from studyhall.wire.pages import Page
from tests.workers.conftest import task
from tests.workers.test_worker_and_server import in_house  # noqa: F401 - a fixture

STEPS = {"parameters": [{"name": "x", "type": "ordinal", "choices": [1, 2, 3, 4, 5, 6, 7, 8]}]}


def study_in_order(tmp_path, trials, stopping, **settings):
    """Makes a study whose trials are x = 1, 2, 3 …, before there is a worker."""

    async def make(house):
        given = task("goes_on") | {"settings": {"flag": str(tmp_path / "flag"), **settings}}
        await house.study(given, trials, space=STEPS, stopping=stopping)
        queue = [{"parameters": {"x": x}} for x in range(1, trials + 1)]
        answer = await house._http.post("/v1/studies/study/trials", json={"trials": queue})
        assert answer.status_code == 201, answer.text

    return make


def test_a_stopped_trial_goes_on_from_its_checkpoint_when_worse_ones_have_come(in_house, tmp_path):  # noqa: F811
    async def scene(house):
        trials = await house.ended()
        curve = await house.get(f"trials/{trials[-1].id}/measurements", Page[RecordedMeasurement])
        return trials, curve.items

    stopping = {"rule": "percentile", "options": {"min_trials": 4, "interval": 2, "warmup_steps": 2}}
    trials, curve = in_house(scene, first=study_in_order(tmp_path, 8, stopping))

    parent, revived = trials[3], trials[-1]
    assert (parent.state, parent.continued_by) == ("pruned", revived.id)
    assert (revived.source, revived.state, revived.continues) == ("revived", "completed", parent.id)
    assert (revived.parameters, revived.metrics["began_at"]) == ({"x": 4}, 2.0)
    assert [point.step for point in curve] == [1, 2, 3, 4]


def test_the_worst_of_a_population_makes_room_for_one_that_goes_on_from_the_best(in_house, tmp_path):  # noqa: F811
    async def scene(house):
        return await house.ended()

    stopping = {"rule": "population", "options": {"interval": 2, "parameters": ["x"]}}
    trials = in_house(scene, first=study_in_order(tmp_path, 4, stopping, waits=True), slots=2)

    best, worst, other = trials[0], trials[3], trials[4]
    assert (best.state, worst.state, other.state) == ("completed", "pruned", "completed")
    assert (other.source, other.continues) == ("exploit", best.id)
    assert other.metrics["began_at"] >= 2.0
    assert other.parameters != best.parameters
