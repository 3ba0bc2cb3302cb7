"""Reports as lines and as JSON, in qemu-img's words."""

import json
from collections.abc import Mapping

__all__ = ["print_json", "size_text"]

_UNITS = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


def size_text(size: int) -> str:
    """``size`` bytes in three digits, as qemu-img rounds: from 1000 on of one unit it takes the next."""
    step = 0
    while size * 1024 >= 1000 * 1024 ** (step + 1) and step < len(_UNITS) - 1:
        step += 1
    return f"{size / 1024**step:.3g} {_UNITS[step]}B"


def print_json(value: Mapping[str, object]) -> None:
    """Print one object on stdout, indented as qemu-img does."""
    print(json.dumps(value, indent=4))
