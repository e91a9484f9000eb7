"""What every command that asks a server begins with."""

import argparse
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from studyhall.client import Client
from studyhall.errors import InvalidInput, NotFound
from studyhall.home import find_server
from studyhall.trial import Trial

T = TypeVar("T")


def client_for(arguments: argparse.Namespace) -> Client:
    """A client for the server that a command line means."""
    address = find_server(arguments.url, key_file=arguments.key_file)
    return Client(address.url, address.key, transport=arguments.transport, patience_s=arguments.patience_s)


def limited(items: Iterable[T], limit: int) -> Iterator[T]:
    """The first items; with 0 all of them."""
    if limit < 0:
        raise InvalidInput("--limit is a number from 0; 0 lists everything")
    return islice(items, limit or None)


def trial_of(client: Client, text: str) -> Trial:
    """The trial that a command line means: `tr_...`, or `STUDY/NUMBER`.

    Raises:
        NotFound: there is none.
        InvalidInput: what stands after the slash is no number.
    """
    study, slash, number = text.rpartition("/")
    if text.startswith("tr_") and not slash:
        return client.trial(text)
    if not (slash and number.isascii() and number.isdigit()):
        raise InvalidInput(f"'{text}' names no trial; write STUDY/NUMBER or its id, tr_...")
    found = next(client.study(study).trials(number=[int(number)]), None)
    if found is None:
        raise NotFound(f"study '{study}' has no trial {int(number)}")
    return found


def trial_id(client: Client, text: str) -> str:
    """Its id."""
    return text if text.startswith("tr_") and "/" not in text else trial_of(client, text).id
