"""gRPC's own health client reads the status of the service and its models."""

from __future__ import annotations

import grpc
import pytest

from tests.support.released import EVERY, Service

health_pb2 = pytest.importorskip("grpc_health.v1.health_pb2")
health_pb2_grpc = pytest.importorskip("grpc_health.v1.health_pb2_grpc")


def test_health(service: Service) -> None:
    with grpc.insecure_channel(service.grpc) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", "inference.GRPCInferenceService", *EVERY):
            request = health_pb2.HealthCheckRequest(service=name)
            assert stub.Check(request).status == health_pb2.HealthCheckResponse.SERVING
            watch = stub.Watch(request)
            assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
            watch.cancel()
        unknown = health_pb2.HealthCheckRequest(service="nope")
        with pytest.raises(grpc.RpcError) as raised:
            stub.Check(unknown)
        assert raised.value.code() == grpc.StatusCode.NOT_FOUND
        watch = stub.Watch(unknown)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        watch.cancel()
