"""Clients that leave before they are answered: what they asked for is done wholly or not at all."""

import json
from typing import Any

import httpx2
import pytest

from app.api.limits import Limits
from tests.api.live import Wire, live
from tests.api.people import Caller, Keyring, make_api, make_services


def request(path: str, key: str, body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: testserver\r\nauthorization: Bearer {key}\r\nconnection: close\r\n"
    return f"{head}content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n".encode() + content


@pytest.mark.catalogue("HT-023")
def test_a_completion_whose_sender_has_hung_up_counts_once(sqlite_url: str, keyring: Keyring) -> None:
    key = keyring.make("user")
    with live(make_api(make_services(sqlite_url), keyring, hosts=()), Limits()) as address:
        with httpx2.Client(base_url=f"http://{address[0]}:{address[1]}") as client:
            user = Caller(client, key)
            hold = user.hold(user.make_study()["id"])
        done, other = (hold.lease | {"metrics": {"loss": loss}} for loss in (0.25, 0.5))
        with Wire(address) as gone:
            gone.say(request(f"{hold.path}/complete", key, done))
        answers = []
        for body in (done, other):
            with Wire(address) as wire:
                answers.append(wire.say(request(f"{hold.path}/complete", key, body)).hear())

    assert b'"loss":0.25' in answers[0]
    assert [answer.split()[1] for answer in answers] == [b"200", b"409"]
