"""The picture of a comparison: CPU an operation and throughput, by server."""

import pathlib

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as pyplot  # noqa: E402

VALUE_BYTES = 100
COLOURS = {"set": "#33658a", "get": "#f6ae2d"}


def panel(axes, rows, pipeline, figure, scale, title):
    """Horizontal bars: one pair (SET and GET) a server and client."""
    chosen = [row for row in rows
              if row["pipeline"] == pipeline and row["value_bytes"] == VALUE_BYTES]
    labels = list(dict.fromkeys(label(row) for row in chosen))
    for offset, command in ((0.2, "set"), (-0.2, "get")):
        values = {label(row): row[figure] / scale for row in chosen if row["command"] == command}
        places = [place for place, name in enumerate(labels) if name in values]
        bars = axes.barh([len(labels) - 1 - place + offset for place in places],
                         [values[labels[place]] for place in places], height=0.38,
                         color=COLOURS[command], label=command.upper())
        axes.bar_label(bars, fmt="%.1f", fontsize=7, padding=2)
    axes.set_yticks([len(labels) - 1 - place for place in range(len(labels))], labels, fontsize=8)
    axes.set_title(title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.15)


def label(row):
    return row["server"] if row["client"] == "plain" else f"{row['server']}, {row['client']}"


def draw(rows, path):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    matplotlib.rcParams.update({"svg.hashsalt": "kindred", "font.family": "sans-serif"})
    figure, axes = pyplot.subplots(2, 2, figsize=(13, 10))
    for column, pipeline in enumerate((1, 16)):
        panel(axes[0][column], rows, pipeline, "cpu_us", 1,
              f"CPU µs an operation, all servers, pipelines of {pipeline}")
        panel(axes[1][column], rows, pipeline, "ops_per_s", 1000,
              f"thousand operations a second, pipelines of {pipeline}")
    axes[0][0].legend(fontsize=8, frameon=False)
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None})
