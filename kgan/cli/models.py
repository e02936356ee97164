"""The models that `--model` names: the files of `kgan/models`."""

import ast
import importlib
import pathlib

from kgan.cli.entry import import_tensorflow
from kgan.cli.other_names import nearest_model
from kgan.utils.errors import ArgumentError, UserError

FOLDER = pathlib.Path(__file__).parents[1] / "models"


def model_names() -> list[str]:
    """Lists the models there are."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def model_summary(name: str) -> str:
    """Reads the first line of a model's docstring without importing it."""
    source = (FOLDER / f"{name}.py").read_text()
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def check_model_name(name: str) -> None:
    """Checks that there is such a model."""
    if name not in model_names():
        nearest = nearest_model(name, model_names())
        hint = f"; did you mean {nearest}?" if nearest else ""
        raise UserError(f"--model={name}: must be one of {', '.join(model_names())}{hint}")


def model_class(name: str) -> type:
    """Imports a model (and with it TensorFlow); returns its class."""
    check_model_name(name)
    import_tensorflow()
    from kgan.models.base.model import Model

    module = importlib.import_module(f"kgan.models.{name}")
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    (found,) = [c for c in classes if issubclass(c, Model) and c.__module__ == module.__name__]
    return found


def build_model(settings, spec):
    """Builds and compiles the model of a training; call it in the strategy's scope.

    Args:
        settings: `kgan.cli.settings.Settings`.
        spec: `kgan.data.dataset.DataSpec`.
    """
    try:
        return settings.model_class.from_settings(settings.for_model(), spec)
    except ArgumentError as error:
        # An argument that is no flag is the shape of an image, which comes from its size.
        flag = error.name if error.name in settings.values else "image_size"
        raise UserError(f"--{flag}={settings.values[flag]}: {error}") from error
