"""What this machine has, how busy it is, and how its GPUs are shared out among slots.

GPUs are asked of `nvidia-smi`, which comes with the driver. Why not torch: asking it starts CUDA in this process, which
holds a few hundred MiB of GPU memory and can never fork safely again.
"""

import contextlib
import logging
import math
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from studyhall.errors import FieldError, InvalidInput
from studyhall.wire.fleet import GpuUse, MachineUse

logger = logging.getLogger(__name__)

ANSWER_S: Final = 20.0
"""For `nvidia-smi`: the first question after a start loads the driver."""
_QUERY: Final = "index,uuid,name,memory.total,memory.used,utilization.gpu"
_SLICE: Final = re.compile(r"^\s+MIG (\S+)\s+Device\s+\d+:\s+\(UUID:\s+(MIG-[^)\s]+)\)", re.MULTILINE)
_SLICE_MEMORY: Final = re.compile(r"\.(\d+)gb")
_USABLE: Final = 0.95
"""Of a slice named `1g.5gb`, 4864 MiB can be used; larger ones lose as little."""


@dataclass(frozen=True)
class Gpu:
    """A GPU, or a slice of one (MIG); sizes in MiB, `utilization` in [0, 1], None where nobody tells."""

    id: str
    """What CUDA_VISIBLE_DEVICES calls it."""
    index: str = ""
    name: str = ""
    memory_mb: int = 0
    memory_used_mb: int | None = None
    utilization: float | None = None

    def use(self) -> GpuUse:
        """As the server is told."""
        return GpuUse(
            id=self.id[:128],
            name=self.name[:128],
            memory_mb=self.memory_mb,
            memory_used_mb=self.memory_used_mb,
            utilization=self.utilization,
        )


@dataclass(frozen=True)
class Share:
    """What one slot has of the machine for its trial.

    Args:
        gpus: what the trial sees, by the names CUDA knows.
        gpu: how many that are; below 1 the trial shares a GPU with others.
        gpu_memory_mb: on each of them, in MiB; 0 where nobody tells.
    """

    gpus: tuple[str, ...] = ()
    gpu: float = 0.0
    gpu_memory_mb: int = 0

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""
        return "cuda" if self.gpus else "cpu"

    def environment(self) -> dict[str, str]:
        """What tells a trial's process, and all that it starts, which GPUs it has. CUDA reads it at its start."""
        seen = {"CUDA_VISIBLE_DEVICES": ",".join(self.gpus), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
        return seen | ({"STUDYHALL_GPU_SHARE": repr(self.gpu)} if 0 < self.gpu < 1 else {})


def share_out(gpus: Sequence[Gpu], *, slots: int | None, per_trial: float | None) -> list[Share]:
    """One share for each slot.

    Args:
        slots: how many; None is as many as there are GPUs for, or one for each core where there are none.
        per_trial: GPUs of each trial, whole ones or a fraction of one; None is one, or less if there are more slots.

    Raises:
        InvalidInput: there are not so many GPUs.
    """
    if not gpus:
        if per_trial:
            raise _cannot("--gpus-per-trial", "this machine has no GPU that nvidia-smi or --gpus names")
        return [Share()] * (slots or cores())
    if per_trial is None:
        per_trial = 1.0 if slots is None or slots <= len(gpus) else 1.0 / math.ceil(slots / len(gpus))
    room = len(gpus) // int(per_trial) if per_trial >= 1 else len(gpus) * int(1 / per_trial + 1e-9)
    wanted = room if slots is None else slots
    if room < 1 or wanted > room:
        has = f"{len(gpus)} GPU{'s' if len(gpus) > 1 else ''}"
        raise _cannot(
            "--gpus-per-trial", f"{has} are enough for {room} slots of {per_trial:g} each, not for {wanted or 1}"
        )
    return [_share(gpus, slot, per_trial) for slot in range(wanted)]


def _share(gpus: Sequence[Gpu], slot: int, per_trial: float) -> Share:
    if per_trial < 1:
        gpu = gpus[slot % len(gpus)]  # neighbours on different GPUs: few slots do not crowd the first one
        return Share((gpu.id,), per_trial, int(gpu.memory_mb * per_trial))
    count = int(per_trial)
    mine = gpus[slot * count : (slot + 1) * count]
    return Share(tuple(gpu.id for gpu in mine), per_trial, min(gpu.memory_mb for gpu in mine))


def choose_gpus(wanted: Sequence[str] | None, outer: Mapping[str, str] = os.environ) -> tuple[Gpu, ...]:
    """The GPUs a worker shares out.

    Args:
        wanted: indices, UUIDs or MIG ids; None is what the worker itself may see, if its torch can use it.
        outer: the worker's environment.
    """
    if wanted is None:
        visible = outer.get("CUDA_VISIBLE_DEVICES")
        if _torch_is_for_cpu() or visible in ("", "-1", "NoDevFiles"):
            return ()
        wanted = visible.split(",") if visible else None
    elif not wanted:
        return ()
    found = find_gpus()
    if wanted is None:
        return found
    known = {name: gpu for gpu in found for name in (gpu.index, gpu.id) if name}
    return tuple(known.get(name.strip(), Gpu(name.strip())) for name in wanted)


def find_gpus() -> tuple[Gpu, ...]:
    """The GPUs of this machine, or the slices where they are sliced; none where there is no `nvidia-smi`."""
    slices = tuple(
        Gpu(id, name=f"MIG {profile}", memory_mb=_slice_memory_mb(profile))
        for profile, id in _SLICE.findall(_ask("-L"))
    )
    if slices:
        return slices
    lines = _ask(f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits").splitlines()
    return tuple(gpu for line in lines if (gpu := _gpu_of(line)) is not None)


def use_of(gpus: Sequence[Gpu]) -> MachineUse:
    """How busy this machine is now, and the GPUs that a worker shares out."""
    now = {gpu.id: gpu for gpu in find_gpus()} if gpus else {}
    total_mb, free_mb = _memory()
    return MachineUse(
        cpus=cores(),
        load=round(os.getloadavg()[0], 2),
        memory_mb=total_mb,
        memory_used_mb=max(0, total_mb - free_mb),
        gpus=tuple(now.get(gpu.id, gpu).use() for gpu in gpus[:64]),
    )


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


def memory_mb() -> int:
    """What all processes may use together, in MiB: the machine's memory, or its container's."""
    return _memory()[0]


def _memory() -> tuple[int, int]:
    """In MiB: what there is, and what of it is free."""
    lines = [line.split() for line in Path("/proc/meminfo").read_text("ascii").splitlines()]
    known = {line[0].rstrip(":"): int(line[1]) // 1024 for line in lines}
    total, free = known["MemTotal"], known.get("MemAvailable", known["MemFree"])
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text("ascii")) // 2**20
        used = int(Path("/sys/fs/cgroup/memory.current").read_text("ascii")) // 2**20
        total, free = min(total, limit), min(free, limit - used)
    return total, free


def _gpu_of(line: str) -> Gpu | None:
    fields = [field.strip() for field in line.split(",")]
    if len(fields) != len(_QUERY.split(",")):
        return None
    index, uuid, name, total, used, busy = fields
    utilization = _number(busy)
    return Gpu(
        uuid,
        index,
        name,
        _number(total) or 0,
        _number(used),
        None if utilization is None else min(1.0, utilization / 100),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None  # "[N/A]" where a GPU does not tell


def _slice_memory_mb(profile: str) -> int:
    found = _SLICE_MEMORY.search(profile)
    return int(int(found[1]) * 1024 * _USABLE) if found else 0


def _ask(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["nvidia-smi", *arguments],  # noqa: S607 - where a driver puts it differs
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
            check=True,
        )
    except FileNotFoundError:
        return ""
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning("nvidia-smi does not tell what GPUs there are: %s", error)
        return ""
    return done.stdout


def _torch_is_for_cpu() -> bool:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version("torch").endswith("+cpu")
    return False


def _cannot(field: str, message: str) -> InvalidInput:
    return InvalidInput("this worker cannot start", errors=[FieldError(field, message)])
