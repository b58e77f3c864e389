"""Pictures → tensors: the one normalization for training, evaluation and service.

`picture` turns a file's bytes into gray levels; `digit` those of one digit into
LeNet-5's input; `field` those of a whole amount or number into the field
network's.
"""

from serving.images.digit import BODY, SIDE, components, normalize, tensor
from serving.images.field import HEIGHT, MAX_WIDTH, Field, normalize_field
from serving.images.picture import FORMATS, MAX_PIXELS, Gray, decode, size

__all__ = [
    "BODY",
    "FORMATS",
    "HEIGHT",
    "MAX_PIXELS",
    "MAX_WIDTH",
    "SIDE",
    "Field",
    "Gray",
    "components",
    "decode",
    "normalize",
    "normalize_field",
    "size",
    "tensor",
]
