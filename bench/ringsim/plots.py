"""The pictures of docs/sizing.md, from what kindred-ringsim found."""

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as pyplot  # noqa: E402

COLOURS = ("#c44536", "#f6ae2d", "#33658a", "#6a994e")
MARKERS = ("o", "s", "^", "D")


def new_axes(title, x, y):
    figure, axes = pyplot.subplots(figsize=(7.5, 4.5))
    axes.set_title(title, fontsize=11)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes


def line(axes, place, xs, ys, label):
    axes.plot(xs, ys, color=COLOURS[place], marker=MARKERS[place], markersize=4, label=label)


def figure8(found):
    figure, axes = new_axes("Load balancing efficiency, 30 nodes, N = 3",
                            "entries of metadata at each node", "average load / highest load")
    strategies = list(dict.fromkeys(row["strategy"] for row in found))
    for place, strategy in enumerate(strategies):
        chosen = [row for row in found if row["strategy"] == strategy]
        xs = [row["entries"] for row in chosen]
        line(axes, place, xs, [row["efficiency"] for row in chosen], f"strategy {strategy}")
        axes.fill_between(xs, [row["efficiency_least"] for row in chosen],
                          [row["efficiency"] for row in chosen], color=COLOURS[place], alpha=0.12,
                          linewidth=0)
    axes.set_xscale("log")
    axes.set_ylim(0.25, 1.02)
    axes.legend(frameon=False, loc="lower right")
    return figure


def partitions(found):
    figure, axes = new_axes("How many partitions: 12 nodes that may become 48, N = 3",
                            "partitions", "average load / highest load")
    xs = [row["partitions"] for row in found]
    for place, (column, label) in enumerate((
            ("efficiency_first_grown", "first places, worst of 12 to 48 nodes"),
            ("efficiency_grown", "copies, worst of 12 to 48 nodes"),
            ("efficiency_first", "first places, 12 nodes"), ("efficiency", "copies, 12 nodes"))):
        line(axes, place, xs, [row[column] for row in found], label)
    axes.axhline(0.9, color="#888888", linewidth=0.8, linestyle="--")
    axes.set_xscale("log", base=2)
    axes.set_xticks(xs, [f"{x:g}" for x in xs], fontsize=8)
    axes.legend(frameon=False, loc="lower right")
    return figure


def hot_keys(found):
    figure, axes = new_axes("The hottest node under Zipf's law: 12 nodes, a million keys",
                            "exponent", "highest load / average load")
    xs = [row["exponent"] for row in found]
    line(axes, 0, xs, [row["first_place"] for row in found], "reads at the first place")
    line(axes, 2, xs, [row["spread"] for row in found], "reads spread over 3 copies")
    line(axes, 1, xs, [row["random_tokens"] for row in found],
         "spread, 100 random tokens a node")
    axes.legend(frameon=False, loc="upper left")
    return figure


def gossip(found):
    figure, axes = new_axes("Who is up: when all nodes know, and what it costs", "nodes",
                            "seconds")
    xs = [row["nodes"] for row in found]
    for place, (column, label) in enumerate((("cut_all_ms", "a cut in halves"),
                                             ("hang_all_ms", "a hang"),
                                             ("spread_ms", "a word spreads"))):
        line(axes, place, xs, [row[column] / 1000 for row in found], label)
    axes.set_xscale("log")
    axes.set_xticks(xs, [f"{x:g}" for x in xs])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc="upper left")
    costs = axes.twinx()
    costs.plot(xs, [row["bytes_s"] / 1000 for row in found], color=COLOURS[3], marker=MARKERS[3],
               markersize=4, linestyle=":", label="kB a second and node (right)")
    costs.set_ylim(0, 10)
    costs.set_ylabel("kB a second and node")
    costs.spines[["top"]].set_visible(False)
    costs.legend(frameon=False, loc="lower right")
    return figure


def draw_all(found, folder):
    """Draws every picture into `folder` and returns the files' paths."""
    matplotlib.rcParams.update({"svg.hashsalt": "kindred", "font.family": "sans-serif"})
    pictures = {"figure8": figure8, "partitions": partitions, "hot-keys": hot_keys,
                "gossip": gossip}
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, draw in pictures.items():
        figure = draw(found[name])
        figure.tight_layout()
        paths.append(folder / f"ringsim-{name}.svg")
        figure.savefig(paths[-1], format="svg", metadata={"Date": None})
        pyplot.close(figure)
    return paths
