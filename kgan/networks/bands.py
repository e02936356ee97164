"""Convolutional networks on images of any size, computed in bands of rows.

A layer of a large image may take gigabytes. Here no layer is held as a whole: each band of rows is
computed from the rows that it depends on, in full width, and what has to be kept goes into files.
The statistics of normalisations are those of the whole image, since the input of each is complete
before its output is computed. The answer is therefore that of the network on the whole image, up
to rounding: there are no tiles that could differ, and no seams.
"""

import contextlib
import dataclasses
import fractions
import functools
import math
import os
import tempfile
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from kgan.networks.band_rules import RULES, Dropout, Normalisation, Shape
from kgan.utils import progress
from kgan.utils.errors import UserError

BAND = 2**24  # numbers of a band of a layer
SHOWN = {"unit": "number", "unit_scale": True}  # the progress of one large image
IN_MEMORY = 2**25  # numbers of the layers that are kept in memory; others go into files


@dataclasses.dataclass
class _Node:
    """The output of a layer: its rule, the outputs that it is computed from, and how it is used.

    Args:
        rule: of the layer; None: it is the image.
        inputs: numbers of nodes.
        kept: whether it is computed as a whole before what depends on it.
        normalised: whether its moments are needed.
        users: number of kept nodes that are computed from it without a kept node in between.
    """

    rule: object
    inputs: tuple[int, ...] = ()
    kept: bool = False
    normalised: bool = False
    users: int = 0


class Bands:
    """A convolutional network on images of any size, in bands of rows.

    Args:
        network: a functional model of an image, or of an image and seeds int32 [2]; its layers
            must have a rule in `kgan.networks.band_rules`.
        band: numbers of a band of a layer, which determine how much memory is needed.

    Raises:
        UserError: the network has a layer that looks further than a band.

    Example:
        >>> image = keras.Input((8, 8, 1))
        >>> network = keras.Model(image, keras.layers.Conv2D(2, 3, 2, "same")(image))
        >>> Bands(network)(np.zeros([20, 30, 1], np.float32)).shape
        (10, 15, 2)
    """

    def __init__(self, network: keras.Model, band: int = BAND):
        self.band = band
        self._nodes: list[_Node] = []
        self._numbers: dict[int, int] = {}  # by id of a Keras tensor
        self._images = [tensor for tensor in network.inputs if len(tensor.shape) == 4]
        (answer,) = network.outputs
        self._answer = self._add(answer)
        self._choose_kept()

    def _add(self, tensor) -> int:
        """Adds what a Keras tensor is computed from, and returns its number."""
        if id(tensor) in self._numbers:
            return self._numbers[id(tensor)]
        layer, index, _ = tensor._keras_history
        given = [t for t in layer._inbound_nodes[index].input_tensors if len(t.shape) == 4]
        if not given:
            rule, inputs = None, ()
        else:
            inputs = tuple(self._add(other) for other in given)
            kind = next((RULES[k] for k in type(layer).__mro__ if k in RULES), None)
            if kind is None:
                raise UserError(
                    f"--output_size=input: layer {layer.name} ({type(layer).__name__}) is not "
                    "computed at another size; right would be --output_size=trained"
                )
            rule = kind(layer)
        self._nodes.append(_Node(rule, inputs))
        self._numbers[id(tensor)] = len(self._nodes) - 1
        return len(self._nodes) - 1

    def _choose_kept(self):
        used = [number for node in self._nodes for number in node.inputs]
        for node in self._nodes:
            if isinstance(node.rule, Normalisation):
                self._nodes[node.inputs[0]].normalised = True
        for number, node in enumerate(self._nodes):
            several = used.count(number) > 1 or node.normalised or number == self._answer
            node.kept = several and node.rule is not None
        for node in self._nodes:
            if node.kept:
                for number in _kept_inputs(self._nodes, node):
                    self._nodes[number].users += 1

    @functools.cached_property
    def multiple(self) -> int:
        """The number of which the sides of an image have to be multiples: the total stride."""
        side = 2**10
        shapes = self._shapes((side, side, self._images[0].shape[-1]))
        scales = [fractions.Fraction(height, side).limit_denominator(512) for height, *_ in shapes]
        return math.lcm(*(scale.denominator for scale in scales if scale.numerator == 1))

    def _shapes(self, shape: Shape) -> list[Shape]:
        shapes: list[Shape] = []
        for node in self._nodes:
            given = [shapes[number] for number in node.inputs]
            shapes.append(node.rule.shape(*given) if node.rule else shape)
        return shapes

    def __call__(
        self, image: np.ndarray, seed: Sequence[int] = (0, 0), scratch: str | None = None
    ) -> np.ndarray:
        """Computes the network's answer.

        Args:
            image: float32 [H, W, C]; sides are multiples of `multiple`.
            seed: of the dropout of this image, two numbers.
            scratch: folder of the temporary files of large images; None: the system's.

        Returns:
            float32 [H, W, C'].
        """
        with _Computation(self._nodes, self._shapes(image.shape), image, seed) as computation:
            computation.scratch, computation.band = scratch, self.band
            return computation.run(self._answer)


def _kept_inputs(nodes: Sequence[_Node], node: _Node) -> set[int]:
    """Returns the kept nodes that a node is computed from, without others in between."""
    found = set()
    for number in node.inputs:
        inner = nodes[number]
        found |= {number} if inner.kept else _kept_inputs(nodes, inner)
    return found


class _Computation(contextlib.ExitStack):
    """The computation of one answer: which nodes are complete, and their moments."""

    def __init__(self, nodes, shapes, image, seed):
        super().__init__()
        self.nodes, self.shapes = nodes, shapes
        self.image = image
        self.seed = tuple(int(number) for number in seed)
        self.kept: dict[int, _Kept] = {}
        self.moments: dict[int, _Moments] = {}
        self.left = {number: node.users for number, node in enumerate(nodes)}
        self.scratch, self.band = None, BAND
        self.bar = None

    def run(self, answer: int) -> np.ndarray:
        kept = [number for number, node in enumerate(self.nodes) if node.kept]
        total = sum(math.prod(self.shapes[number]) for number in kept)
        with progress.bar(total=total, desc="layers", delay=2, leave=False, **SHOWN) as self.bar:
            for number in kept:
                self._complete(number)
                self._free(self.nodes[number])
        height = self.shapes[answer][0]
        return self.kept[answer].read(0, height)

    def _complete(self, number):
        """Computes a node as a whole, band by band."""
        height = self.shapes[number][0]
        kept = self._store(number)
        moments = _Moments() if self.nodes[number].normalised else None
        step = max(1, int(self.band / self._numbers_a_row(number, height)))
        for low in range(0, height, step):
            high = min(low + step, height)
            rows = self._computed(number, low, high).numpy()[0]
            kept.write(low, rows)
            self.bar.update(rows.size)
            if moments is not None:
                moments.add(rows)
        if moments is not None:
            self.moments[number] = moments
        self.kept[number] = kept

    def _store(self, number):
        size = math.prod(self.shapes[number])
        in_memory = sum(math.prod(k.shape) for k in self.kept.values() if k.array is not None)
        if in_memory + size <= IN_MEMORY:
            return _Kept(self.shapes[number])
        try:
            made = tempfile.TemporaryFile(dir=self.scratch, buffering=0)  # noqa: SIM115
        except OSError as error:
            raise UserError(
                f"{self.scratch or tempfile.gettempdir()}: no temporary file can be made "
                f"({error.strerror}); set TMPDIR to a folder with room"
            ) from error
        return _Kept(self.shapes[number], self.enter_context(made))

    def _free(self, node):
        for number in _kept_inputs(self.nodes, node):
            self.left[number] -= 1
            if not self.left[number]:
                self.kept.pop(number).close()

    def _numbers_a_row(self, number, height) -> float:
        """Returns the most numbers of a layer that are needed for each row of a node."""
        own = math.prod(self.shapes[number]) / height
        inputs = (n for n in self.nodes[number].inputs)
        return max(
            own,
            *(
                math.prod(self.shapes[n]) / height
                if self._is_there(n)
                else self._numbers_a_row(n, height)
                for n in inputs
            ),
        )

    def _is_there(self, number):
        return number in self.kept or self.nodes[number].rule is None

    def _rows(self, number, low, high):
        """Returns rows [low, high) of a node, float32 [1, rows, W, C]."""
        if self.nodes[number].rule is None:
            return tf.constant(self.image[np.newaxis, low:high])
        if number in self.kept:
            return tf.constant(self.kept[number].read(low, high)[np.newaxis])
        return self._computed(number, low, high)

    def _computed(self, number, low, high):
        node = self.nodes[number]
        # Layers of several inputs are pointwise: all inputs have the same rows.
        height = self.shapes[node.inputs[0]][0]
        first, last = node.rule.needed(low, high, height)
        inputs = [self._rows(other, first, last) for other in node.inputs]
        given = {}
        if isinstance(node.rule, Normalisation):
            given["moments"] = self.moments[node.inputs[0]].values()
        if isinstance(node.rule, Dropout):
            given["seed"] = self.seed
        return node.rule.apply(inputs, low, high, height, **given)


class _Kept:
    """A complete layer, in memory or in a file: float32 [H, W, C]."""

    def __init__(self, shape: Shape, file=None):
        self.shape, self.file = shape, file
        self.array = np.empty(shape, np.float32) if file is None else None
        self._row = 4 * shape[1] * shape[2]  # bytes

    def write(self, low: int, rows: np.ndarray) -> None:
        if self.array is not None:
            self.array[low : low + len(rows)] = rows
            return
        data, place = memoryview(np.ascontiguousarray(rows)).cast("B"), low * self._row
        try:
            while data:
                count = os.pwrite(self.file.fileno(), data, place)
                data, place = data[count:], place + count
        except OSError as error:
            raise UserError(
                f"temporary files of a large image cannot be written ({error.strerror}); set "
                "TMPDIR to a folder with more room, or give --output_size=trained"
            ) from error

    def read(self, low: int, high: int) -> np.ndarray:
        if self.array is not None:
            return self.array[low:high]
        rows = np.empty((high - low, *self.shape[1:]), np.float32)
        data, place = memoryview(rows).cast("B"), low * self._row
        while data:
            count = os.preadv(self.file.fileno(), [data], place)
            if not count:
                raise UserError("a temporary file of a large image was cut off; try again")
            data, place = data[count:], place + count
        return rows

    def close(self) -> None:
        self.array = None
        if self.file is not None:
            self.file.close()


class _Moments:
    """Mean and variance of each channel, added up band by band (Chan et al. 1979)."""

    def __init__(self):
        self._count, self._mean, self._squares = 0, 0.0, 0.0

    def add(self, rows: np.ndarray) -> None:
        mean, variance = tf.nn.moments(rows, [0, 1])
        mean, variance = np.float64(mean), np.float64(variance)
        count = rows.shape[0] * rows.shape[1]
        total = self._count + count
        apart = mean - self._mean
        self._mean = self._mean + apart * count / total
        self._squares += variance * count + apart**2 * self._count * count / total
        self._count = total

    def values(self) -> tuple[np.ndarray, np.ndarray]:
        return self._mean, self._squares / self._count
