"""Request parameters of the Open Inference Protocol that say how pictures of fields are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from serving.engine.field_pictures import ReadingOptions, are_field_pictures
from serving.engine.served_model import ServedModel
from serving.engine.tensors import Tensor
from serving.protocol import pictures

# Those of `POST /fields`, but for the model, which is in the path.
NAMES: Final = tuple(name for name in pictures.FIELD_PARAMETERS if name != "model")
# Parameters of the protocol's extensions and of other servers' clients.
_RESERVED: Final = frozenset(
    (
        *("binary_data_output", "timeout", "priority"),
        *("sequence_id", "sequence_start", "sequence_end"),
        *("content_type", "headers"),  # MLServer
    )
)
_RESERVED_PREFIX: Final = "triton_"


def reading_options(
    served: ServedModel, inputs: Sequence[Tensor], parameters: Mapping[str, object]
) -> ReadingOptions:
    """Reads the parameters of a request; those of tensors and of pictures of digits are not looked at.

    Args:
        served: the model that the request is for.
        inputs: of the request.
        parameters: of the request; null is as good as left out.

    Raises:
        CheckreaderError: one is unknown, neither of `NAMES` nor the protocol's own, or makes no sense.
    """
    if not are_field_pictures(served, inputs):
        return ReadingOptions()
    query = pictures.parse_query(
        (
            (name, str(value))
            for name, value in parameters.items()
            if value is not None and name not in _RESERVED and not name.startswith(_RESERVED_PREFIX)
        ),
        NAMES,
    )
    return ReadingOptions(query.max_error, query.crop, query.field_format)
