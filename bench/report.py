"""From measurements to ratios, and from ratios to a table."""

import statistics

FIGURES = ("ops_per_s", "p50_us", "p99_us", "p999_us", "cpu_us")
NOISY_SPREAD = 0.25


def key_of(row):
    return row["server"], row["client"], row["command"], row["pipeline"], row["value_bytes"]


def paired(row, base, figure):
    """The median of the ratios taken inside each repetition; None where there are none."""
    ratios = [mine[figure] / theirs[figure]
              for mine, theirs in zip(row["repetitions"], base["repetitions"]) if theirs[figure]]
    return round(statistics.median(ratios), 3) if ratios else None


def noisy(row):
    """Do the repetitions of one row differ so much that the run should be taken again?"""
    values = [repetition["cpu_us"] for repetition in row["repetitions"]]
    return max(values) > (1 + NOISY_SPREAD) * min(values)


def summarise(rows):
    """Adds medians and ratios to the same load on redis alone."""
    index = {key_of(row): row for row in rows}
    for row in rows:
        base = index.get(("redis", "plain", *key_of(row)[2:]))
        row["errors"] = sum(repetition["errors"] for repetition in row["repetitions"])
        for figure in FIGURES:
            row[figure] = round(statistics.median(
                repetition[figure] for repetition in row["repetitions"]), 2)
        if base is not None:
            row["cpu_ratio"] = paired(row, base, "cpu_us")
            row["ops_ratio"] = paired(row, base, "ops_per_s")
            row["redis_noisy"] = noisy(base)
    return index


def table(rows):
    """The rows as text, by load."""
    lines = []
    loads = sorted({key_of(row)[2:] for row in rows}, key=lambda load: (load[2], load[1], load[0]))
    for command, pipeline, value_bytes in loads:
        lines.append(f"\n{command.upper()}, values of {value_bytes} B, pipelines of {pipeline}")
        lines.append(f"  {'server':26}{'client':20}{'ops/s':>10}{'p50 us':>10}{'p99 us':>10}"
                     f"{'p99.9 us':>10}{'CPU us/op':>11}{'CPU ratio':>11}{'ops ratio':>11}")
        for row in rows:
            if key_of(row)[2:] == (command, pipeline, value_bytes):
                lines.append(table_line(row))
    return "\n".join(lines)


def table_line(row):
    marks = " errors!" if row["errors"] else ""
    marks += " (redis noisy)" if row.get("redis_noisy") else ""
    ratios = "".join(f"{row.get(name) or float('nan'):11.2f}"
                     for name in ("cpu_ratio", "ops_ratio"))
    return (f"  {row['server']:26}{row['client']:20}{row['ops_per_s']:10.0f}{row['p50_us']:10.0f}"
            f"{row['p99_us']:10.0f}{row['p999_us']:10.0f}{row['cpu_us']:11.2f}{ratios}{marks}")
