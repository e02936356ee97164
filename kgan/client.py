"""`python -m kgan.client --model=NAME`: images from a model that TensorFlow Serving serves."""

import functools
import pathlib
import urllib.parse
from collections.abc import Sequence

from kgan.cli import entry
from kgan.cli.parsing import parse_command
from kgan.cli.values import parse_seeds
from kgan.models.base.flags import choice, integer, number, share, text
from kgan.utils.choices import DIRECTIONS
from kgan.utils.errors import UserError

FLAGS = (
    text(
        "url",
        "http://127.0.0.1:8501",
        "Server: http://host:8501 or https://… for its JSON interface, grpc://host:8500 for gRPC "
        "(needs kgan[client]).",
    ),
    text("model", None, "Name of the model, as the server has it."),
    integer("version", None, (0, 2**31 - 1), "Version of the model; default: what is served."),
    text("input", None, "Image, or folder of images, to translate."),
    choice("direction", None, DIRECTIONS, "For models that translate in both; default AtoB."),
    text("seeds", None, "For models that generate: seeds such as 5, 0-63 or 1,4,9-12."),
    integer("label", None, (0, 2**31 - 1), "For conditional models: number of the class."),
    text("out", None, "Folder of the answers, PNG files; an interrupted call continues there."),
    integer("batch", 1, (1, 1024), "Images in a request."),
    integer("parallel", 8, (1, 256), "Requests at a time."),
    number("timeout", 60.0, (0.01, 86_400), "Seconds that an answer may take."),
    integer("retries", 5, (0, 100), "Repetitions of a request that is not answered."),
    share("bad_limit", 0.05, "Share of refused images above which the exit status is 2."),
)


def main(arguments: Sequence[str]) -> None:
    """Asks for the answers, writes them and prints what has happened."""
    given = parse_command("kgan.client", FLAGS, arguments, needed=("model", "out"))
    _check(given)
    # Not above: neither the help nor a refusal needs them.
    from kgan.clients import outputs, work
    from kgan.clients.answers import Refused, Retries, Unavailable

    folder, items = _items(given)
    server = _server(given)
    signature = _signature(given)
    origin = {"model": given.model, "version": given.version, "signature": signature}
    origin |= {"label": given.label}
    try:
        Retries(min(given.retries, 2)).run(server.check)
        out = outputs.open_folder(given.out, origin, folder)
        how = Retries(given.retries), given.parallel, given.batch
        counts = work.Work(server, signature, out, *how).run(items)
    except (Refused, Unavailable) as error:
        raise work.explain(given.url, given.model, error, server) from error
    finally:
        server.close()
    print(work.report(counts, given.out, given.bad_limit))


def _check(given):
    if bool(given.input) == bool(given.seeds):
        raise UserError("--input or --seeds: give one of them, images to translate or seeds")
    for name, other in (("label", "seeds"), ("direction", "input")):
        if getattr(given, name) is not None and not getattr(given, other):
            raise UserError(f"--{name}={getattr(given, name)}: goes with --{other} only")


def _signature(given) -> str:
    if given.input:
        return "from_files_b_to_a" if given.direction == "BtoA" else "from_files"
    return "png_from_seeds" if given.label is None else "png_from_labels"


def _items(given):
    from kgan.clients import outputs
    from kgan.clients.work import Item

    if given.input:
        folder, names = outputs.find_images(given.input)
        read = functools.partial(_read_file, folder)
        return folder, [
            Item(name, output, functools.partial(read, name))
            for name, output in zip(names, outputs.png_names(names), strict=True)
        ]
    own = {} if given.label is None else {"labels": given.label}
    return None, [
        Item(f"seed {seed}", f"seed-{seed:06d}.png", functools.partial(dict, own, seeds=seed))
        for seed in parse_seeds("seeds", given.seeds)
    ]


def _read_file(folder, name):
    return {"image_bytes": (pathlib.Path(folder) / name).read_bytes()}


def _server(given):
    own = given.model, given.version, given.timeout
    scheme, found, address = given.url.partition("://")
    if scheme in ("http", "https") and found and address:
        from kgan.clients.rest import RestServer

        _check_address(given.url)
        return RestServer(given.url, *own)
    if scheme != "grpc" or not address.strip("/"):
        raise UserError(
            f"--url={given.url}: right would be such as http://127.0.0.1:8501 or "
            "grpc://127.0.0.1:8500"
        )
    try:
        from kgan.clients.grpc import GrpcServer
    except ImportError as error:
        raise UserError(
            f"--url={given.url}: needs the package {error.name}, which cannot be imported; right "
            "would be: pip install 'kgan[client]'"
        ) from error
    return GrpcServer(address.strip("/"), *own)


def _check_address(url):
    """Refuses what no server has: a wrong port, or the address of a model in it."""
    parts = urllib.parse.urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc}"
    try:
        is_right = parts.port != 0 and parts.hostname
    except ValueError:
        is_right, base = False, "http://127.0.0.1:8501"
    _, model, _ = parts.path.partition("/v1/models")
    if not is_right or model or parts.query:
        raise UserError(f"--url={url}: right would be such as {base}; --model names the model")


if __name__ == "__main__":
    entry.run(main)
