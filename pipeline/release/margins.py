"""Writes the margins of a model's certified error bounds anew into its C and its WebAssembly."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from pipeline.export import c_source, wasm
from pipeline.export.provenance import embed_in_c, embed_in_wasm, read
from pipeline.networks import integer_reference
from serving.manifest import Model


def render(folder: Path, model: Model) -> tuple[Model, dict[str, bytes]]:
    """Renders the C, its header and the WebAssembly of a digit model for its thresholds.

    Args:
        folder: the models folder, with the files as they are.
        model: its entry in the manifest, with the thresholds that hold from now on.

    Returns:
        The entry with the files' new hashes and sizes, and the new files by path; none if the model has no such files.
    """
    source = next((artifact for artifact in model.artifacts if artifact.format == "tflite_int8"), None)
    written = [artifact for artifact in model.artifacts if artifact.runtime in ("c", "wasm")]
    if source is None or not written:
        return model, {}
    network = integer_reference.load((folder / source.path).read_bytes())
    code, header = c_source.render(network, source.sha256, model.thresholds, model.least_evidence)
    files: dict[str, bytes] = {}
    for artifact in written:
        path = artifact.path
        match artifact.format:
            case "wasm" | "wasm_simd" as target:
                files[path] = embed_in_wasm(wasm.compile_module(code, header, target), read(folder / path))
            case _ if Path(path).suffix == ".c":
                files[path] = embed_in_c(code, read(folder / path))
            case _:
                files[path] = header.encode()
    artifacts = [
        msgspec.structs.replace(
            artifact,
            sha256=hashlib.sha256(files[artifact.path]).hexdigest(),
            bytes=len(files[artifact.path]),
        )
        if artifact.path in files
        else artifact
        for artifact in model.artifacts
    ]
    return msgspec.structs.replace(model, artifacts=artifacts), files
