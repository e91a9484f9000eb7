"""`studyhall webhook ...`."""

import argparse
import sys
from pathlib import Path

from studyhall.commands.asking import client_for
from studyhall.commands.printing import cell_text, print_json, print_table
from studyhall.errors import Conflict, Incompatible
from studyhall.home import write_private


def create(arguments: argparse.Namespace) -> None:
    """Makes a webhook and shows its secret, once."""
    webhook = client_for(arguments).create_webhook(arguments.address, kinds=arguments.kind, study=arguments.study)
    if webhook.secret is None:
        raise Incompatible("the server made a webhook and did not tell its secret; delete it: " + webhook.id)
    secret = webhook.secret
    if arguments.file:
        write_private(Path(arguments.file), secret + "\n")
        webhook = webhook.model_copy(update={"secret": None})
    if arguments.json:
        print_json(webhook.to_dict())
    elif arguments.file:
        sys.stdout.write(f"webhook {webhook.id} is there; its secret is in {arguments.file}\n")
    else:
        sys.stdout.write(f"{secret}\n")
        sys.stderr.write(f"webhook {webhook.id} is there; the secret above is shown only now\n")


def show_list(arguments: argparse.Namespace) -> None:
    """Lists webhooks, and how they fare."""
    webhooks = list(client_for(arguments).webhooks())
    if arguments.json:
        print_json([webhook.to_dict() for webhook in webhooks])
        return
    rows = [(w.id, w.state, w.url, w.study, w.kinds, w.delivered_at, w.error) for w in webhooks]
    print_table(("ID", "STATE", "ADDRESS", "STUDY", "KINDS", "DELIVERED", "ERROR"), rows, empty="no webhooks")


def test(arguments: argparse.Namespace) -> None:
    """Sends an empty delivery now.

    Raises:
        Conflict: it did not arrive.
    """
    webhook = client_for(arguments).test_webhook(arguments.id)
    if webhook.error is not None:
        raise Conflict(f"the delivery did not arrive: {webhook.error}")
    if arguments.json:
        print_json(webhook.to_dict())
    else:
        sys.stdout.write(f"webhook {webhook.id}: the delivery has arrived\n")


def delete(arguments: argparse.Namespace) -> None:
    """Ends a webhook."""
    client_for(arguments).delete_webhook(arguments.id)
    if arguments.json:
        print_json({"deleted": arguments.id})
    else:
        sys.stdout.write(f"webhook {cell_text(arguments.id)} is deleted\n")
