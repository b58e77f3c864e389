"""Request parameters of the Open Inference Protocol that say how pictures of fields and MICR lines are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from serving.engine.field_pictures import ReadingOptions, are_field_pictures
from serving.engine.served_model import ServedModel
from serving.engine.tensors import Tensor
from serving.protocol import pictures

# Those of `POST /fields` and `POST /micr`, by the model's task, but for the model, which is in the path.
NAMES: Final = {
    task: tuple(name for name in names if name != "model")
    for task, names in (("field", pictures.FIELD_PARAMETERS), ("micr", pictures.MICR_PARAMETERS))
}
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
        CheckreaderError: one is unknown, neither of the task's `NAMES` nor the protocol's own, or makes no sense.
    """
    if not are_field_pictures(served, inputs):
        return ReadingOptions()
    query = pictures.parse_query(
        (
            (name, str(value))
            for name, value in parameters.items()
            if value is not None and name not in _RESERVED and not name.startswith(_RESERVED_PREFIX)
        ),
        NAMES[served.loaded.model.task],
    )
    return ReadingOptions(query.max_error, query.crop, query.field_format, query.country)
