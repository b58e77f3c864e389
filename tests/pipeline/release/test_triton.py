from pipeline.release import triton
from serving.manifest import Tensor


def test_config() -> None:
    """Triton's protobuf text has no batch dimension, and names the file of labels where there is one."""
    image, output = Tensor("image", "FP32", [-1, 28, 28, 1]), Tensor("probabilities", "FP32", [-1, 10])
    assert triton.config("lenet5", image, [output], 256, ' label_filename: "labels.txt"').splitlines() == [
        'name: "lenet5"',
        'platform: "onnxruntime_onnx"',
        "max_batch_size: 256",
        "input [",
        '  { name: "image" data_type: TYPE_FP32 dims: [28, 28, 1] }',
        "]",
        "output [",
        '  { name: "probabilities" data_type: TYPE_FP32 dims: [10] label_filename: "labels.txt" }',
        "]",
        "dynamic_batching { }",
    ]
