#!/bin/sh
# Installs an emulator and measures both extras on an arm64 Debian, on Debian as root: scripts/edge_arm64.sh PYTHON
set -eu
python=$1
apt-get update -qq
apt-get install -y --no-install-recommends mmdebstrap cpio qemu-system-arm
exec "$python" -m benchmarks.arm64
