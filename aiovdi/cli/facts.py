"""What ``aiovdi info`` says, without the parser of words: that one takes longer to import than this to run."""

from pathlib import Path

from aiovdi.cli.output import print_json, size_text
from aiovdi.driver.info import Info
from aiovdi.driver.reader import Reader
from aiovdi.jobs.images import Format, Image, open_image
from aiovdi.storage.nbd_uri import is_uri

__all__ = ["show"]


async def show(filename: str, *, as_json: bool, fmt: Format | None, share: bool) -> int:
    """Print the facts about an image, as one JSON object or as lines. Raises as ``open_image``."""
    async with open_image(filename, format=fmt, lock=not share) as image:
        facts = _facts(image, filename)
    if as_json:
        print_json(facts)
    else:
        _print_lines(facts)
    return 0


def _facts(image: Image, filename: str) -> dict[str, object]:
    """The keys of ``qemu-img info --output json``."""
    facts: dict[str, object] = {
        "virtual-size": image.size,
        "filename": filename,
        "format": "raw",
        **_actual_size(filename),
        "dirty-flag": False,
    }
    if isinstance(image, Reader):
        details = image.info
        facts |= {"format": "vdi", "cluster-size": details.cluster_size, "format-specific": _specific(details)}
    return facts


def _actual_size(filename: str) -> dict[str, int]:
    """A server does not tell what it takes; qemu-img leaves the key out then, too."""
    return {} if is_uri(filename) else {"actual-size": Path(filename).stat().st_blocks * 512}


def _specific(details: Info) -> dict[str, object]:
    """QEMU has such an object for other formats, under the same key."""
    return {
        "type": "vdi",
        "data": {
            "version": details.version,
            "image-type": details.image_type.name.lower(),
            "comment": details.comment,
            "block-count": details.block_count,
            "blocks-allocated": details.blocks_allocated,
            "bmap-offset": details.bmap_offset,
            "data-offset": details.data_offset,
            "uuid-create": str(details.uuid_create),
            "uuid-modify": str(details.uuid_modify),
            "uuid-parent": str(details.uuid_parent),
        },
    }


def _print_lines(facts: dict[str, object]) -> None:
    size, actual = facts["virtual-size"], facts.get("actual-size")
    assert isinstance(size, int)
    print(f"image: {facts['filename']}")
    print(f"file format: {facts['format']}")
    print(f"virtual size: {size_text(size)} ({size} bytes)")
    print(f"disk size: {size_text(actual) if isinstance(actual, int) else 'unavailable'}")
    specific = facts.get("format-specific")
    if isinstance(specific, dict):
        print(f"cluster_size: {facts['cluster-size']}")
        print("Format specific information:")
        for name, value in specific["data"].items():
            print(f"    {name.replace('-', ' ')}: {value}")
