import asyncio
import dataclasses
import os

import pytest

from studyhall.errors import InvalidInput
from tests.workers.conftest import at_work, task
from tests.workers.fake_server import FakeServer
from workers.machine import Gpu, choose_gpus, find_gpus, share_out, use_of

TWO = """0, GPU-aaaa, NVIDIA H200, 143771, 1024, 35
1, GPU-bbbb, NVIDIA H200, 143771, 0, [N/A]"""
SLICED = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa)
  MIG 1g.5gb      Device  0: (UUID: MIG-1111)
  MIG 3g.20gb     Device  1: (UUID: MIG-2222)"""


@pytest.fixture
def gpus(tmp_path, monkeypatch):
    """A `nvidia-smi` that tells what a test wants of it."""

    def tell(lines, listed=""):
        program = tmp_path / "bin" / "nvidia-smi"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\nif [ "$1" = -L ]; then echo "{listed}"; else echo "{lines}"; fi\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        monkeypatch.setattr("workers.machine._torch_is_for_cpu", lambda: False)

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tell


def test_gpus_are_what_nvidia_smi_tells(gpus):
    gpus(TWO)

    first, second = find_gpus()

    assert first == Gpu("GPU-aaaa", "0", "NVIDIA H200", 143771, 1024, 0.35)
    assert (second.memory_used_mb, second.utilization) == (0, None)


def test_a_sliced_gpu_is_its_slices(gpus):
    gpus(TWO, listed=SLICED)

    assert [(gpu.id, gpu.memory_mb) for gpu in find_gpus()] == [("MIG-1111", 4864), ("MIG-2222", 19456)]


def test_a_worker_takes_the_gpus_it_may_see_and_those_it_is_given(gpus):
    gpus(TWO)

    assert [gpu.id for gpu in choose_gpus(None)] == ["GPU-aaaa", "GPU-bbbb"]
    assert [gpu.id for gpu in choose_gpus(None, {"CUDA_VISIBLE_DEVICES": "1"})] == ["GPU-bbbb"]
    assert [gpu.id for gpu in choose_gpus(["0", "MIG-3333"])] == ["GPU-aaaa", "MIG-3333"]
    assert choose_gpus([]) == choose_gpus(None, {"CUDA_VISIBLE_DEVICES": ""}) == ()


def test_a_machine_without_gpus_has_slots_all_the_same():
    (share, *others) = share_out((), slots=None, per_trial=None)

    assert len(others) + 1 == len(os.sched_getaffinity(0))
    assert (share.device, share.environment()["CUDA_VISIBLE_DEVICES"]) == ("cpu", "")


TWO_GPUS = (Gpu("a", memory_mb=1000), Gpu("b", memory_mb=800))


@pytest.mark.parametrize(
    ("slots", "per_trial", "seen"),
    [
        (None, None, [("a",), ("b",)]),
        (None, 2.0, [("a", "b")]),
        (None, 0.5, [("a",), ("b",), ("a",), ("b",)]),
        (3, None, [("a",), ("b",), ("a",)]),
        (1, None, [("a",)]),
    ],
)
def test_gpus_are_shared_out(slots, per_trial, seen):
    assert [share.gpus for share in share_out(TWO_GPUS, slots=slots, per_trial=per_trial)] == seen


def test_a_share_tells_the_memory_it_has_on_each_gpu():
    whole, half = (share_out(TWO_GPUS, slots=None, per_trial=n)[0] for n in (2.0, 0.5))

    assert (whole.gpu, whole.gpu_memory_mb) == (2.0, 800)
    assert (half.gpu, half.gpu_memory_mb) == (0.5, 500)
    assert half.environment()["STUDYHALL_GPU_SHARE"] == "0.5"


@pytest.mark.parametrize(
    ("gpus_there", "slots", "per_trial"), [((), None, 1.0), (TWO_GPUS, 3, 1.0), (TWO_GPUS, None, 4.0)]
)
def test_a_worker_whose_gpus_are_too_few_says_so(gpus_there, slots, per_trial):
    with pytest.raises(InvalidInput, match="--gpus-per-trial"):
        share_out(gpus_there, slots=slots, per_trial=per_trial)


def test_each_trial_sees_its_slots_gpu_and_may_start_as_many_threads_as_it_was_given(gpus, configuration, tmp_path):
    gpus(TWO)
    wanted = dataclasses.replace(
        configuration, gpus=None, slots=None, gpus_per_trial=0.5, threads=3, preload=("numpy", "threadpoolctl")
    )

    async def scene():
        server = FakeServer()
        trials = [server.add(task("tells_its_environment"), file=str(tmp_path / f"{n}")) for n in range(4)]
        async with at_work(wanted, server):
            for trial in trials:
                await server.ended(trial)
        return server.workers[0]

    worker = asyncio.run(scene())
    told = [(tmp_path / f"{n}").read_text().split() for n in range(4)]

    assert {gpu for gpu, *_ in told} == {"GPU-aaaa", "GPU-bbbb"}
    assert {tuple(rest) for _, *rest in told} == {("cuda", "3", "3")}
    assert (worker.slots, worker.capabilities.gpu, worker.capabilities.gpu_memory_mb) == (4, 0.5, 71885)
    assert [gpu.memory_used_mb for gpu in worker.machine.gpus] == [1024, 0]


def test_a_worker_tells_how_busy_its_machine_is():
    use = use_of([Gpu("GPU-aaaa", name="the one it was given")])

    assert use.cpus >= 1
    assert 0 < use.memory_used_mb < use.memory_mb
    assert use.gpus[0].name == "the one it was given"
