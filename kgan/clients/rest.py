"""Requests in the JSON form of TensorFlow Serving."""

import base64
import json
import threading
import urllib.parse
from collections.abc import Mapping, Sequence

import requests

from kgan.clients.answers import Refused, Unavailable

LATER = (408, 429, 500, 502, 503, 504)  # 500 is what some proxies say of a server that restarts
FINAL = (401, 403, 404, 405)


class RestServer:
    """One model of a server, asked by HTTP.

    Args:
        url: of the server, such as http://127.0.0.1:8501.
        model: its name.
        version: a number; None: what the server serves.
        timeout: seconds for an answer.

    Example:
        >>> RestServer("http://127.0.0.1:8501/", "photos", version=3).address
        'http://127.0.0.1:8501/v1/models/photos/versions/3'
    """

    def __init__(self, url: str, model: str, version: int | None = None, timeout: float = 60.0):
        own = "" if version is None else f"/versions/{version}"
        self.address = f"{url.rstrip('/')}/v1/models/{urllib.parse.quote(model)}{own}"
        self.timeout = timeout
        self._local = threading.local()

    def check(self) -> None:
        """Asks whether the model is served.

        Raises:
            Refused, Unavailable: it is not.
        """
        states = self._ask("GET", self.address).get("model_version_status", [])
        if not any(state.get("state") == "AVAILABLE" for state in states):
            raise Unavailable("the model is not loaded yet")

    def signatures(self) -> list[str]:
        """Returns the names of the model's signatures."""
        answer = self._ask("GET", f"{self.address}/metadata")
        return sorted(answer["metadata"]["signature_def"]["signature_def"])

    def predict(self, signature: str, inputs: Mapping[str, Sequence]) -> dict[str, list]:
        """Calls a signature.

        Args:
            signature: its name.
            inputs: lists of bytes or ints by name.

        Returns:
            Lists of bytes by the names of the outputs; a single output is called `png_bytes`.
        """
        given = {name: [_encoded(value) for value in values] for name, values in inputs.items()}
        body = {"signature_name": signature, "inputs": given}
        outputs = self._ask("POST", f"{self.address}:predict", json.dumps(body)).get("outputs")
        if isinstance(outputs, list):
            outputs = {"png_bytes": outputs}
        if not isinstance(outputs, dict):
            raise Refused("the answer has no outputs, as TensorFlow Serving's answers have", True)
        return {name: [_decoded(value) for value in values] for name, values in outputs.items()}

    def close(self) -> None:
        """Does nothing: connections end with their threads."""

    def _ask(self, method, address, body=None):
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        try:
            answer = self._local.session.request(method, address, data=body, timeout=self.timeout)
        except requests.Timeout as error:
            raise Unavailable(f"no answer within {self.timeout:g} seconds") from error
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            raise Unavailable(_reason(error)) from error
        except requests.RequestException as error:
            raise Refused(str(error), is_final=True) from error
        try:
            content = answer.json()
        except ValueError:
            content = {"error": f"{answer.reason}; the answer is not JSON"}
        if answer.ok and isinstance(content, dict) and "error" not in content:
            return content
        reason = content.get("error") if isinstance(content, dict) else None
        reason = str(reason or answer.reason)
        if answer.status_code in LATER:
            raise Unavailable(f"{answer.status_code} {reason}", _seconds(answer))
        raise Refused(reason, answer.ok or answer.status_code in FINAL)


def _encoded(value):
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else int(value)


def _decoded(value) -> bytes:
    if isinstance(value, dict) and "b64" in value:
        return base64.b64decode(value["b64"])
    return str(value).encode()


def _seconds(answer):
    wait = answer.headers.get("Retry-After", "")
    return float(wait) if wait.isdecimal() else None


def _reason(error) -> str:
    """Returns the system's reason, which `requests` wraps several times."""
    while error.__context__ is not None or getattr(error, "reason", None) is not None:
        inner = getattr(error, "reason", None)
        inner = inner if isinstance(inner, Exception) else error.__context__
        if inner is None:
            break
        error = inner
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
