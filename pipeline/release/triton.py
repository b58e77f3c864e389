"""What Triton reads beside a model, in the layout that KServe reads, too."""

from __future__ import annotations

from serving.manifest import Tensor


def config(name: str, image: Tensor, outputs: list[Tensor], most: int, labels: str = "") -> str:
    """Triton's `config.pbtxt`; KServe reads the same layout.

    Args:
        name: of the model.
        image, outputs: its tensors.
        most: the largest batch.
        labels: what follows each output's dimensions.
    """

    def entry(tensor: Tensor, extra: str = "") -> str:
        return f'  {{ name: "{tensor.name}" data_type: TYPE_FP32 dims: {tensor.shape[1:]}{extra} }}'

    listed = ",\n".join(entry(output, labels) for output in outputs)
    return (
        f'name: "{name}"\nplatform: "onnxruntime_onnx"\nmax_batch_size: {most}\n'
        f"input [\n{entry(image)}\n]\noutput [\n{listed}\n]\ndynamic_batching {{ }}\n"
    )
