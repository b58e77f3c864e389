"""A run of the pipeline: one directory `runs/NAME/` that holds everything about it.

Each stage writes its files there and last, atomically, `STAGE.json`: its
config and data, the SHA-256 of the files it wrote, its metrics, and the
versions and machine it ran on. The next stage checks those hashes before it
uses a file, so a result can always be traced to the pixels it came from.
`pipeline.records` has the types of what is read of these records.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import time
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from pipeline.records import Record, convert
from serving.errors import CheckreaderError, naming

SCHEMA = 1
RUNS = Path("runs")  # below the folder where the command is called
WEIGHTS = "float.keras"  # the averaged weights that `train` writes, pixels → logits
QUANTIZED = "quantized"  # the SavedModel folder that `quantize` writes
# The stages that every run has, in order.
STAGES = ("train", "quantize", "export", "verify", "evaluate", "benchmark")
_STARTED = time.monotonic()  # the process's first moments: stages import TensorFlow later
_PACKAGES = (
    "tensorflow",
    "keras",
    "tf-keras",
    "tensorflow-model-optimization",
    "tf2onnx",
    "onnx",
    "onnxruntime",
    "ai-edge-litert",
    "numpy",
)

_Kind = TypeVar("_Kind", bound=Record)


@dataclasses.dataclass(frozen=True)
class Stopwatch:
    """Sums the seconds of a stage over interruptions: those until the last `save` of each earlier process, and of this one.

    Attributes:
        path: where the sum is kept until the stage ends.
        earlier: seconds of the processes before.
    """

    path: Path
    earlier: float

    def seconds(self) -> float:
        """Returns the sum until now."""
        return round(self.earlier + time.monotonic() - _STARTED, 1)

    def save(self) -> None:
        """Keeps the sum, for a later process that goes on from here."""
        write_json(self.path, self.seconds())


@dataclasses.dataclass(frozen=True)
class Run:
    """A run directory; `Run(Path("runs/mnist"))`."""

    path: Path

    @classmethod
    def named(cls, name: str) -> Run:
        """Returns the run of that name, a folder in `RUNS`.

        Raises:
            CheckreaderError: the name would lead elsewhere, or to a hidden folder.
        """
        if not name or name.startswith(".") or not name.isprintable() or Path(name).name != name:
            raise CheckreaderError(
                f"--run: {name!r} is no name of a folder in {RUNS}/: letters, digits, - and _ make one"
            )
        return cls(RUNS / name)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the run for one command: two that write at once would mix their files.

        The system lets go of it when the process ends, however that comes about.

        Raises:
            CheckreaderError: another command holds it.
        """
        if not self.path.is_dir():  # nothing to mix; the stage says what is missing
            yield
            return
        folder = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(folder)
            raise CheckreaderError(
                f"{self.path}: another command works on this run: wait for its end, or choose another --run"
            ) from None
        except OSError:  # a file system without locks
            pass
        try:
            yield
        finally:
            os.close(folder)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def command(self, stage: str) -> str:
        """Returns the command line of a stage of this run."""
        return f"checkreader {stage} --run {shlex.quote(self.path.name)}"

    def stopwatch(self, stage: str, goes_on: bool) -> Stopwatch:
        """Starts the stopwatch of a stage, at the seconds of the earlier calls that this one `goes_on` from."""
        path = self / f"{stage}-seconds.json"
        if not goes_on:
            path.unlink(missing_ok=True)
        try:
            earlier = float(json.loads(path.read_text()))
        except (OSError, TypeError, ValueError):
            earlier = 0.0
        return Stopwatch(path, earlier)

    def record(self, stage: str, files: Sequence[str], **content: Any) -> dict[str, Any]:
        """Writes `STAGE.json` and returns it.

        Args:
            stage: the stage that ends here.
            files: the files it wrote, relative to the run.
            content: whatever else belongs in the record (config, data, metrics); `seconds` where earlier processes
                did a part of the stage.
        """
        record = {
            "schema": SCHEMA,
            "stage": stage,
            **content,
            "files": {
                name: {"sha256": sha256(self / name), "bytes": (self / name).stat().st_size} for name in files
            },
            "seconds": content.get("seconds", round(time.monotonic() - _STARTED, 1)),
            "environment": environment(),
        }
        write_json(self / f"{stage}.json", record)
        return record

    def require(self, stage: str) -> dict[str, Any]:
        """Reads the record of an earlier stage and checks its files.

        Raises:
            CheckreaderError: the stage was not run, was run by another version
                of checkreader, or one of its files has changed since.
        """
        path = self / f"{stage}.json"
        again = f"run `{self.command(stage)}` again"
        try:
            record = json.loads(path.read_text())
        except FileNotFoundError:
            own = " --data DATA" if stage == "train" else ""  # left out, it would be the built-in digits
            raise CheckreaderError(f"{path}: not found: run `{self.command(stage)}{own}` first") from None
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise CheckreaderError(f"{path}: not valid JSON ({error}): {again}") from None
        schema = record.get("schema") if isinstance(record, dict) else None
        if schema != SCHEMA:
            raise CheckreaderError(
                f"{path}: written by another version of checkreader (run schema {schema}, expected {SCHEMA}): "
                f"{again}, or choose another --run"
            )
        if not isinstance(record.get("files"), dict):
            raise CheckreaderError(f"{path}: not a record of this stage: {again}")
        for name, entry in record["files"].items():
            if not (self / name).is_file():
                raise CheckreaderError(f"{self / name}: missing: {again}")
            if sha256(self / name) != entry["sha256"]:
                raise CheckreaderError(
                    f"{self / name}: its SHA-256 differs from the one in {path.name}: {again}"
                )
        return dict(record)

    def read(self, kind: type[_Kind]) -> _Kind:
        """Reads the record of an earlier stage as its type, and checks its files.

        Args:
            kind: `TrainRecord`, say.

        Raises:
            CheckreaderError: as for `require`, or something is missing in the record.
        """
        return convert(self.require(kind.STAGE), kind, self / f"{kind.STAGE}.json")

    def records(self) -> dict[str, dict[str, Any]]:
        """Reads the records of all `STAGES`, and of `calibrate` where it was run, and checks their files."""
        extra = ("calibrate",) if (self / "calibrate.json").exists() else ()
        return {stage: self.require(stage) for stage in (*STAGES, *extra)}


def environment() -> dict[str, Any]:
    """Collects versions and machine, for the record."""
    return {
        "checkreader": metadata.version("checkreader"),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "machine": machine(),
    }


def machine() -> dict[str, Any]:
    """Looks up CPU model, usable cores and operating system."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "system": platform.system()}


def sha256(path: Path) -> str:
    """Computes the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path next to `path` that takes its place when the block ends well.

    A failure (a full disk, an interrupt) leaves whatever was there before and
    nothing half-written. The temporary name keeps the suffix, which some
    writers demand; an `OSError` names `path` in its place.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        with naming(path, temporary):
            yield temporary
            temporary.replace(path)
    except OSError as error:
        if error.filename is None:  # `write` does not say where
            error.filename = str(path)
        raise
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)


def real_names(text: str) -> str:
    """Returns a text, such as a library's error, with the names of files in the place of `replacing`'s temporary ones."""
    return re.sub(rf"(?<![\w.])\.{os.getpid()}\.", "", text)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, content: Any) -> None:
    """Writes JSON atomically, indented, to be read by people too."""
    write_bytes(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
