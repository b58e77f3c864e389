from pathlib import Path

import pytest

from pipeline import precision
from pipeline.config import CheckTrainConfig, FieldTrainConfig


@pytest.mark.parametrize(
    ("flags", "policy"),
    [
        ("flags\t\t: sse2 avx2 avx512_bf16 fma", "mixed_bfloat16"),
        ("flags\t\t: sse2 avx2 amx_bf16", "mixed_bfloat16"),
        ("Features\t: fp asimd bf16 i8mm", "mixed_bfloat16"),
        ("flags\t\t: sse2 avx2 fma avx512_fp16", "float32"),
        (None, "float32"),
    ],
)
def test_trains_in_what_the_processor_computes_in(
    flags: str | None, policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor = tmp_path / "cpuinfo"
    if flags is not None:
        processor.write_text(f"model name\t: some\n{flags}\n")
    monkeypatch.setattr(precision, "PROCESSOR", processor)
    monkeypatch.setattr(precision, "fastest", precision.fastest.__wrapped__)
    assert precision.fastest() == policy


def test_configs_take_it() -> None:
    assert FieldTrainConfig().precision == CheckTrainConfig().precision == precision.fastest()
