"""A server with TensorFlow Serving's JSON and gRPC forms, in a process that cannot import kgan.

    python endpoint.py NAME=SAVED_MODEL … [--busy=N] [--silent=N]

It serves on two free loopback ports, which it prints as one line of JSON, until its standard input
ends. Every N-th request is refused as by a server that is busy, or its connection is cut.
"""

import argparse
import base64
import concurrent.futures
import http.server
import itertools
import json
import os
import sys
import threading

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


class NoKgan:
    """Lets no import of kgan succeed."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "kgan":
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, NoKgan())

import grpc  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from google.protobuf import (  # noqa: E402
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    wrappers_pb2,  # noqa: F401
)
from tensorflow.core.framework import tensor_pb2  # noqa: E402

FIELD = descriptor_pb2.FieldDescriptorProto


def messages():
    """Describes the published messages, with TensorFlow's own tensor and real maps."""
    file = descriptor_pb2.FileDescriptorProto(
        name="predict.proto", package="tensorflow.serving", syntax="proto3"
    )
    file.dependency.extend([tensor_pb2.DESCRIPTOR.name, "google/protobuf/wrappers.proto"])

    def add(name, *fields, holder=None):
        message = (file.message_type if holder is None else holder).add(name=name)
        for field, number, kind, repeated in fields:
            own = message.field.add(name=field, number=number)
            own.label = FIELD.LABEL_REPEATED if repeated else FIELD.LABEL_OPTIONAL
            own.type = FIELD.TYPE_MESSAGE if kind.startswith(".") else getattr(FIELD, kind)
            if kind.startswith("."):
                own.type_name = kind
        return message

    def add_map(message, field, number):
        name = f"{field.title()}Entry"
        entry = add(
            name,
            ("key", 1, "TYPE_STRING", False),
            ("value", 2, ".tensorflow.TensorProto", False),
            holder=message.nested_type,
        )
        entry.options.map_entry = True
        own = message.field.add(name=field, number=number, label=FIELD.LABEL_REPEATED)
        own.type = FIELD.TYPE_MESSAGE
        own.type_name = f".tensorflow.serving.{message.name}.{name}"

    spec = ".tensorflow.serving.ModelSpec"
    add(
        "ModelSpec",
        ("name", 1, "TYPE_STRING", False),
        ("version", 2, ".google.protobuf.Int64Value", False),
        ("signature_name", 3, "TYPE_STRING", False),
    )
    add_map(add("PredictRequest", ("model_spec", 1, spec, False)), "inputs", 2)
    add_map(add("PredictResponse", ("model_spec", 2, spec, False)), "outputs", 1)
    add("GetModelStatusRequest", ("model_spec", 1, spec, False))
    add("VersionStatus", ("version", 1, "TYPE_INT64", False), ("state", 2, "TYPE_INT32", False))
    status = ".tensorflow.serving.VersionStatus"
    add("GetModelStatusResponse", ("model_version_status", 1, status, True))
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        message.name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"tensorflow.serving.{message.name}")
        )
        for message in file.message_type
    }


class Failure(Exception):
    """An answer that is an error: status of HTTP and of gRPC, and a text."""

    def __init__(self, status, code, text):
        super().__init__(text)
        self.status, self.code = status, code


class Models:
    """The served models, and how often a request is refused."""

    def __init__(self, given, busy, silent):
        self.loaded = {}
        for word in given:
            name, _, folder = word.partition("=")
            self.loaded[name] = tf.saved_model.load(folder)
        self.count, self.busy, self.silent = itertools.count(1), busy, silent
        self.lock = threading.Lock()

    def find(self, name, version=None):
        if name not in self.loaded or version not in (None, 1):
            raise Failure(
                404, grpc.StatusCode.NOT_FOUND, f"Servable not found for request: Latest({name})"
            )
        return self.loaded[name].signatures

    def next_fault(self):
        with self.lock:
            number = next(self.count)
        if self.silent and number % self.silent == 0:
            return "silent"
        if self.busy and number % self.busy == 0:
            return "busy"
        return None

    def predict(self, name, version, signature, inputs):
        found = self.find(name, version)
        if signature not in found:
            raise Failure(
                400,
                grpc.StatusCode.INVALID_ARGUMENT,
                f'Serving signature name: "{signature}" not found in signature def',
            )
        function = found[signature]
        specs = function.structured_input_signature[1]
        if set(inputs) != set(specs):
            text = f"input keys are {sorted(inputs)}, not {sorted(specs)}"
            raise Failure(400, grpc.StatusCode.INVALID_ARGUMENT, text)
        try:
            given = {key: tf.constant(inputs[key], spec.dtype) for key, spec in specs.items()}
            return {key: value.numpy() for key, value in function(**given).items()}
        except (tf.errors.InvalidArgumentError, TypeError, ValueError) as error:
            raise Failure(400, grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error


def from_json(value):
    if isinstance(value, list):
        return [from_json(part) for part in value]
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value


def to_json(name, value):
    def one(part):
        if isinstance(part, bytes):
            text = base64.b64encode(part).decode()
            return {"b64": text} if name.endswith("_bytes") else part.decode()
        return [one(inner) for inner in part] if isinstance(part, list) else part

    return one(value.tolist())


def handler_of(models):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments):
            pass

        def answer(self, status, content):
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if status == 503:
                self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(data)

        def place(self):
            path, _, verb = self.path.partition(":")
            words = path.removeprefix("/v1/models/").split("/")
            version = int(words[2]) if words[1:2] == ["versions"] else None
            return words, version, verb

        def do_GET(self):
            words, version, _ = self.place()
            try:
                found = models.find(words[0], version)
            except Failure as error:
                self.answer(error.status, {"error": str(error)})
                return
            if words[-1] == "metadata":
                signatures = {"signature_def": dict.fromkeys(found, {})}
                self.answer(200, {"metadata": {"signature_def": signatures}})
            else:
                state = {"version": "1", "state": "AVAILABLE"}
                self.answer(200, {"model_version_status": [state]})

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            fault = models.next_fault()
            if fault == "silent":
                self.close_connection = True
                return
            if fault == "busy":
                self.answer(503, {"error": "the queue is full"})
                return
            words, version, _ = self.place()
            try:
                given = json.loads(body)
                name = given.get("signature_name", "serving_default")
                rows = given.get("instances")
                inputs = given.get("inputs")
                if rows is not None:
                    inputs = {key: [row[key] for row in rows] for key in rows[0]}
                outputs = models.predict(words[0], version, name, from_json_map(inputs))
            except Failure as error:
                self.answer(error.status, {"error": str(error)})
                return
            listed = {key: to_json(key, value) for key, value in outputs.items()}
            single = next(iter(listed.values())) if len(listed) == 1 else None
            if rows is None:
                self.answer(200, {"outputs": listed if single is None else single})
            else:
                keys = list(listed)
                each = [dict(zip(keys, v, strict=True)) for v in zip(*listed.values(), strict=True)]
                self.answer(200, {"predictions": each if single is None else single})

    return Handler


def from_json_map(inputs):
    return {key: from_json(value) for key, value in inputs.items()}


def grpc_server(models):
    found = messages()

    def predict(request, context):
        fault = models.next_fault()
        if fault:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the queue is full")
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
        try:
            outputs = models.predict(spec.name, version, spec.signature_name, inputs)
        except Failure as error:
            context.abort(error.code, str(error))
        response = found["PredictResponse"]()
        for key, value in outputs.items():
            response.outputs[key].CopyFrom(tf.make_tensor_proto(np.asarray(value)))
        return response

    def status(request, context):
        try:
            models.find(request.model_spec.name)
        except Failure as error:
            context.abort(error.code, str(error))
        response = found["GetModelStatusResponse"]()
        response.model_version_status.add(version=1, state=30)
        return response

    def method(function, name):
        return grpc.unary_unary_rpc_method_handler(
            function,
            request_deserializer=found[name].FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(64))
    for service, name, function, request in (
        ("PredictionService", "Predict", predict, "PredictRequest"),
        ("ModelService", "GetModelStatus", status, "GetModelStatusRequest"),
    ):
        methods = {name: method(function, request)}
        own = grpc.method_handlers_generic_handler(f"tensorflow.serving.{service}", methods)
        server.add_generic_rpc_handlers([own])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+")
    parser.add_argument("--busy", type=int, default=0)
    parser.add_argument("--silent", type=int, default=0)
    given = parser.parse_args()
    models = Models(given.models, given.busy, given.silent)
    http.server.ThreadingHTTPServer.request_queue_size = 512
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler_of(models))
    web.daemon_threads = True
    threading.Thread(target=web.serve_forever, daemon=True).start()
    remote, grpc_port = grpc_server(models)
    print(json.dumps({"http": web.server_address[1], "grpc": grpc_port}), flush=True)
    sys.stdin.read()
    web.shutdown()
    remote.stop(0)


if __name__ == "__main__":
    main()
