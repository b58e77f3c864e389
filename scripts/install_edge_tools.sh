#!/bin/sh
# Installs what `make edge-test` needs, on Debian as root: scripts/install_edge_tools.sh PYTHON
set -eu
python=$1
apt-get update -qq
apt-get install -y --no-install-recommends gcc gcc-arm-none-eabi qemu-system-arm chromium
"$python" -m pip install --quiet --disable-pip-version-check --no-deps \
    tflite-micro==0.dev20261023182759 ethos-u-vela==5.2.0
