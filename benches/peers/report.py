"""Tables of a comparison: speeds, ratios with their spread, shares of the machine's ceilings."""
import statistics
import textwrap

import machine

KINDS = {"decode": ("bytes_per_token", "read_bytes_per_second"), "prefill": ("operations_per_token", "fma_flops")}


def spread(values):
    """Median, lowest and highest."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def rows(runs, ceilings):
    """One row for each case, kind and peer, from the runs of all pairs."""
    cases = {}
    for run in runs:
        cases.setdefault((run["model"], run["dtype"], run["threads"]), {}).setdefault(run["engine"], []).append(run)
    found = []
    for (model, dtype, threads), engines in cases.items():
        ours = engines["wkv7"]
        for kind, (cost, roof) in KINDS.items():
            speed = spread([run[kind] for run in ours])
            share = speed["median"] * ours[0][cost] / ceilings[threads][roof]
            for peer, theirs in engines.items():
                if peer == "wkv7":
                    continue
                # Each ratio is of neighbours in time, so that a slow minute of the machine slows both.
                ratios = [mine[kind] / other[kind] for mine, other in zip(ours, theirs)]
                found.append({
                    "kind": kind, "model": model, "dtype": dtype, "threads": threads, "peer": peer,
                    "wkv7": speed, "share": share, "theirs": spread([run[kind] for run in theirs]),
                    "ratio": spread(ratios), "disturbed": any(map(busy, ours + theirs)),
                })
    return found


def figure(value):
    """Three significant digits, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def busy(run):
    """Whether other programs disturbed a run."""
    cores = run["others_busy_cores"]
    return cores is not None and cores > machine.BUSY


def table(found, kind):
    """The rows of one kind as Markdown."""
    roof = {"decode": "of read bandwidth", "prefill": "of FMA peak"}[kind]
    lines = [
        f"| model | type | threads | wkv7, tokens/s | {roof} | peer | its tokens/s | ratio, median (low to high) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in found:
        if row["kind"] == kind:
            ratio = "{} ({} to {})".format(*(figure(row["ratio"][name]) for name in ("median", "low", "high")))
            cells = [row["model"], row["dtype"], row["threads"], figure(row["wkv7"]["median"]),
                     f"{row['share']:.0%}", row["peer"], figure(row["theirs"]["median"]), ratio]
            cells[-1] += " *" if row["disturbed"] else ""
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def disturbance(found):
    """What the mark in the tables means, where there is one."""
    if not any(row["disturbed"] for row in found):
        return ""
    return f" Where * stands, other programs kept more than {machine.BUSY} cores busy during a run."


def wrapped(text, indent=""):
    return textwrap.fill(text, 118, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def markdown(record):
    """The whole record as a page."""
    about, asked = record["machine"], record["asked"]
    figures = (
        f"Random weights, seed {asked['seed']}, {asked['ffn_sparsity']:.0%} of the channel mix's hidden units zero; "
        "every engine reads the same numbers, wkv7 and llama.cpp the same file. "
        f"Pairs: {asked['pairs']}, the engines in turns; each run is a process of its own and is warmed up. "
        f"Decode is {asked['decode']} tokens one by one, prefill {asked['prefill']} tokens at once. "
        "A ratio above 1 means that wkv7 is faster; it is taken within each pair. The FMA peak is that of f32; integer "
        "instructions can pass it." + disturbance(record["rows"])
    )
    lines = [
        "# Other engines",
        "",
        wrapped(f"`{record['command']}`, {record['date']}, {about['cpu']}, {about['cores']} cores."),
        "",
        f"- wkv7: {record['version']}, commit {record['commit'] or 'unknown'}",
    ]
    for entry in record["engines"].values():
        lines.append(wrapped(f"- {entry['name']}: {entry['version']} ({entry['features']})", "  "))
    lines += [
        "",
        wrapped(figures),
        "",
        "| threads | read bandwidth, GB/s | FMA peak, GFLOP/s |",
        "|---|---|---|",
    ]
    for threads, entry in record["ceilings"].items():
        lines.append(f"| {threads} | {entry['read_bytes_per_second'] / 1e9:.1f} | {entry['fma_flops'] / 1e9:.0f} |")
    for kind in KINDS:
        lines += ["", f"## {kind.capitalize()}", "", table(record["rows"], kind)]
    lines += ["", "## Agreement", "", "| model | type | peer | |", "|---|---|---|---|"]
    lines += [f"| {a['model']} | {a['dtype']} | {a['peer']} | {a['text']} |" for a in record["agreement"]]
    return "\n".join(lines) + "\n"
