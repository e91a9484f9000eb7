"""`studyhall space check`."""

import argparse

from studyhall.commands.asking import client_for
from studyhall.commands.printing import print_facts, print_json, print_table, print_text
from studyhall.commands.study_file import read_space_file


def check(arguments: argparse.Namespace) -> None:
    """Validates a space and shows samples of it."""
    space = read_space_file(arguments.file)
    checked = client_for(arguments).check_space(space, samples=arguments.samples)
    if arguments.json:
        print_json(checked.to_dict())
        return
    size = "a continuum" if checked.size is None else f"{checked.size:,} assignments"
    share = f"{checked.feasible_share:.0%} of it" if space.constraints else None
    print_facts({"parameters": len(space.scalars), "size": size, "constraints hold": share})
    if checked.architecture is not None:
        for network in checked.architecture.networks:
            print_text(f"\n{network.drawing}")
        return
    names = list(space.by_name)
    rows = [[sample.get(name) for name in names] for sample in checked.samples]
    print_table(names, rows, empty="")
