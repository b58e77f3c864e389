#!/bin/sh
# Writes the lock files from pyproject.toml: exact versions with hashes, no index addresses.
# `train` and `serve` take their versions from `test`, so that one environment can hold them all.
set -eu
cd "$(dirname "$0")/.."
lock() {
    out=requirements/$1.txt
    shift
    uv pip compile pyproject.toml --group build "$@" --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file "$out"
}
lock test --extra train --extra cluster --group test
lock train --extra train --constraint requirements/test.txt
lock serve --extra serve --constraint requirements/test.txt
