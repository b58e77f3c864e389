"""The paths and commands of the check of the systemd unit."""

from __future__ import annotations

import re

from scripts.check_deploy import image, unit


def test_the_unit_has_the_commands_that_install_it() -> None:
    *install, enable = re.findall(r"^#     (.+)$", unit.UNIT.read_text(), re.MULTILINE)
    assert install
    assert enable.startswith("systemctl ")


def test_the_paths_exist() -> None:
    assert (image.ROOT / "deploy" / "systemd" / "tls.conf").is_file()
    assert image.FOLDER[1].partition(":")[0] == str(image.ROOT / "deploy")
    for file in ("7a.png", "field-b.png"):
        assert (image.ROOT / "models" / "golden" / file).is_file()
