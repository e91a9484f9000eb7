"""`studyhall key ...`."""

import argparse
import json
import sys
from itertools import islice
from pathlib import Path

from studyhall.commands.asking import client_for
from studyhall.commands.printing import cell_text, print_json, print_table
from studyhall.errors import Incompatible
from studyhall.home import write_private
from studyhall.wire.server import Key


def create(arguments: argparse.Namespace) -> None:
    """Makes a key and shows its secret, once."""
    _show(
        client_for(arguments).create_key(arguments.name, arguments.scope, expires_in_s=arguments.expires_in), arguments
    )


def rotate(arguments: argparse.Namespace) -> None:
    """Makes a key in the place of another one and shows its secret, once."""
    made = client_for(arguments).rotate_key(arguments.id, grace_s=arguments.grace, expires_in_s=arguments.expires_in)
    _show(made, arguments)


def _show(key: Key, arguments: argparse.Namespace) -> None:
    if key.secret is None:
        raise Incompatible("the server made a key and did not tell its secret; revoke it: " + key.id)
    if arguments.file:
        write_private(Path(arguments.file), key.secret + "\n")
        key = key.model_copy(update={"secret": None})
    if arguments.json:
        print_json(key.to_dict())
    elif arguments.file:
        sys.stdout.write(f"key {key.id} ({key.scope}) is in {arguments.file}\n")
    else:
        sys.stdout.write(f"{key.secret}\n")
        sys.stderr.write(f"key {key.id} ({key.scope}); the line above is shown only now\n")


def show_list(arguments: argparse.Namespace) -> None:
    """Lists keys, without their secrets."""
    keys = list(client_for(arguments).keys())
    if arguments.json:
        print_json([key.to_dict() for key in keys])
        return
    rows = [
        (
            *(k.id, k.name, k.scope, k.created_at, k.last_used_at),
            k.expires_at and k.expires_at.date(),
            "revoked" if k.revoked_at else "",
        )
        for k in keys
    ]
    print_table(("ID", "NAME", "SCOPE", "CREATED", "USED", "EXPIRES", ""), rows, empty="no keys")


def show_audit(arguments: argparse.Namespace) -> None:
    """Lists who did what, newest first."""
    lines = list(islice(client_for(arguments).audit(), arguments.limit or None))
    if arguments.json:
        print_json([line.to_dict() for line in lines])
        return
    rows = [(line.at, line.action, line.subject, line.key or "-", json.dumps(line.data)) for line in lines]
    print_table(("WHEN", "WHAT", "OF", "BY KEY", "MORE"), rows, empty="nothing was done")


def revoke(arguments: argparse.Namespace) -> None:
    """Ends a key at once."""
    client_for(arguments).revoke_key(arguments.id)
    if arguments.json:
        print_json({"revoked": arguments.id})
    else:
        sys.stdout.write(f"key {cell_text(arguments.id)} is revoked\n")
