"""Image files written by `kgan.generate`."""

from kgan.utils.atomic import atomic_write, report_write_errors


def save_png(image, path):
    with report_write_errors(f"--out={path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as place:
        image.save(place, "PNG")
    return path
