"""Images that compare the cells of a sweep: curves and sample sheets.

The functions take the results of the cells, see `kgan.sweeps.comparison.Result`.
"""

import math
from collections.abc import Sequence

from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from kgan.plots import curves, grids

SHEET_LIMIT = 640  # pixels of a sheet's longer side
GAP, FONT = 16, 18  # pixels


def plot_curves(results: Sequence, measures: Sequence[str]) -> Figure:
    """Plots a panel for each measure, with a line and a band for each cell that has runs."""
    columns = min(2, len(measures))
    rows = -(-len(measures) // columns)
    shown = {number: result for number, result in enumerate(results) if result.runs}
    longest = max(len(result.cell.label) for result in shown.values())
    legend_columns = max(1, min(4, 100 // (longest + 12)))
    legend_inches = 0.3 + 0.22 * -(-len(shown) // legend_columns)
    size = (6.2 * columns if columns > 1 else 8), 4.2 * rows + legend_inches
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    handles = {}
    for panel, measure in zip(panels, measures, strict=False):
        entries = {number: _entry(result, measure) for number, result in shown.items()}
        handles |= curves.plot_curves(panel, measure, entries)
    for panel in panels[len(measures) :]:
        panel.set_visible(False)
    lines = [handles[number] for number in sorted(handles)]
    legend = {"loc": "outside lower center", "ncols": legend_columns, "frameon": False}
    figure.legend(handles=lines, **legend)
    if any(len(result.runs) > 1 for result in shown.values()):
        repeats = max(len(result.cell.seeds) for result in shown.values())
        figure.suptitle(f"mean over {repeats} runs each, band: one standard deviation", fontsize=11)
    return figure


def _entry(result, measure):
    """Returns a cell's label in the legend, with the number of runs if some are missing."""
    found, every = result.curves(measure), len(result.cell.seeds)
    fewer = f" ({len(found)} of {every} runs)" if len(found) < every else ""
    return f"{result.cell.label}{fewer}", found


def sample_sheet(results: Sequence) -> Image.Image:
    """Arranges the last sheet of each cell's first complete run, with captions."""
    font = ImageFont.load_default(FONT)
    tiles = [_tile(result, font) for result in results]
    columns = math.ceil(math.sqrt(len(tiles)))
    rows = -(-len(tiles) // columns)
    width, height = max(t.width for t in tiles) + GAP, max(t.height for t in tiles) + GAP
    sheet = Image.new("RGB", (columns * width + GAP, rows * height + GAP), "white")
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        sheet.paste(tile, (GAP + column * width, GAP + row * height))
    return sheet


def _tile(result, font) -> Image.Image:
    """Returns a cell's image below a caption with a line for each flag."""
    paths = sorted(result.runs[0].samples.glob("*.png")) if result.runs else []
    image = Image.new("RGB", (1, 1), "white")
    caption = [f"{name}={value}" for name, value in result.cell.varied.items()]
    if paths:
        with Image.open(paths[-1]) as opened:
            image = grids.on_white(opened)
        image.thumbnail((SHEET_LIMIT, SHEET_LIMIT))
        caption.append(f"step {int(paths[-1].stem.partition('-')[2]):,}")
    else:
        caption.append("failed" if result.failures else "not trained yet")
    line = FONT + 6
    width = max(image.width, *(math.ceil(font.getlength(text)) for text in caption))
    tile = Image.new("RGB", (width, image.height + line * len(caption)), "white")
    draw = ImageDraw.Draw(tile)
    for number, text in enumerate(caption):
        draw.text((0, number * line), text, "black", font)
    tile.paste(image, (0, line * len(caption)))
    return tile
