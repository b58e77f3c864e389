# The service without TensorFlow and without build tools: docker build --tag checkreader:0.2.0 .
#
# slim, not distroless: distroless brings a Python of its own choosing. On trixie because that Debian packages the
# same Python, so that scripts/check_deploy builds this very file where no registry can be reached.
FROM python:3.13-slim-trixie AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build

# Every hash of the lock is checked here; what follows takes its packages from this folder alone.
COPY requirements/serve.txt ./
RUN python3 -m pip download --quiet --only-binary :all: --require-hashes --dest /wheels --requirement serve.txt

COPY pyproject.toml README.md LICENSE NOTICE ./
COPY checkreader checkreader
COPY pipeline pipeline
COPY serving serving
COPY models models
RUN python3 -m pip wheel --quiet --no-index --find-links /wheels --no-deps --wheel-dir dist .

# The lock holds the build backend too. Asked for the service, pip takes from the folder what that needs.
# Bytecode that checks no dates stays valid when a builder rewrites them.
RUN python3 -m venv --without-pip /opt/checkreader && \
    for wheel in dist/*.whl; do \
        python3 -m pip --python /opt/checkreader/bin/python install --quiet --no-compile \
            --no-index --find-links /wheels "${wheel}[serve]"; \
    done && \
    /opt/checkreader/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/checkreader/lib


FROM python:3.13-slim-trixie
LABEL org.opencontainers.image.title="checkreader" \
      org.opencontainers.image.description="Reads handwritten digits and amounts on bank checks" \
      org.opencontainers.image.version="0.2.0"

COPY --from=build /opt/checkreader /opt/checkreader
COPY deploy/health.py /opt/checkreader/health.py
# The base has no bytecode of the standard library, and a read-only system never will have: it is written now, for
# what the service imports. This also shows that the base has every library that the wheels need.
RUN ["/opt/checkreader/bin/python", "-c", "import serving.server.process"]

ENV PATH=/opt/checkreader/bin:$PATH PYTHONDONTWRITEBYTECODE=1
# A number, so that Kubernetes can tell that it is not root.
USER 65532:65532
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-I", "/opt/checkreader/health.py"]
ENTRYPOINT ["checkreader", "serve", "--host", "0.0.0.0"]
