"""The servers to compare: how each is installed, started, asked and its reply decoded.

Each is as fast as its documentation makes it with one worker, and does no more than checkreader does:
access logs, metrics and compression are off where they are not off already. The two that people start from
are measured once more with their defaults.
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

from benchmarks import models
from serving import __version__
from serving.errors import CheckreaderError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MODEL = "lenet5"
FOLDER = ROOT / "runs/peers"
_INFER = f"/v2/models/{MODEL}/infer"  # the Open Inference Protocol's


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
        """Returns the required versions by package."""
        return dict(re.findall(r"^([\w-]+)==([\w.]+)", self.requirements.read_text(), re.MULTILINE))

    def content(self, values: list[float]) -> dict[str, Any]:
        """Returns the request for one picture of 784 values in [0, 1]."""
        if self.path != _INFER:
            return {"data": values}
        return {"inputs": [{"name": "image", "shape": [1, 28, 28, 1], "datatype": "FP32", "data": values}]}

    def probabilities(self, reply: Any) -> list[float]:
        """Returns the ten probabilities in its reply.

        Raises:
            CheckreaderError: there are none.
        """
        match reply:
            case (
                {"outputs": [{"data": [*probabilities]}]}
                | {"probabilities": [*probabilities]}
                | [*probabilities]
            ):
                return [float(probability) for probability in probabilities]
        raise CheckreaderError(f"{self.name}: unexpected reply {reply}")

    def install(self) -> None:
        """Makes its virtual environment, unless that is there with the same requirements.

        Raises:
            CheckreaderError: a package cannot be installed.
        """
        requirements = self.requirements.read_text()
        installed = self.venv / "requirements.txt"
        if installed.exists() and installed.read_text() == requirements:
            return
        print(f"installing {self.name}", file=sys.stderr)
        venv = [sys.executable, "-m", "venv", "--clear", str(self.venv)]
        pip = [str(self.venv / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
        for command in (venv, [*pip, "--requirement", str(self.requirements)]):
            if subprocess.run(command).returncode:
                raise CheckreaderError(f"cannot install {self.name}: see above")
        installed.write_text(requirements)

    def start(self, ports: tuple[int, int, int], mark: str, log: Path) -> subprocess.Popen[bytes]:
        """Starts it; `mark` is put into the environment of all its processes."""
        with log.open("wb") as file:
            return subprocess.Popen(
                self.command_line(ports),
                cwd=self.venv,  # for the files that it leaves
                env=os.environ | self.variables(ports) | {"PEER_MARK": mark},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def command_line(self, ports: tuple[int, int, int]) -> list[str]:
        """Returns the command that starts it on these ports."""
        program, *arguments = (word.format(**_slots(ports)) for word in self.command)
        return [str(self.venv / "bin" / program), *arguments]

    def variables(self, ports: tuple[int, int, int]) -> dict[str, str]:
        """Returns its environment variables beyond those of this process."""
        return {
            "PYTHONPATH": str(HERE),
            "PEER_MODEL": str(models.file(MODEL)),
            "ORT_DISABLE_TELEMETRY": "1",
            **{name: text.format(**_slots(ports)) for name, text in self.environment.items()},
        }


def _slots(ports: tuple[int, int, int]) -> dict[str, int]:
    return dict(zip(("port", "port1", "port2"), ports, strict=True))


class Checkreader(Server):
    """The service of this checkout, in an environment of its own as well.

    The memory of libraries that it shared with the load generator would count by half.
    """

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
