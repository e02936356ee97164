"""Requests in the gRPC form of TensorFlow Serving."""

from collections.abc import Mapping, Sequence

import grpc

from kgan.clients import protocol
from kgan.clients.answers import Refused, Unavailable

LONGEST = 2**31 - 1  # bytes of a message; gRPC's own limit is 4 MB
LATER = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.ABORTED,
)
FINAL = (
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
)


class GrpcServer:
    """One model of a server, asked by gRPC; methods are those of `RestServer`.

    Args:
        address: host:port.
        model: its name.
        version: a number; None: what the server serves.
        timeout: seconds for an answer.

    Example:
        >>> GrpcServer("127.0.0.1:8500", "photos").timeout
        60.0
    """

    def __init__(self, address: str, model: str, version: int | None = None, timeout: float = 60.0):
        options = [(f"grpc.max_{way}_message_length", LONGEST) for way in ("send", "receive")]
        self.timeout = timeout
        self._model = model, version
        self._channel = grpc.insecure_channel(address, options)
        self._predict = self._method(protocol.PREDICT, protocol.PredictResponse)
        self._status = self._method(protocol.STATUS, protocol.StatusResponse)

    def _method(self, name, response):
        return self._channel.unary_unary(
            name,
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=response.FromString,
        )

    def check(self) -> None:
        request = protocol.StatusRequest()
        protocol.set_model(request.model_spec, *self._model)
        states = self._ask(self._status, request).model_version_status
        if not any(state.state == protocol.AVAILABLE for state in states):
            raise Unavailable("the model is not loaded yet")

    def signatures(self) -> list[str]:
        return []

    def predict(self, signature: str, inputs: Mapping[str, Sequence]) -> dict[str, list]:
        request = protocol.PredictRequest()
        protocol.set_model(request.model_spec, *self._model)
        request.model_spec.signature_name = signature
        for name, values in inputs.items():
            protocol.add_input(request, name, values)
        outputs = self._ask(self._predict, request).outputs
        return {entry.key: list(entry.value.string_val) for entry in outputs}

    def close(self) -> None:
        self._channel.close()

    def _ask(self, method, request):
        try:
            return method(request, timeout=self.timeout)
        except grpc.RpcError as error:
            code, details = error.code(), error.details() or ""
            if code is grpc.StatusCode.DEADLINE_EXCEEDED:
                details = f"no answer within {self.timeout:g} seconds"
            reason = details or code.name
            if code in LATER:
                raise Unavailable(reason) from error
            raise Refused(reason, code in FINAL) from error
