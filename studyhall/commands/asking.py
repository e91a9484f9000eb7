"""What every command that asks a server begins with."""

import argparse
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from studyhall.client import Client
from studyhall.errors import InvalidInput
from studyhall.home import find_server

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
