"""Many requests at a time, until every input is answered, refused or was answered before."""

import concurrent.futures
import dataclasses
import pathlib
import time
from collections.abc import Callable, Sequence

from kgan.clients import outputs
from kgan.clients.answers import Refused, Retries, Unavailable
from kgan.utils import progress
from kgan.utils.errors import UserError, printable


@dataclasses.dataclass(frozen=True)
class Item:
    """One input, and the file for its answer.

    Args:
        name: for messages.
        output: path of the answer below the folder of answers.
        read: returns the values of the request by input name.

    Example:
        >>> Item("seed 7", "seed-000007.png", lambda: {"seeds": 7}).read()
        {'seeds': 7}
    """

    name: str
    output: str
    read: Callable[[], dict]


@dataclasses.dataclass
class Counts:
    """What became of the inputs.

    Args:
        written: number of answers written.
        kept: number of those that were there.
        skipped: reasons by the names of the inputs that were refused.
        seconds: of each request, with its repetitions.

    Example:
        >>> Counts(written=3).kept
        0
    """

    written: int = 0
    kept: int = 0
    skipped: dict[str, str] = dataclasses.field(default_factory=dict)
    seconds: list[float] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Work:
    """What is asked of a server, and how.

    Args:
        server: a `RestServer` or `GrpcServer`.
        signature: its name.
        folder: of the answers.
        retries: of a request.
        parallel: number of requests at a time.
        batch: number of inputs in a request.

    Example:
        >>> Work(None, "from_files", pathlib.Path("out")).run([])
        Counts(written=0, kept=0, skipped={}, seconds=[])
    """

    server: object
    signature: str
    folder: pathlib.Path
    retries: Retries = Retries()
    parallel: int = 8
    batch: int = 1

    def run(self, items: Sequence[Item]) -> Counts:
        """Asks for all items whose answers are not there.

        Raises:
            Refused: of a kind that concerns all items.
            Unavailable: a request has not been answered after its last repetition.
        """
        counts = Counts()
        left = [item for item in items if not (self.folder / item.output).exists()]
        counts.kept = len(items) - len(left)
        batches = [left[place : place + self.batch] for place in range(0, len(left), self.batch)]
        pool = concurrent.futures.ThreadPoolExecutor(self.parallel)
        waiting, coming = set(), iter(batches)
        with progress.bar(total=len(items), initial=counts.kept, unit="image", delay=1) as bar:
            try:
                while True:
                    # Few more than can be under way, so that inputs are read when they are needed.
                    while len(waiting) < 2 * self.parallel and (batch := next(coming, None)):
                        waiting.add(pool.submit(self._answer, batch, counts))
                    if not waiting:
                        return counts
                    done, waiting = concurrent.futures.wait(
                        waiting, return_when=concurrent.futures.FIRST_COMPLETED
                    )
                    bar.update(sum(future.result() for future in done))
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _answer(self, batch, counts) -> int:
        """Asks for some items and writes their answers; returns how many items are finished."""
        read = []
        for item in batch:
            try:
                read.append((item, item.read()))
            except OSError as error:
                counts.skipped[item.name] = f"cannot be read ({error.strerror})"
        if read:
            self._ask(read, counts)
        return len(batch)

    def _ask(self, read, counts):
        names = read[0][1]
        inputs = {name: [values[name] for _, values in read] for name in names}
        start = time.monotonic()
        try:
            answer = self.retries.run(lambda: self.server.predict(self.signature, inputs))
        except Refused as error:
            if error.is_final:
                raise
            if len(read) == 1:
                # A model that was exported by an earlier kgan refuses the whole request.
                counts.skipped[read[0][0].name] = str(error)
                return
            for one in read:
                self._ask([one], counts)
            return
        counts.seconds.append(time.monotonic() - start)
        files = answer.get("png_bytes", [])
        if len(files) != len(read):
            raise Refused(f"signature {self.signature} does not answer with png_bytes", True)
        errors = answer.get("errors", [b""] * len(read))
        for (item, _), data, error in zip(read, files, errors, strict=True):
            if error:
                # The place in the request is of no use here.
                counts.skipped[item.name] = error.decode(errors="replace").partition("]: ")[2]
                continue
            outputs.write_new(self.folder / item.output, data)
            counts.written += 1


def report(counts: Counts, out: str, bad_limit: float) -> str:
    """Writes the list of skipped inputs; returns what has happened, in one line.

    Raises:
        UserError: more inputs than `bad_limit` allows were skipped.
    """
    total = counts.written + counts.kept + len(counts.skipped)
    said = f"{counts.written} images written to {out}"
    if counts.kept:
        said += f", {counts.kept} were there"
    if not counts.skipped:
        return said
    lines = [f"{printable(name)}: {reason}\n" for name, reason in sorted(counts.skipped.items())]
    (pathlib.Path(out) / outputs.SKIPPED).write_text("".join(lines))
    said += f", {len(lines)} skipped (in {outputs.SKIPPED}), the first: {lines[0].strip()}"
    if len(lines) / total > bad_limit:
        raise UserError(
            f"--bad_limit={bad_limit}: {len(lines)} of {total} inputs were skipped; {said}"
        )
    return said


def explain(url: str, model: str, error: Exception, server) -> UserError:
    """Turns the end of a call into one line that says what would be right."""
    if isinstance(error, Unavailable):
        return UserError(
            f"--url={url}: {error}; right would be the address of a running server, such as "
            "http://127.0.0.1:8501 or grpc://127.0.0.1:8500"
        )
    text = str(error)
    if "ignature" in text:
        found = _signatures(server)
        return UserError(f"--model={model}: {text}{found}")
    if "ervable not found" in text or "not find" in text:
        return UserError(f"--model={model}: the server does not serve it ({text})")
    return UserError(f"--url={url}: {text}")


def _signatures(server) -> str:
    try:
        found = server.signatures()
    except (Refused, Unavailable, KeyError):
        found = []
    return f"; its signatures are {', '.join(found)}" if found else ""
