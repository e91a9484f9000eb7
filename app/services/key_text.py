"""What a key looks like: `hps_ID_SECRETCHECK`.

An id of 8 characters to look it up by, 43 characters of secret (256 bits) and 6 of checksum, by which a scanner of
source code tells a key from noise, and the server a mistyped key from an unknown one without asking the database. Only
the SHA-256 is stored: a slow hash protects guessable passwords, and nobody guesses 256 bits.
"""

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_KEY: Final = re.compile(r"(hps_([0-9A-Za-z]{8})_[0-9A-Za-z]{43})([0-9A-Za-z]{6})")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made; `text` is shown once and kept nowhere."""

    id: str
    text: str
    hash: str


def make_key() -> NewKey:
    """A new random key."""
    key_id = _random(8)
    body = f"hps_{key_id}_{_random(43)}"
    text = body + _checksum(body)
    return NewKey(key_id, text, hash_of(text))


def id_of(text: str) -> str | None:
    """The id of a key; None when the text cannot be a key: wrong form or wrong checksum."""
    match = _KEY.fullmatch(text)
    if match is None or _checksum(match[1]) != match[3]:
        return None
    return match[2]


def hash_of(text: str) -> str:
    """What is stored of a key: its SHA-256, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = []
    for _ in range(6):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
