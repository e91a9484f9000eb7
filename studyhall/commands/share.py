"""`studyhall study share`, `shares` and `unshare`."""

import argparse
import sys

from studyhall.commands.asking import client_for
from studyhall.commands.printing import cell_text, print_json, print_table


def create(arguments: argparse.Namespace) -> None:
    """Makes a link to a study and shows it, once."""
    share = client_for(arguments).study(arguments.study).share(arguments.name, expires_in_s=arguments.expires_in)
    if arguments.json:
        print_json(share.to_dict())
        return
    sys.stdout.write(f"{share.link}\n")
    until = f"until {share.expires_at:%d %B %Y, %H:%M} UTC" if share.expires_at else "for good"
    sys.stderr.write(f"link {share.id}: anyone who has it may look at this study {until}\n")


def show_list(arguments: argparse.Namespace) -> None:
    """Lists the links to a study, without their keys."""
    shares = list(client_for(arguments).study(arguments.study).shares())
    if arguments.json:
        print_json([share.to_dict() for share in shares])
        return
    rows = [
        (s.id, s.name, s.created_at, s.expires_at and s.expires_at.date(), "revoked" if s.revoked_at else "")
        for s in shares
    ]
    print_table(("ID", "NAME", "CREATED", "EXPIRES", ""), rows, empty="no links")


def revoke(arguments: argparse.Namespace) -> None:
    """Ends a link at once."""
    client_for(arguments).study(arguments.study).unshare(arguments.id)
    if arguments.json:
        print_json({"revoked": arguments.id})
    else:
        sys.stdout.write(f"link {cell_text(arguments.id)} opens nothing any more\n")
