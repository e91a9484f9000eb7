"""Stands in, on the pages, for programs that need a cluster, a network or root: says whether they would understand.

`python -m tests.docs.stand_ins PROGRAM ARGUMENTS...` ends with an error where a page names a file, service, object,
image, target, extra or unit that this repository does not have, or tells a server or worker what it does not know.
"""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import yaml  # type: ignore[import-untyped] # it ships no types
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
Words = Sequence[str]


def docker(words: Words) -> None:
    """Compose's services, the images and targets of the Dockerfile."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    stages = re.findall(r"^FROM .* AS (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    match words:
        case ["compose", "exec", service, *_]:
            require(service in services, f"no service {service}")
        case ["compose", "up", *options]:
            scaled = [option.partition("=")[0] for option in options if "=" in option]
            require(set(scaled) <= set(services), f"no service in {scaled}")
        case ["build", "--target", stage, "--tag", _, "."]:
            require(stage in stages, f"no stage {stage}")
        case ["run", *rest]:
            require(any(word.startswith("studyhall-worker:") for word in rest), "no image of ours")
            worker(rest[rest.index("worker") + 1 :])
        case _:
            raise SystemExit(f"docker {words}: say in tests/docs/stand_ins.py what this means")


def kubectl(words: Words) -> None:
    """The manifests and the objects in them."""
    found = [
        each for path in (ROOT / "deploy/kubernetes").rglob("*.yaml") for each in yaml.safe_load_all(path.read_text())
    ]
    names = {f"{each['kind'].lower()}/{each['metadata']['name']}" for each in found if each}
    names |= {name.replace("deployment/", "deploy/") for name in names}
    match [word for word in words if word not in ("-n", "studyhall")]:
        case ["create", "namespace" | "secret", *_]:
            pass
        case ["apply", "-f" | "-k", path]:
            require((ROOT / path).exists(), f"no {path}")
        case ["rollout", "status", name] | ["exec", name, *_] | ["port-forward", name, *_] | ["scale", name, *_]:
            require(name in names, f"no {name} in {sorted(names)}")
        case rest:
            raise SystemExit(f"kubectl {rest}: say in tests/docs/stand_ins.py what this means")


def sbatch(words: Words) -> None:
    """A script, or a command that a shell would run on the node."""
    if "--wrap" in words:
        subprocess.run(["bash", "-euc", words[words.index("--wrap") + 1]], check=True)
        return
    facts = {"ARRAY_JOB_ID": "7", "ARRAY_TASK_ID": "3", "JOB_ID": "9", "CPUS_PER_TASK": "4"}
    environment = os.environ | {f"SLURM_{name}": value for name, value in facts.items()}
    subprocess.run(["bash", ROOT / words[-1]], env=environment, check=True)


def srun(words: Words) -> None:
    os.execvp(words[0], list(words))  # noqa: S606 -- no shell is wanted


def ray(words: Words) -> None:
    """A cluster's start; what a job runs."""
    if words[0] == "start":
        return
    require("--" in words, f"ray {words}")
    os.execvp(words[words.index("--") + 1], list(words[words.index("--") + 1 :]))  # noqa: S606 -- no shell is wanted


def pip(words: Words) -> None:
    """Extras that there are."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for word in words:
        if "studyhall" in word or word.startswith("."):
            wanted = Requirement(re.sub(r"^\.\[", "studyhall[", word))
            require(wanted.extras <= set(extras), f"no extra in {wanted}")


def make(words: Words) -> None:
    """Targets that there are."""
    require(
        all(re.search(f"^{word}:", (ROOT / "Makefile").read_text(), re.MULTILINE) for word in words), f"make {words}"
    )


def sudo(words: Words) -> None:
    """Files and units of deploy/."""
    match words:
        case ["cp", path, _]:
            require((ROOT / path).exists(), f"no {path}")
        case ["systemctl", _, "--now", unit]:
            require((ROOT / "deploy/systemd" / re.sub("@.*[.]", "@.", unit)).exists(), f"no {unit}")
        case _:
            raise SystemExit(f"sudo {words}: say in tests/docs/stand_ins.py what this means")


def createuser(words: Words) -> None:
    require(words[-1] == "studyhall", f"{words}")


createdb = createuser


def python(words: Words) -> None:
    """Programs of this repository that take long: options that they list; whatever else is run."""
    match words:
        case ["-m", "pytest", *options]:
            paths = [word for word in options if word.startswith("tests/")]
            require(all((ROOT / path).exists() for path in paths), f"no {paths}")
        case ["-m", module, *options] if module.startswith(("benchmarks.", "tests.")):
            place = ROOT / module.replace(".", "/")
            files = [place.with_suffix(".py")] if place.with_suffix(".py").exists() else [*place.glob("*.py")]
            source = "".join(file.read_text() for file in files)
            require(all(f'"{word}"' in source for word in options if word.startswith("--")), f"{options} in {files}")
        case _:
            os.execv(sys.executable, [sys.executable, *words])  # noqa: S606 -- no shell is wanted


def ruff(words: Words) -> None:
    require(words[0] in ("format", "check"), f"ruff {words}")


def worker(words: Words) -> None:
    """Options that a worker knows; a trial is run on the pages where the worker ends by itself."""
    from workers.command_line import read_command_line

    read_command_line(words)


def program(words: Words) -> None:
    """`studyhall serve`, `engine`, `up`: options that they know; a server stands already."""
    if words[0] == "up":
        from studyhall.commands.grammar import parse

        require(bool(parse(list(words)).run), f"{words}")
        return
    import app.__main__ as server

    server._parser().parse_args(words)


def require(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise SystemExit(otherwise)


STAND_INS: Mapping[str, Callable[[Words], None]] = {
    each.__name__: each for each in (docker, kubectl, sbatch, srun, ray, pip, make, sudo, python, ruff, worker, program)
} | {"createuser": createuser, "createdb": createdb}

if __name__ == "__main__":
    STAND_INS[sys.argv[1]](sys.argv[2:])
