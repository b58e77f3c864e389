"""The servers side by side: how each is started, asked and read.

Each is as fast as its documentation makes it with one worker, and does no more than checkreader does:
access logs, metrics and compression are off where they are not off already. The two that people start from
are there once more as they come out of the box.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serving import __version__
from serving.errors import CheckreaderError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MODEL = ROOT / "models/repository/lenet5/1/model.onnx"
FOLDER = ROOT / "runs/peers"
_INFER = "/v2/models/lenet5/infer"  # the Open Inference Protocol's


@dataclass(frozen=True)
class Server:
    """A server; `{port}` stands for its port, `{port1}` and `{port2}` for two more in `environment`."""

    name: str
    command: tuple[str, ...]  # the first word is a program of its virtual environment
    path: str = _INFER
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def package(self) -> str:
        return self.name.partition(" ")[0]

    @property
    def venv(self) -> Path:
        return FOLDER / self.package

    @property
    def requirements(self) -> Path:
        return HERE / f"requirements-{self.package}.txt"

    def packages(self) -> dict[str, str]:
        """The versions that were asked for, by name."""
        return dict(re.findall(r"^([\w-]+)==([\w.]+)", self.requirements.read_text(), re.MULTILINE))

    def content(self, values: list[float]) -> dict[str, Any]:
        """The request for one picture of 784 values in [0, 1]."""
        if self.path != _INFER:
            return {"data": values}
        return {"inputs": [{"name": "image", "shape": [1, 28, 28, 1], "datatype": "FP32", "data": values}]}

    def probabilities(self, reply: Any) -> list[float]:
        """The ten probabilities in its reply."""
        match reply:
            case {"outputs": [{"data": [*found]}]} | {"probabilities": [*found]} | [*found]:
                return [float(value) for value in found]
        raise CheckreaderError(f"{self.name}: unexpected reply {reply}")

    def install(self) -> None:
        """Makes its virtual environment, unless that is there with the same requirements."""
        wanted = self.requirements.read_text()
        done = self.venv / "requirements.txt"
        if done.exists() and done.read_text() == wanted:
            return
        print(f"installing {self.name}", file=sys.stderr)
        venv = [sys.executable, "-m", "venv", "--clear", str(self.venv)]
        pip = [str(self.venv / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
        for command in (venv, [*pip, "--requirement", str(self.requirements)]):
            if subprocess.run(command, stdout=sys.stderr).returncode:  # standard output is for the table
                raise CheckreaderError(f"cannot install {self.name}: see above")
        done.write_text(wanted)

    def start(self, ports: tuple[int, int, int], mark: str, log: Path) -> subprocess.Popen[bytes]:
        """Starts it; `mark` is put into the environment of all its processes."""
        slots = dict(zip(("port", "port1", "port2"), ports, strict=True))
        program, *arguments = (word.format(**slots) for word in self.command)
        environment = {
            **os.environ,
            "PYTHONPATH": str(HERE),
            "PEER_MODEL": str(MODEL),
            "PEER_MARK": mark,
            "ORT_DISABLE_TELEMETRY": "1",
            **{key: value.format(**slots) for key, value in self.environment.items()},
        }
        with log.open("wb") as file:
            return subprocess.Popen(
                [str(self.venv / "bin" / program), *arguments],
                cwd=self.venv,  # whatever it leaves behind
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )


class Checkreader(Server):
    """The one of this checkout. In an environment of its own as well: the memory of libraries that it
    shared with the load generator would count by half."""

    @property
    def requirements(self) -> Path:
        return ROOT / "requirements/serve.txt"

    def packages(self) -> dict[str, str]:
        return {"checkreader": __version__, **super().packages()}


CHECKREADER = Checkreader(
    "checkreader",
    ("python", "-m", "serving.cli.main", "serve", "--port", "{port}"),
    environment={"PYTHONPATH": str(ROOT)},
)
_UVICORN = "--host 127.0.0.1 --port {port} --loop uvloop --http httptools --no-access-log --log-level warning"
_MLSERVER = {
    "MLSERVER_HTTP_PORT": "{port}",
    "MLSERVER_GRPC_PORT": "{port1}",
    "MLSERVER_METRICS_PORT": "{port2}",
}
PEERS = (
    Server("fastapi", ("uvicorn", "fastapi_app:app", *_UVICORN.split())),
    # A handler without `async`, as its documentation advises for code that blocks, and uvicorn's defaults.
    Server("fastapi (defaults)", ("uvicorn", "fastapi_plain:app", "--port", "{port}")),
    # Batches of 16 (waiting 0 or 1 ms), fast_queue, and threads for processes were slower or no faster.
    Server("litserve", ("python", str(HERE / "litserve_app.py"), "{port}"), "/predict"),
    Server(
        "bentoml",
        ("bentoml", "serve", "bentoml_app:Lenet5", "--host", "127.0.0.1", "--port", "{port}"),
        "/predict",
        {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(FOLDER / "bentoml/home")},
    ),
    Server("mlserver", ("mlserver", "start", str(HERE / "mlserver_model")), environment=_MLSERVER),
    Server("mlserver (defaults)", ("mlserver", "start", str(HERE / "mlserver_plain")), environment=_MLSERVER),
)
