"""The released files that benchmarks measure, as the manifest names them."""

from __future__ import annotations

from pathlib import Path

from serving.errors import CheckreaderError
from serving.repository.store import Repository


def file(model: str, runtime: str = "onnxruntime", repository: Repository | None = None) -> Path:
    """Returns the path of a released model's file for a runtime.

    Raises:
        CheckreaderError: there is no such model, or no file of it for that runtime.
    """
    repository = repository or Repository.open()
    for artifact in repository.model(model).artifacts:
        if artifact.runtime == runtime:
            return repository.folder / artifact.path
    raise CheckreaderError(f"model {model!r} has no file for {runtime}")
