#!/bin/sh
# Writes the lock files from pyproject.toml: exact versions with hashes, no index addresses.
# `serve` and `test` take their versions from `train`, so that one environment can hold them all.
set -eu
cd "$(dirname "$0")/.."
lock() {
    out=requirements/$1.txt
    shift
    uv pip compile pyproject.toml --group build "$@" --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file "$out"
}
lock train --extra train
lock test --extra train --group test --constraint requirements/train.txt
lock serve --extra serve --constraint requirements/train.txt
