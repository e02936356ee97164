"""The list of exported models that TensorFlow Serving reads, `models.config`."""

import json
import pathlib

from kgan.utils.atomic import atomic_write

NAME = "models.config"
ROOT = "/models"  # where the documented command mounts the folder of exports
HEAD = "# Written by kgan.export: all models of this folder, for --model_config_file.\n"


def write_model_config(export_dir: pathlib.Path, root: str | None = None) -> pathlib.Path | None:
    """Lists all models that have a version, in `<export_dir>/models.config`.

    Args:
        export_dir: folder of the exports.
        root: the folder of the exports as the server sees it: TensorFlow Serving takes absolute
            paths only. None: that of the list which is there, or else `/models`.

    Returns:
        The file; None where there is one that kgan has not written, or a folder, which stays.

    Example:
        >>> import tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> (folder / "mine" / "1").mkdir(parents=True)
        >>> _ = (folder / "mine" / "1" / "saved_model.pb").write_bytes(b"")
        >>> print(write_model_config(folder).read_text().splitlines()[2].strip())
        config { name: "mine" base_path: "/models/mine" model_platform: "tensorflow" }
    """
    path = export_dir / NAME
    if path.is_dir():
        return None
    before = path.read_text(errors="replace") if path.exists() else HEAD
    if not before.startswith(HEAD):
        return None
    root = _root_of(before) if root is None else root.rstrip("/")
    names = exported_names(export_dir)
    while True:
        lines = [
            f"  config {{ name: {_quoted(name)} base_path: {_quoted(f'{root}/{name}')} "
            'model_platform: "tensorflow" }\n'
            for name in names
        ]
        text = f"{HEAD}model_config_list {{\n{''.join(lines)}}}\n"
        if text != before:
            with atomic_write(path) as place:
                place.write_text(text)
        # Another process may have added or taken a model meanwhile, and written before this one.
        before, listed, names = text, names, exported_names(export_dir)
        if names == listed:
            return path


def exported_names(export_dir: pathlib.Path) -> list[str]:
    """Lists the models that have at least one version."""
    versions = {path.parent for path in export_dir.glob("*/*/saved_model.pb")}
    return sorted({version.parent.name for version in versions if version.name.isdecimal()})


def _root_of(text):
    _, found, rest = text.partition('base_path: "')
    return rest.partition('"')[0].rpartition("/")[0] if found else ROOT


def _quoted(text):
    # The text format of protocol buffers has the escapes of JSON for what names contain.
    return json.dumps(text, ensure_ascii=False)
