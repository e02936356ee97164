"""The messages of TensorFlow Serving's gRPC interface that `kgan.client` needs.

The published message classes import TensorFlow, which takes seconds and hundreds of megabytes. The
few fields that are needed are described here, by their published names and numbers, in a pool of
their own. A field that is not described is kept unread, as protocol buffers do.

Reference: `tensorflow_serving/apis/{model,predict,get_model_status}.proto` and
`tensorflow/core/framework/{tensor,tensor_shape}.proto`.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PREDICT = "/tensorflow.serving.PredictionService/Predict"
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
DT_INT32, DT_STRING = 3, 7  # of tensorflow/core/framework/types.proto
_FIELD = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "string": _FIELD.TYPE_STRING,
    "bytes": _FIELD.TYPE_BYTES,
    "int32": _FIELD.TYPE_INT32,
    "int64": _FIELD.TYPE_INT64,
}
# By message: the name of a field, its number, its type, and whether it is repeated.
_MESSAGES = {
    "Size": [("size", 1, "int64", False)],
    "Shape": [("dim", 2, "Size", True)],
    "Tensor": [
        ("dtype", 1, "int32", False),
        ("tensor_shape", 2, "Shape", False),
        ("tensor_content", 4, "bytes", False),
        ("int_val", 7, "int32", True),
        ("string_val", 8, "bytes", True),
    ],
    "Number": [("value", 1, "int64", False)],
    "ModelSpec": [
        ("name", 1, "string", False),
        ("version", 2, "Number", False),
        ("signature_name", 3, "string", False),
    ],
    # A map is a repeated message of a key and a value.
    "Entry": [("key", 1, "string", False), ("value", 2, "Tensor", False)],
    "PredictRequest": [("model_spec", 1, "ModelSpec", False), ("inputs", 2, "Entry", True)],
    "PredictResponse": [("outputs", 1, "Entry", True)],
    "StatusRequest": [("model_spec", 1, "ModelSpec", False)],
    "VersionStatus": [("version", 1, "int64", False), ("state", 2, "int32", False)],
    "StatusResponse": [("model_version_status", 1, "VersionStatus", True)],
}
AVAILABLE = 30  # a state of GetModelStatus


def _classes():
    file = descriptor_pb2.FileDescriptorProto(
        name="kgan_serving.proto", package="kgan_serving", syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field_name, number, kind, is_repeated in fields:
            label = _FIELD.LABEL_REPEATED if is_repeated else _FIELD.LABEL_OPTIONAL
            field = message.field.add(name=field_name, number=number, label=label)
            if kind in _TYPES:
                field.type = _TYPES[kind]
            else:
                field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".kgan_serving.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"kgan_serving.{name}"))
        for name in _MESSAGES
    }


MESSAGES = _classes()
PredictRequest, PredictResponse = MESSAGES["PredictRequest"], MESSAGES["PredictResponse"]
StatusRequest, StatusResponse = MESSAGES["StatusRequest"], MESSAGES["StatusResponse"]


def set_model(spec, name: str, version: int | None) -> None:
    """Fills in the model of a request."""
    spec.name = name
    if version is not None:
        spec.version.value = version


def add_input(request, name: str, values) -> None:
    """Adds an input of a request: a list of bytes, or of ints as int32."""
    entry = request.inputs.add(key=name)
    tensor = entry.value
    tensor.tensor_shape.dim.add(size=len(values))
    if all(isinstance(value, bytes) for value in values):
        tensor.dtype = DT_STRING
        tensor.string_val.extend(values)
    else:
        tensor.dtype = DT_INT32
        tensor.int_val.extend(values)
