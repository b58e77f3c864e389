"""Writes Triton's configuration of a model, which KServe reads, too."""

from __future__ import annotations

from serving.manifest import Tensor


def config(name: str, image: Tensor, outputs: list[Tensor], largest_batch: int, labels: str = "") -> str:
    """Writes Triton's `config.pbtxt`; KServe reads the same layout.

    Args:
        name: the model's name.
        image, outputs: the model's tensors.
        largest_batch: the largest number of pictures in a batch.
        labels: text after each output's dimensions, to name the file of its labels.
    """

    def entry(tensor: Tensor, suffix: str = "") -> str:
        return f'  {{ name: "{tensor.name}" data_type: TYPE_FP32 dims: {tensor.shape[1:]}{suffix} }}'

    output_entries = ",\n".join(entry(output, labels) for output in outputs)
    return (
        f'name: "{name}"\nplatform: "onnxruntime_onnx"\nmax_batch_size: {largest_batch}\n'
        f"input [\n{entry(image)}\n]\noutput [\n{output_entries}\n]\ndynamic_batching {{ }}\n"
    )
