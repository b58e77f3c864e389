"""`serving` stands alone: no TensorFlow, no pipeline, no connection to anywhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.tiny import png, seven
from tests.support.tracing import LINGER, outside_connections

# What a client does, in a process of its own, so that the whole of it is traced.
SERVE = """
import subprocess, sys, time, urllib.request
command = [sys.executable, "-m", "serving.cli.main", "serve", "--port", "0"]
server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
address = server.stdout.readline().split()[-1]
for path in ("/v2/models/lenet5", "/docs"):
    urllib.request.urlopen(address + path).read()
urllib.request.urlopen(address + "/digits", open(sys.argv[1], "rb").read()).read()
time.sleep(float(sys.argv[2]))
server.terminate()
sys.exit(server.wait())
"""


@pytest.fixture
def picture(tmp_path: Path) -> str:
    file = tmp_path / "seven.png"
    file.write_bytes(png(seven()))
    return str(file)


def environment(models: Path) -> dict[str, str]:
    return {"CHECKREADER_MODELS": str(models), "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize(
    "module",
    [
        "serving.app",
        "serving.cli.main",
        "serving.bulk.local",
        "serving.runtime.onnx",
        "serving.runtime.litert",
    ],
)
def test_imports_neither_tensorflow_nor_pipeline(module: str) -> None:
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"tensorflow", "keras", "tf_keras", "pipeline", "tests"}


def test_the_command_starts_without_the_packages_metadata() -> None:
    """It takes a tenth of a start; only the pipeline's commands are looked up there."""
    code = "import sys, serving.cli.main; sys.exit('importlib.metadata' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_classify_needs_no_web_server(models: Path, picture: str) -> None:
    code = (
        "import sys; from serving.cli.main import main; main(sys.argv[1:]); "
        "sys.exit(bool({'starlette', 'uvicorn', 'asyncio'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, "classify", picture, "--models", str(models)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize("command", ["read", "classify"])
def test_neither_ray_nor_tqdm_is_needed(models: Path, picture: str, command: str) -> None:
    code = (
        "import sys; sys.modules.update(ray=None, tqdm=None, starlette=None, uvicorn=None, multipart=None); "
        "from serving.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    arguments = [sys.executable, "-c", code, command, picture, "--models", str(models)]
    subprocess.run(arguments, cwd=ROOT, check=True, capture_output=True)


def test_serve_connects_to_nowhere(models: Path, picture: str) -> None:
    serve = [sys.executable, "-c", SERVE, picture, str(LINGER)]
    assert outside_connections(serve, environment(models)) == []


def test_classify_connects_to_nowhere(models: Path, picture: str) -> None:
    command = [sys.executable, "-m", "serving.cli.main", "classify", picture]
    assert outside_connections(command, environment(models)) == []


def test_read_connects_to_nowhere(models: Path, picture: str, tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "out.jsonl")]
    command = [sys.executable, "-m", "serving.cli.main", "read", str(Path(picture).parent), *out]
    assert outside_connections(command, environment(models)) == []
    assert Path(out[1]).read_bytes().startswith(b'{"file":"seven.png"')
