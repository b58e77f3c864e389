"""gRPC's health protocol; the messages as the wire has them, so that nothing is compared with itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from serving.app import App, build_app
from serving.grpc.health import MAX_WATCHERS
from serving.grpc.servicer import serve
from serving.settings import Settings
from tests.support.tiny import write_models

SERVER = b""
SERVING, NOT_SERVING, SERVICE_UNKNOWN = b"\x08\x01", b"\x08\x02", b"\x08\x03"
KEY = "0123456789abcdef"
ALLOWED = (("authorization", f"Bearer {KEY}"),)


def named(service: str) -> bytes:
    """A HealthCheckRequest."""
    return b"\n" + bytes([len(service)]) + service.encode()


@asynccontextmanager
async def started(**settings: Any) -> AsyncIterator[tuple[App, Any]]:
    """A service, and its Health by method: `call("Check")(message)`."""
    app = build_app(Settings(**settings))
    server, port = await serve(app.plane, app.reloader, app.admission, 0)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:

        def call(method: str) -> Any:
            kind = channel.unary_stream if method == "Watch" else channel.unary_unary
            return kind(f"/grpc.health.v1.Health/{method}")

        yield app, call
    await server.stop(0)


async def refusal(answer: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await answer
    return raised.value.code().name, raised.value.details()


def test_check(models: Path) -> None:
    async def ask() -> None:
        async with started(models=models) as (app, call):
            check = call("Check")
            for service in (SERVER, named("inference.GRPCInferenceService"), named("lenet5")):
                assert await check(service) == SERVING
            code, message = await refusal(check(named("nope")))
            assert (code, "unknown service 'nope'" in message) == ("NOT_FOUND", True)
            assert (await refusal(check(b"\xff")))[0] == "INVALID_ARGUMENT"
            listed = await call("List")(b"")
            for service in ("lenet5", "lenet5-field", "inference.GRPCInferenceService"):
                assert named(service) + b"\x12\x02" + SERVING in listed
            app.plane.stopping = True
            for service in (SERVER, named("lenet5")):
                assert await check(service) == NOT_SERVING
            assert SERVING not in await call("List")(b"")

    asyncio.run(ask())


def test_a_model_that_is_not_served(tmp_path: Path) -> None:
    async def ask() -> None:
        async with started(models=write_models(tmp_path), only=("lenet5",)) as (app, call):
            assert await call("Check")(named("lenet5-field")) == NOT_SERVING
            await app.reloader.unload("lenet5")
            assert await call("Check")(named("lenet5")) == NOT_SERVING
            assert await call("Check")(SERVER) == NOT_SERVING  # as /v2/health/ready

    asyncio.run(ask())


def test_watch(tmp_path: Path) -> None:
    async def ask() -> None:
        async with started(models=write_models(tmp_path)) as (app, call):
            model, nothing, server = (
                call("Watch")(service) for service in (named("lenet5"), named("nope"), SERVER)
            )
            assert await model.read() == SERVING
            assert await nothing.read() == SERVICE_UNKNOWN
            assert await server.read() == SERVING
            await app.reloader.unload("lenet5")
            assert await model.read() == NOT_SERVING
            await app.reloader.load("lenet5")
            assert await model.read() == SERVING
            app.plane.stopping = True
            assert [await watch.read() for watch in (model, server)] == [NOT_SERVING] * 2
            # The stop does not wait for those who watch.
            assert [await watch.read() for watch in (model, nothing, server)] == [grpc.aio.EOF] * 3
            assert [await watch.code() for watch in (model, server)] == [grpc.StatusCode.OK] * 2
        assert app.plane.counts.requests["grpc Watch OK"] == 3

    asyncio.run(asyncio.wait_for(ask(), 60))


def test_too_many_watchers(models: Path) -> None:
    async def ask() -> None:
        async with started(models=models) as (_, call):
            watches = [call("Watch")(SERVER) for _ in range(MAX_WATCHERS)]
            for watch in watches:
                assert await watch.read() == SERVING
            code, message = await refusal(call("Watch")(SERVER).read())
            assert (code, "too many watchers" in message) == ("UNAVAILABLE", True)
            assert await call("Check")(SERVER) == SERVING
            watches[0].cancel()

            async def watch() -> bytes:
                while True:
                    try:
                        return await call("Watch")(SERVER).read()
                    except grpc.aio.AioRpcError:  # the server has not heard of it yet
                        await asyncio.sleep(0)

            assert await watch() == SERVING

    asyncio.run(asyncio.wait_for(ask(), 60))


def test_keys(models: Path, tmp_path: Path) -> None:
    """A probe of the server has none; a model's name needs one, as its path does over HTTP."""
    (tmp_path / "keys").write_text(KEY)

    async def ask() -> None:
        async with started(models=models, api_keys=tmp_path / "keys") as (_, call):
            for service in (SERVER, named("inference.GRPCInferenceService")):
                assert await call("Check")(service) == SERVING
                assert await call("Watch")(service).read() == SERVING
            for service in (named("lenet5"), named("nope")):
                assert (await refusal(call("Check")(service)))[0] == "UNAUTHENTICATED"
                assert (await refusal(call("Watch")(service).read()))[0] == "UNAUTHENTICATED"
            assert (await refusal(call("List")(b"")))[0] == "UNAUTHENTICATED"
            assert await call("Check")(named("lenet5"), metadata=ALLOWED) == SERVING
            assert await call("Watch")(named("lenet5"), metadata=ALLOWED).read() == SERVING
            assert await call("List")(b"", metadata=ALLOWED)

    asyncio.run(ask())
