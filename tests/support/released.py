"""The released models as `checkreader serve` serves them, and as ONNX Runtime runs them in this process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from serving import __version__
from serving.manifest import GoldenDigit
from serving.repository.golden import LoadedModel
from serving.repository.store import Repository
from tests.support.paths import ROOT

DIGITS = ("lenet5", "lenet5-int8")
FEATURES = "lenet5-features"
VERSION = Repository.open().model("lenet5").version  # and of the models released with it
NAMES = (*DIGITS, FEATURES)  # those that take pictures of 28×28
FIELDS = ("lenet5-field", "lenet5-field-int8")
EVERY = tuple(Repository.open().manifest.models)
TOLERANCE = 1e-6  # between probabilities that went through decimal digits


@dataclass(frozen=True)
class Service:
    """The addresses of a service, "host:port"."""

    http: str
    grpc: str


@contextmanager
def served(errors: Path) -> Iterator[Service]:
    """Runs a service in a process of its own, which must end with status 0 and print nothing but its addresses.

    Args:
        errors: a file for its standard error; a pipe that nobody reads would fill up.
    """
    ports = ["--port", "0", "--grpc-port", "0"]
    # On the CPU, where the results to compare with are made.
    command = [sys.executable, "-m", "serving.cli.main", "serve", *ports, "--device", "cpu"]
    environment = {name: value for name, value in os.environ.items() if name != "CHECKREADER_MODELS"}
    with (
        errors.open("w") as log,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            line = process.stdout.readline()
            addresses = re.fullmatch(
                rf"checkreader {re.escape(__version__)} at http://(\S+), gRPC at (\S+)\n", line
            )
            assert addresses, line + errors.read_text()
            yield Service(*addresses.groups())
        finally:
            process.terminate()
            output, _ = process.communicate(timeout=60)
        assert (process.returncode, output, errors.read_text()) == (0, "", "")


class Released:
    """The models in this process, and pictures for them."""

    def __init__(self) -> None:
        self.repository = Repository.open(ROOT / "models")
        self.models: dict[str, LoadedModel] = {name: self.repository.load(name) for name in NAMES}

    @cached_property
    def golden(self) -> list[GoldenDigit]:
        """The golden digits."""
        return self.repository.golden[0]

    @cached_property
    def pictures(self) -> list[bytes]:
        """The golden pictures as PNG."""
        return [(self.repository.folder / "golden" / digit.file).read_bytes() for digit in self.golden]

    @cached_property
    def pixels(self) -> np.ndarray:
        """The golden pictures, then noise: uint8 [64, 28, 28, 1]."""
        golden = np.rint(self.repository.golden[1] * 255).astype(np.uint8)
        noise = np.random.default_rng(0).integers(0, 256, (64 - len(golden), 28, 28, 1), np.uint8)
        return np.concatenate([golden, noise])

    @cached_property
    def image(self) -> np.ndarray:
        """`pixels` as the models take them, float32 in [0, 1]."""
        return self.pixels.astype(np.float32) / np.float32(255)

    def run(self, name: str, image: np.ndarray) -> dict[str, np.ndarray]:
        """Returns every output of a model by its name."""
        network = self.models[name].network
        return dict(zip([spec.name for spec in network.outputs], network.run(image), strict=True))

    def probabilities(self, name: str, image: np.ndarray) -> np.ndarray:
        """Returns the probabilities of a model, float32 [N, 10]."""
        return self.run(name, image)["probabilities"]
