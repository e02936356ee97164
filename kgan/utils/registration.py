"""Loading of saved models after nothing but `import kgan`, which imports neither Keras nor a model.

Keras finds a class by the name that `register_keras_serializable` gave it, so the module of the
class must have been imported. Here each such class of kgan gets a stand-in under its name as soon
as Keras is imported; the stand-in imports the module when Keras first uses it.
"""

import importlib
import pathlib
import re

import wrapt

PACKAGE = pathlib.Path(__file__).parents[1]
REGISTERED = re.compile(
    r'^@keras\.saving\.register_keras_serializable\("kgan"\)\nclass (\w+)', re.M
)


class LazyClass:
    """Stands for a class whose module is not imported yet.

    Args:
        module: name of the module.
        name: of the class.

    Example:
        >>> LazyClass("fractions", "Fraction").from_float(0.5)
        Fraction(1, 2)
    """

    def __init__(self, module: str, name: str):
        self._module = module
        self._name = name

    def __getattr__(self, attribute):
        return getattr(getattr(importlib.import_module(self._module), self._name), attribute)


def registered_classes() -> dict[str, str]:
    """Lists the modules of the classes that kgan registers with Keras, by class name."""
    return {
        name: ".".join(("kgan", *path.relative_to(PACKAGE).with_suffix("").parts))
        for path in sorted(PACKAGE.rglob("*.py"))
        for name in REGISTERED.findall(path.read_text(encoding="utf-8"))
    }


def register_with_keras() -> None:
    """Registers the stand-ins now, or as soon as Keras is imported."""

    @wrapt.when_imported("keras")
    def register(keras):
        known = keras.saving.get_custom_objects()
        for name, module in registered_classes().items():
            known.setdefault(f"kgan>{name}", LazyClass(module, name))
