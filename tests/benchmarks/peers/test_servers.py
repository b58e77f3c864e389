"""Command lines, requests and requirements of the servers, none of which is started."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.peers.servers import CHECKREADER, HERE, MODEL, PEERS, ROOT, Server
from serving import __version__
from serving.errors import CheckreaderError
from serving.repository.store import Repository

PORTS = (8001, 8002, 8003)
SERVERS = pytest.mark.parametrize("server", [CHECKREADER, *PEERS], ids=lambda server: server.name)


@SERVERS
def test_every_server_gets_the_released_model(server: Server) -> None:
    path = Path(server.variables(PORTS)["PEER_MODEL"])
    assert path.is_file()
    artifacts = Repository.open().model(MODEL).artifacts
    assert str(path.relative_to(Repository.open().folder)) in {artifact.path for artifact in artifacts}


@SERVERS
def test_every_server_gets_its_port(server: Server) -> None:
    words = server.command_line(PORTS) + list(server.variables(PORTS).values())
    assert "8001" in words
    assert not any("{" in word for word in words)
    assert words[0].startswith(str(server.venv / "bin"))


@SERVERS
def test_the_named_files_exist(server: Server) -> None:
    """Programs and folders of this project that a command names, and the requirements."""
    for word in server.command_line(PORTS)[1:]:
        if word.startswith(str(HERE)):
            assert Path(word).exists(), word
        elif match := re.fullmatch(r"(\w+_\w+):\w+", word):
            assert (HERE / f"{match[1]}.py").is_file(), word
    assert "onnxruntime" in server.packages()


def test_mlserver_listens_on_three_ports() -> None:
    (server, *_) = [server for server in PEERS if server.package == "mlserver"]
    variables = server.variables(PORTS)
    assert [variables[f"MLSERVER_{name}_PORT"] for name in ("HTTP", "GRPC", "METRICS")] == [
        "8001",
        "8002",
        "8003",
    ]


def test_checkreader_is_that_of_the_checkout() -> None:
    assert CHECKREADER.variables(PORTS)["PYTHONPATH"] == str(ROOT)
    assert CHECKREADER.packages()["checkreader"] == __version__
    assert CHECKREADER.command_line(PORTS)[1:] == ["-m", "serving.cli.main", "serve", "--port", "8001"]


@pytest.mark.parametrize(
    "reply", [[0.25, 0.75], {"probabilities": [0.25, 0.75]}, {"outputs": [{"data": [0.25, 0.75]}]}]
)
def test_replies(reply: object) -> None:
    assert PEERS[0].probabilities(reply) == [0.25, 0.75]


def test_an_unexpected_reply() -> None:
    with pytest.raises(CheckreaderError, match=r"fastapi: unexpected reply \{'error': 'no'\}"):
        PEERS[0].probabilities({"error": "no"})


def test_requests() -> None:
    (tensor,) = CHECKREADER.content([0.5] * 784)["inputs"]
    assert (tensor["name"], tensor["shape"], len(tensor["data"])) == ("image", [1, 28, 28, 1], 784)
    (bentoml,) = [server for server in PEERS if server.name == "bentoml"]
    assert bentoml.content([0.5]) == {"data": [0.5]}
