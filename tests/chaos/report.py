"""What a chaos run came to: losses, success, error spells and latencies, in words and a picture."""

import collections

# When, and the address of the node that is of no use to its clients then, or "".
Phase = collections.namedtuple("Phase", "name begin end gone")

WRITES_MIN_PERCENT = 99.9
# A death shows within 1 s, a hang or a cut within 3 s; errors may last a second longer.
ERRORS_END_S = {"killed": 2.0, "hangs": 4.0, "cut off": 4.0, "can't send": 4.0}


def lost_writes(nodes, clients):
    """What was acknowledged and is not there, as each running node answers; a list of texts."""
    texts = []
    for node in nodes.running():
        connection = node.client(30)
        for _, acked, tried, items, cart, _ in clients:
            found = dict(zip(acked, connection.mget(list(acked)))) if acked else {}
            for key, number in acked.items():
                value = int(found[key] or -1)
                if not number <= value <= tried[key]:
                    texts.append(f"{key}: {number} acknowledged, {value} found at {node.name}")
            _, siblings = connection.execute_command("DGET", cart)
            there = {item for sibling in siblings for item in sibling.decode().split(",")}
            missing = set(items) - there
            if missing:
                texts.append(f"{cart}: {sorted(missing)[:5]} missing at {node.name}")
    return texts


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0


def figures(phases, samples):
    """A row a phase: requests, success of writes, latencies in ms, when its last error was."""
    rows = []
    for phase in phases:
        name, begin, end, _ = phase
        here = [sample for sample in samples if begin <= sample.when < end]
        writes = [sample for sample in here if sample.is_write]
        failed = [sample for sample in writes if has_failed(sample, phase)]
        # A request is counted where it began; its error shows when it ended.
        errors_end = max((sample.when + sample.seconds for sample in here
                          if has_failed(sample, phase)), default=begin)
        good = [sample.seconds * 1000 for sample in here if not sample.error]
        rows.append({
            "phase": name, "seconds": round(end - begin, 1), "requests": len(here),
            "writes": len(writes), "writes_failed": len(failed),
            "writes_failed_first": len([each for each in writes if each.first_error]),
            "writes_ok_percent": percent_of(len(writes) - len(failed), len(writes)),
            "p50_ms": round(percentile(good, 0.5), 2), "p99_ms": round(percentile(good, 0.99), 2),
            "p99.9_ms": round(percentile(good, 0.999), 2),
            "errors_end_s": round(errors_end - begin, 2),
            "first_ok_percent": percent_of(
                len([each for each in writes if not each.first_error]), len(writes)),
            "errors": most_common(sample.error or sample.first_error for sample in here
                                  if has_failed(sample, phase)),
            "first_errors": most_common(sample.first_error for sample in here),
        })
    return {"phases": rows}


def has_failed(sample, phase):
    """A request whose own node is gone may succeed elsewhere; one that a good node answered with an
    error has failed, whatever its client does then."""
    is_own_gone = sample.is_silent or sample.node == phase.gone
    return bool(sample.error) or bool(sample.first_error and not is_own_gone)


def percent_of(part, whole):
    return round(100 * part / whole, 4) if whole else 100.0


def most_common(errors):
    return collections.Counter(error for error in errors if error).most_common(5)


def promised_end_s(phase):
    return next((limit for word, limit in ERRORS_END_S.items() if word in phase), None)


def verdicts(result):
    """(promise, whether it held) pairs."""
    yield f"no acknowledged write is lost ({len(result['lost'])} are)", not result["lost"]
    writes = sum(row["writes"] for row in result["phases"])
    failed = sum(row["writes_failed"] for row in result["phases"])
    percent = percent_of(writes - failed, writes)
    yield (f"{percent} % of {writes} writes succeed in all, at least {WRITES_MIN_PERCENT}",
           percent >= WRITES_MIN_PERCENT)
    for row in result["phases"]:
        limit = promised_end_s(row["phase"])
        if limit is not None:
            yield (f"{row['phase']}: {row['writes_ok_percent']} % of writes succeed, at least "
                   f"{WRITES_MIN_PERCENT}", row["writes_ok_percent"] >= WRITES_MIN_PERCENT)
            yield (f"{row['phase']}: last error after {row['errors_end_s']} s, at most {limit}",
                   row["errors_end_s"] <= limit)


def judge(result):
    return all(held for _, held in verdicts(result))


def show(result):
    print("writes: at first as their client tried them first; ok: also those whose own node was gone, "
          "tried elsewhere")
    print(f"\n{'phase':20} {'requests':>8} {'at first %':>10} {'failed':>6} {'ok %':>8} {'p50':>7} "
          f"{'p99':>8} {'p99.9 ms':>9} {'errors end s':>12}")
    for row in result["phases"]:
        print(f"{row['phase']:20} {row['requests']:8} {row['first_ok_percent']:10} "
              f"{row['writes_failed']:6} {row['writes_ok_percent']:8} {row['p50_ms']:7} "
              f"{row['p99_ms']:8} {row['p99.9_ms']:9} {row['errors_end_s']:12}")
        for text, count in row["first_errors"]:
            print(f"{'':22}first try: {count} x {text}")
        for text, count in row["errors"]:
            print(f"{'':22}failed: {count} x {text}")
    print(f"load averages of the machine at the end: {result['load_average']}")
    for text in result["lost"][:20]:
        print(f"LOST {text}")
    print()
    for text, held in verdicts(result):
        print(f"{'ok  ' if held else 'FAIL'} {text}")
    held = [each for _, each in verdicts(result)]
    print(f"{sum(held)} passed, {len(held) - sum(held)} failed")


def list_errors(phases, samples, path):
    """A line for each request that failed at first, by its time in the run."""
    began = phases[0].begin
    with path.open("w") as lines:
        for sample in sorted(samples):
            if sample.first_error:
                lines.write(f"{sample.when - began:8.3f} s  {'write' if sample.is_write else 'read':5}"
                            f" {sample.seconds:6.3f} s at {sample.node}: {sample.first_error}"
                            f"{' FAILED ' + sample.error if sample.error else ''}\n")


def draw(phases, samples, path):
    """Median and p99.9 of each second, failed requests, and the phases behind them."""
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot

    began = phases[0].begin
    seconds = collections.defaultdict(list)
    failed = collections.Counter()
    for sample in samples:
        if sample.first_error:
            failed[int(sample.when - began)] += 1
        if not sample.error:
            seconds[int(sample.when - began)].append(sample.seconds * 1000)
    times = sorted(seconds)
    figure, (top, bottom) = pyplot.subplots(
        2, 1, figsize=(12, 6), sharex=True, height_ratios=(3, 1))
    top.plot(times, [percentile(seconds[each], 0.999) for each in times], label="p99.9")
    top.plot(times, [percentile(seconds[each], 0.5) for each in times], label="median")
    top.set_yscale("log")
    top.set_ylabel("latency, ms")
    top.legend(loc="upper right")
    bottom.bar(list(failed), list(failed.values()), width=1.0, color="tab:red")
    bottom.set_ylabel("failed first tries")
    bottom.set_xlabel("seconds")
    for number, (name, begin, end, _) in enumerate(phases):
        for axes in (top, bottom):
            axes.axvspan(begin - began, end - began, color="0.9" if number % 2 else "0.97", zorder=0)
        top.text((begin + end) / 2 - began, 0.98, name, rotation=90, ha="center", va="top",
                 transform=top.get_xaxis_transform(), fontsize=8)
    figure.tight_layout()
    figure.savefig(path)
