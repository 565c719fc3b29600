"""A folder of this machine or a mounted share: no link is followed, on the way or at the end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]

from connectors.sdk.errors import AccessRefused, Owner, Unavailable
from connectors.sdk.files.place import Place


class FolderPlace(Place):
    def path(self, name: str) -> str:
        """Raises AccessRefused also where a link stands in the way."""
        plain = Path(super().path(name))
        if plain.resolve() != plain:
            raise AccessRefused(
                f"{name!r} leads out of {self.title} through a link: remove the link there.",
                code="scope-missing",
                owner=Owner.PARTNER,
            )
        return str(plain)

    def _read(self, path: str, size: int, most: int) -> bytes:
        # Not the library's own open: a link put there after the look at the path must fail.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            return file.read(most + 1)

    def _settle(self, file: Any) -> None:
        file.flush()
        os.fsync(file.fileno())

    def _move(self, source: str, target: str) -> None:
        # A rename is one step; the library would copy where a rename can't be had.
        Path(source).replace(target)


def folder_place(root: str) -> FolderPlace:
    """Raises AccessRefused for a path that isn't whole, Unavailable where nothing is mounted."""
    path = Path(root)
    if not path.is_absolute() or ".." in path.parts:
        raise AccessRefused(
            f"The folder {root!r} is not a whole path: enter one that begins with a slash.",
            code="scope-missing",
            owner=Owner.PARTNER,
        )
    if not path.is_dir():
        raise Unavailable(
            f"The folder {root} is not there: mount the share or correct the setting.",
            owner=Owner.PARTNER,
        )
    files = LocalFileSystem(auto_mkdir=False, skip_instance_cache=True)
    return FolderPlace(files, str(path.resolve()), f"the folder {root}")
