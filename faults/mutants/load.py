"""Another source takes a module's place in this process, before anybody has imported it. No file is touched."""

import sys
from collections.abc import Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType

__all__ = ["replace_source"]


class _Source(InspectLoader):
    def __init__(self, text: str, names: dict[str, object]) -> None:
        self._text = text
        self._names = names

    def get_source(self, fullname: str) -> str:  # noqa: ARG002
        return self._text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._text, f"<instead of {fullname}>", "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(self._names)
        super().exec_module(module)


class _Finder(MetaPathFinder):
    def __init__(self, module: str, loader: _Source) -> None:
        self._module = module
        self._loader = loader

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self._loader) if fullname == self._module else None


def replace_source(module: str, text: str, **names: object) -> None:
    """From now on ``import module`` runs ``text``, in which ``names`` are known.

    Raises:
        RuntimeError: it was imported already, so somebody may hold parts of the real one.
    """
    if module in sys.modules:
        raise RuntimeError(f"{module} was imported before another source could take its place")
    sys.meta_path.insert(0, _Finder(module, _Source(text, names)))
