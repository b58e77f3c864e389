"""Writes Triton's configuration of a model, which KServe reads, too."""

from __future__ import annotations

from serving.manifest import Tensor


def config(name: str, image: Tensor, outputs: list[Tensor], largest_batch: int, labels: str = "") -> str:
    """Writes Triton's `config.pbtxt`; KServe reads the same layout.

    Args:
        name: of the model.
        image, outputs: its tensors.
        largest_batch: pictures.
        labels: follows each output's dimensions.
    """

    def entry(tensor: Tensor, extra: str = "") -> str:
        return f'  {{ name: "{tensor.name}" data_type: TYPE_FP32 dims: {tensor.shape[1:]}{extra} }}'

    listed = ",\n".join(entry(output, labels) for output in outputs)
    return (
        f'name: "{name}"\nplatform: "onnxruntime_onnx"\nmax_batch_size: {largest_batch}\n'
        f"input [\n{entry(image)}\n]\noutput [\n{listed}\n]\ndynamic_batching {{ }}\n"
    )
