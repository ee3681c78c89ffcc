"""What a chaos run came to: losses, success, error spells and latencies, in words and a picture."""

import collections

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
    for name, begin, end in phases:
        here = [sample for sample in samples if begin <= sample[0] < end]
        writes = [sample for sample in here if sample[1]]
        failed = [sample for sample in writes if sample[3]]
        # A request is counted where it began; its error shows when it ended.
        errors_end = max((sample[0] + sample[2] for sample in here if sample[3]), default=begin)
        good = [sample[2] * 1000 for sample in here if not sample[3]]
        rows.append({
            "phase": name, "seconds": round(end - begin, 1), "requests": len(here),
            "writes": len(writes), "writes_failed": len(failed),
            "writes_ok_percent": round(100 * (1 - len(failed) / len(writes)), 4) if writes else 0,
            "p50_ms": round(percentile(good, 0.5), 2), "p99_ms": round(percentile(good, 0.99), 2),
            "p99.9_ms": round(percentile(good, 0.999), 2),
            "errors_end_s": round(errors_end - begin, 2),
            "errors": collections.Counter(sample[3] for sample in here if sample[3]).most_common(5),
        })
    return {"phases": rows}


def promised_end_s(phase):
    return next((limit for word, limit in ERRORS_END_S.items() if word in phase), None)


def verdicts(result):
    """(promise, whether it held) pairs."""
    yield f"no acknowledged write is lost ({len(result['lost'])} are)", not result["lost"]
    writes = sum(row["writes"] for row in result["phases"])
    failed = sum(row["writes_failed"] for row in result["phases"])
    percent = round(100 * (1 - failed / max(1, writes)), 4)
    yield (f"{percent} % of {writes} writes succeed in all, at least {WRITES_MIN_PERCENT}",
           percent >= WRITES_MIN_PERCENT)
    for row in result["phases"]:
        limit = promised_end_s(row["phase"])
        if limit is not None:
            yield (f"{row['phase']}: last error after {row['errors_end_s']} s, at most {limit}",
                   row["errors_end_s"] <= limit)


def judge(result):
    return all(held for _, held in verdicts(result))


def show(result):
    print(f"\n{'phase':20} {'requests':>8} {'failed':>6} {'ok %':>8} {'p50':>7} {'p99':>8} "
          f"{'p99.9 ms':>9} {'errors end s':>12}")
    for row in result["phases"]:
        print(f"{row['phase']:20} {row['requests']:8} {row['writes_failed']:6} "
              f"{row['writes_ok_percent']:8} {row['p50_ms']:7} {row['p99_ms']:8} "
              f"{row['p99.9_ms']:9} {row['errors_end_s']:12}")
        for text, count in row["errors"]:
            print(f"{'':22}{count} x {text}")
    for text in result["lost"][:20]:
        print(f"LOST {text}")
    print()
    for text, held in verdicts(result):
        print(f"{'ok  ' if held else 'FAIL'} {text}")
    held = [each for _, each in verdicts(result)]
    print(f"{sum(held)} passed, {len(held) - sum(held)} failed")


def draw(phases, samples, path):
    """Median and p99.9 of each second, failed requests, and the phases behind them."""
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot

    began = phases[0][1]
    seconds = collections.defaultdict(list)
    failed = collections.Counter()
    for when, _, took, error in samples:
        if error:
            failed[int(when - began)] += 1
        else:
            seconds[int(when - began)].append(took * 1000)
    times = sorted(seconds)
    figure, (top, bottom) = pyplot.subplots(
        2, 1, figsize=(12, 6), sharex=True, height_ratios=(3, 1))
    top.plot(times, [percentile(seconds[each], 0.999) for each in times], label="p99.9")
    top.plot(times, [percentile(seconds[each], 0.5) for each in times], label="median")
    top.set_yscale("log")
    top.set_ylabel("latency, ms")
    top.legend(loc="upper right")
    bottom.bar(list(failed), list(failed.values()), width=1.0, color="tab:red")
    bottom.set_ylabel("failed requests")
    bottom.set_xlabel("seconds")
    for number, (name, begin, end) in enumerate(phases):
        for axes in (top, bottom):
            axes.axvspan(begin - began, end - began, color="0.9" if number % 2 else "0.97", zorder=0)
        top.text((begin + end) / 2 - began, 0.98, name, rotation=90, ha="center", va="top",
                 transform=top.get_xaxis_transform(), fontsize=8)
    figure.tight_layout()
    figure.savefig(path)
