"""Writes where a model file comes from into the file's own metadata, as JSON, and reads it.

    .keras     a member `checkreader.json` of the zip archive
    .tflite    the metadata buffer `checkreader`
    .onnx      the metadata property `checkreader`
    .c         the comment in its last line
    .wasm      the custom section `checkreader`, the last one

Other metadata of the file stays as it was.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any, Final

import flatbuffers
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema

from serving.errors import CheckreaderError

KEY: Final = "checkreader"
_MEMBER: Final = f"{KEY}.json"
_SHARED_OBJECT: Final = re.compile(r'("shared_object_id": )(\d+)')


def encode(provenance: dict[str, Any]) -> str:
    """Returns compact JSON with sorted keys: the same provenance is the same text."""
    return json.dumps(provenance, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def embed_in_keras(archive: bytes, provenance: dict[str, Any]) -> bytes:
    """Adds the provenance to a `.keras` archive, and removes the time of its writing and addresses of this process."""
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        members = {name: file.read(name) for name in file.namelist()}
    members["config.json"] = _numbered_objects(members["config.json"].decode()).encode()
    metadata = json.loads(members["metadata.json"])
    metadata.pop("date_saved", None)
    members["metadata.json"] = json.dumps(metadata).encode()
    members[_MEMBER] = encode(provenance).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _numbered_objects(config: str) -> str:
    """Numbers the objects that layers share in the order in which they occur; Keras writes their memory addresses."""
    numbers: dict[str, int] = {}
    return _SHARED_OBJECT.sub(lambda match: f"{match[1]}{numbers.setdefault(match[2], len(numbers))}", config)


def embed_in_onnx(model: onnx.ModelProto, provenance: dict[str, Any]) -> bytes:
    """Adds the provenance to an ONNX model, and serializes it."""
    onnx.helper.set_model_props(model, {KEY: encode(provenance)})
    model.producer_name, model.producer_version = KEY, provenance["checkreader"]
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def embed_in_tflite(model: Any, provenance: dict[str, Any]) -> bytes:
    """Adds the provenance to a TensorFlow Lite model (`ModelT`), and serializes it."""
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(encode(provenance).encode(), np.uint8)
    entry.name, entry.buffer = KEY, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    return serialize(model)


def embed_in_c(code: str, provenance: dict[str, Any]) -> bytes:
    """Adds the provenance to a C file, as a comment."""
    text = encode(provenance).replace("*/", "*\\/")  # the same JSON, which ends no comment
    return f"{code}\n/* {KEY} {text} */\n".encode()


def embed_in_wasm(module: bytes, provenance: dict[str, Any]) -> bytes:
    """Adds the provenance to a WebAssembly module, as a custom section that runtimes ignore."""
    content = bytes([len(KEY)]) + KEY.encode() + encode(provenance).encode()
    size, rest = bytearray(), len(content)
    while rest >= 128:  # LEB128
        size.append(rest % 128 + 128)
        rest //= 128
    return module + b"\0" + bytes([*size, rest]) + content


class _Builder(flatbuffers.Builder):  # type: ignore[misc]  # it has no types
    """Starts byte vectors at multiples of 16, as TensorFlow Lite's schema demands.

    The generated Python code forgets `force_align`; a microcontroller that
    reads int32 biases from an odd address would stop.
    """

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:
        return super().StartVector(elemSize, numElems, 16 if elemSize == 1 else alignment)


def serialize(model: Any) -> bytes:
    """Serializes a TensorFlow Lite model (`ModelT`) as a flatbuffer."""
    builder = _Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def read(path: Path) -> dict[str, Any]:
    """Reads the provenance in a model file.

    Raises:
        CheckreaderError: the file has none or is damaged.
    """
    try:
        match path.suffix:
            case ".keras":
                with zipfile.ZipFile(path) as file:
                    text = file.read(_MEMBER).decode()
            case ".onnx":
                text = {entry.key: entry.value for entry in onnx.load(path).metadata_props}[KEY]
            case ".tflite":
                model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
                buffers = {entry.name: model.buffers[entry.buffer] for entry in model.metadata}
                text = bytes(buffers[KEY.encode()].data).decode()
            case ".c":
                text = path.read_text().rstrip().rpartition(f"/* {KEY} ")[2].removesuffix(" */")
            case ".wasm":
                text = path.read_bytes().rpartition(bytes([len(KEY)]) + KEY.encode())[2].decode()
            case suffix:
                raise CheckreaderError(f"{path}: no provenance is read from {suffix or 'a nameless'} file")
        return dict(json.loads(text))
    except CheckreaderError:
        raise
    # Three libraries read the files, and each raises errors of its own on damaged ones.
    except Exception as error:
        raise CheckreaderError(f"{path}: no readable provenance ({type(error).__name__}: {error})") from None
