"""One game: a player, a problem, a seed and a protocol; what it found after each trial, and what that cost."""

import heapq
import random
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.search.players import Parameters, Player, player
from benchmarks.search.problem import Problem, Values


@dataclass
class Game:
    """A finished game."""

    player: str
    problem: str
    protocol: str
    seed: int
    reported: list[Values | None] = field(default_factory=list)
    truth: list[Values | None] = field(default_factory=list)
    cpu_s: float = 0.0
    """CPU seconds the player took for all its asks and tells."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def play(name: str, problem: Problem, protocol: str, seed: int) -> Game:
    """Plays one game.

    Args:
        protocol: `seqN`, N trials one by one; `batchRxQ`, R rounds of Q; `asyncNxQ`, N trials on Q workers whose trials
            last log-normally long on a virtual clock.
    """
    kind, rounds, width = _read(protocol)
    budget = rounds * width if kind == "batch" else rounds
    game = Game(name, problem.name, protocol, seed)
    someone = player(name, problem, seed, budget)
    chance = random.Random(f"{problem.name}/{seed}")
    if kind == "async":
        _play_async(game, someone, problem, chance, budget, width)
    else:
        for _ in range(rounds):
            for parameters in someone.ask(width):
                _tell(game, someone, problem, chance, parameters)
    game.cpu_s = someone.cpu_s()
    return game


def _play_async(game: Game, someone: Player, problem: Problem, chance: random.Random, budget: int, width: int) -> None:
    running: list[tuple[float, int, Parameters]] = []
    clock, asked = 0.0, 0
    while len(game.truth) < budget:
        while len(running) < width and asked < budget:
            (parameters,) = someone.ask(1)
            asked += 1
            heapq.heappush(running, (clock + chance.lognormvariate(0, 0.5), asked, parameters))
        clock, _, parameters = heapq.heappop(running)
        _tell(game, someone, problem, chance, parameters)


def _tell(game: Game, someone: Player, problem: Problem, chance: random.Random, parameters: Parameters) -> None:
    truth = problem.truth(parameters)
    reported = problem.reported(truth, chance)
    game.truth.append(truth)
    game.reported.append(reported)
    someone.tell(parameters, reported)


def _read(protocol: str) -> tuple[str, int, int]:
    match = re.fullmatch(r"(seq|batch|async)(\d+)(?:x(\d+))?", protocol)
    if match is None:
        raise SystemExit(f"unknown protocol {protocol!r}; write seq50, batch10x5 or async50x8")
    return match[1], int(match[2]), int(match[3] or 1)
