"""How commands print: tables and facts for people, JSON for programs."""

import json
import os
import re
import select
import shutil
import stat
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

COLORS: Final = {
    "active": "36",
    "running": "36",
    "online": "32",
    "completed": "32",
    "pruned": "33",
    "paused": "33",
    "stopping": "33",
    "waiting": "2",
    "infeasible": "35",
    "failed": "31",
    "offline": "31",
    "cancelled": "2",
}
_INVISIBLE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


def print_json(value: Any) -> None:
    """One JSON document."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_json_line(value: Any) -> None:
    """One JSON document on one line, at once: one of many that come as things happen."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def end_with_reader() -> None:
    """Ends this process once nobody reads what it prints (`| head -1`): it would find out at the next piece of news."""
    with suppress(OSError):  # printed to memory
        if stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode) and hasattr(select, "poll"):
            reader = select.poll()
            reader.register(sys.stdout.fileno(), 0)
            threading.Thread(target=lambda: reader.poll() and os._exit(0), daemon=True).start()


def print_text(text: str) -> None:
    """Text as it is, with a line's end."""
    sys.stdout.write(text + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Rows under their headings; a terminal cuts them at its width, anything else gets them whole."""
    cells = [[cell_text(cell) for cell in row] for row in rows]
    if not cells:
        sys.stdout.write(empty + "\n")
        return
    widths = [max(len(line[index]) for line in [list(columns), *cells]) for index in range(len(columns))]
    sys.stdout.write(_line(list(columns), widths) + "\n")
    for line in cells:
        sys.stdout.write(_colored(line, _line(line, widths)) + "\n")


def print_facts(facts: Mapping[str, object]) -> None:
    """One fact a line, absent ones left out."""
    present = {name: cell_text(value) for name, value in facts.items() if value not in (None, "", {}, ())}
    width = max(map(len, present), default=0)
    for name, value in present.items():
        sys.stdout.write(f"{name.ljust(width)}  {_colored([value], value)}\n")


def cell_text(value: object) -> str:
    """A value in as few characters as a person needs."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.6g}"
        case datetime():
            return age_text(value)
        case Mapping():
            return ", ".join(f"{printable(str(name))}={_part_text(part)}" for name, part in value.items()) or "-"
        case list() | tuple():
            return ", ".join(map(cell_text, value)) or "-"
    return printable(str(value))


def _part_text(value: object) -> str:
    """A value among others: a list is bracketed, so that its commas are not theirs."""
    return f"[{cell_text(value) if value else ''}]" if isinstance(value, (list, tuple)) else cell_text(value)


def age_text(then: datetime, *, now: datetime | None = None) -> str:
    """`12 s ago`, `5 min ago`, `3 h ago`, `8 d ago`."""
    seconds = max(((now or datetime.now(UTC)) - then).total_seconds(), 0.0)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def printable(text: str) -> str:
    """Text without what moves a terminal's cursor or hides letters."""
    return _INVISIBLE.sub(" ", text)


def uses_color() -> bool:
    """Whether colours may be used: on a terminal, unless NO_COLOR is set (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    text = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
    if not sys.stdout.isatty():
        return text
    room = shutil.get_terminal_size().columns
    return text if len(text) <= room else text[: room - 1] + "…"


def _colored(cells: Sequence[str], text: str) -> str:
    state = next((cell for cell in cells if cell in COLORS), None)
    if state is None or not uses_color():
        return text
    return re.sub(rf"(?<!\S){state}(?!\S)", f"\x1b[{COLORS[state]}m{state}\x1b[0m", text, count=1)
