"""Each error's status, gRPC code and reason: contracts with clients and dashboards."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

import grpc
import pytest

from serving import errors
from serving.errors import CheckreaderError

CLASSES = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CheckreaderError)
]
ANSWERS = {
    "CheckreaderError": (400, "INVALID_ARGUMENT", "invalid"),
    "Malformed": (400, "INVALID_ARGUMENT", "malformed"),
    "Unauthorized": (401, "UNAUTHENTICATED", "unauthorized"),
    "Forbidden": (403, "PERMISSION_DENIED", "forbidden"),
    "Unknown": (404, "NOT_FOUND", "unknown"),
    "TimedOut": (408, "DEADLINE_EXCEEDED", "timeout"),
    "TooLarge": (413, "RESOURCE_EXHAUSTED", "too_large"),
    "Unsupported": (415, "INVALID_ARGUMENT", "unsupported"),
    "HeadersTooLarge": (431, "RESOURCE_EXHAUSTED", "too_large"),
    "Busy": (503, "UNAVAILABLE", "busy"),
    "Expired": (504, "DEADLINE_EXCEEDED", "expired"),
}


def test_the_answer_to_each_error() -> None:
    assert {kind.__name__: (kind.status, kind.grpc_code, kind.reason) for kind in CLASSES} == ANSWERS


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_can_be_answered_by_every_protocol(kind: type[CheckreaderError]) -> None:
    assert HTTPStatus(kind.status) >= 400
    assert kind.grpc_code in grpc.StatusCode.__members__
    assert kind.about.endswith(".")


def test_a_subclass_is_answered_as_its_base() -> None:
    """Others derive from these, too."""

    class Special(errors.Busy):
        pass

    assert (Special("").status, Special("").reason) == (503, "busy")


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        (".12.a", "folder/a"),
        (".12.a/part", "folder/a/part"),
        ("other", "other"),
        (None, None),
    ],
)
def test_a_temporary_file_goes_by_the_name_of_the_real_one(
    filename: str | None, expected: str | None
) -> None:
    with (
        pytest.raises(OSError, match="No space left") as caught,
        errors.naming(Path("folder/a"), Path(".12.a")),
    ):
        raise OSError(28, "No space left on device", filename)
    assert caught.value.filename == expected
