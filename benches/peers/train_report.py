"""Tables of a comparison of training: tokens per second, ratios with their spread, the share of the ceiling, memory."""
import statistics

from report import busy, disturbance, figure, spread, wrapped

MIB = 1 << 20
PRECISIONS = {
    "f32": "in f32",
    "bf16": "in f32 with the factors of matrix products rounded to bf16 (torch: autocast)",
}


def rate(run, tokens):
    """Tokens per second: the median of a round's steps."""
    return tokens / statistics.median(run["seconds"])


def line(size, run, tokens):
    """A run as it is shown while the comparison goes on."""
    text = f"{size}, round {run['round']}, {run['engine']}: {rate(run, tokens):.0f} tokens/s"
    return text + (f"; others keep {run['others_busy_cores']:.2f} cores busy" if busy(run) else "")


def rows(record):
    """One row for each size and form of torch; `fastest` marks the form that counts."""
    tokens = record["asked"]["batch"] * record["asked"]["context"]
    found = []
    for case in record["cases"]:
        engines = {}
        for run in case["runs"]:
            engines.setdefault(run["engine"], []).append(run)
        ours = engines.pop("wkv7")
        speed = spread([rate(run, tokens) for run in ours])
        # The best that was seen is the ceiling: a round that was disturbed would flatter us.
        roof = max(case["ceilings"])
        share = speed["median"] * case["abouts"]["wkv7"]["flops_per_token"] / roof
        medians = {}
        for form, runs in engines.items():
            speeds = spread([rate(run, tokens) for run in runs])
            medians[form] = speeds["median"]
            # Each ratio is of neighbours in time, so that a slow minute of the machine slows both.
            mine = {run["round"]: run for run in ours}
            ratios = [rate(mine[run["round"]], tokens) / rate(run, tokens) for run in runs]
            found.append({
                "size": case["size"], "form": form, "wkv7": speed, "share": share, "ceiling": roof,
                "theirs": speeds, "ratio": spread(ratios), "disturbed": any(map(busy, ours + runs)),
            })
        for row in found:
            if row["size"] == case["size"]:
                row["fastest"] = row["form"] == max(medians, key=medians.get)
    return found


def ranged(values):
    return "{} ({} to {})".format(*(figure(values[name]) for name in ("median", "low", "high")))


def speeds(record):
    lines = [
        "| model | wkv7, tokens/s | of FMA peak | torch | its tokens/s | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for row in record["rows"]:
        cells = [row["size"], ranged(row["wkv7"]), f"{row['share']:.0%}", row["form"], ranged(row["theirs"]),
                 ranged(row["ratio"])]
        if row["fastest"]:
            cells = [f"**{cell}**" for cell in cells]
        cells[-1] += " *" if row["disturbed"] else ""
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def memory(record):
    lines = [
        "| model | parameters | counted, MiB | wkv7's peak, MiB | ratio | torch's peak, MiB |",
        "|---|---|---|---|---|---|",
    ]
    for case in record["cases"]:
        found = dict(case["memory"])
        own = found.pop("wkv7")
        held, peak = own["held_bytes"], own["peak_bytes"]
        theirs = ", ".join(f"{form} {entry['peak_bytes'] / MIB:.0f}" for form, entry in found.items())
        peaks = (f"{peak / MIB:.0f}", f"{peak / held:.2f}") if peak else ("unknown", "unknown")
        cells = [case["size"], f"{case['abouts']['wkv7']['parameters'] / 1e6:.1f} M", f"{held / MIB:.0f}", *peaks, theirs]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def agreement(record):
    lines = ["| model | torch | loss apart by | gradients apart by, at most |", "|---|---|---|---|"]
    for case in record["cases"]:
        for form, apart in case["agreement"].items():
            worst = f"{apart['gradient']:.1e} (`{apart['tensor']}`)"
            lines.append(f"| {case['size']} | {form} | {apart['loss']:.1e} | {worst} |")
    return "\n".join(lines)


def markdown(record):
    """The whole record as a page."""
    about, asked = record["machine"], record["asked"]
    abouts = record["cases"][0]["abouts"]
    ceilings = ", ".join(f"{case['size']} {max(case['ceilings']) / 1e9:.0f} GFLOP/s" for case in record["cases"])
    left = [(case["size"], form) for case in record["cases"] for form in asked["forms"] if form not in case["agreement"]]
    left = "".join(f" {size} was measured without {form}." for size, form in left)
    figures = (
        f"A step is loss, gradients, clipping and AdamW, {PRECISIONS[asked['precision']]}, for {asked['batch']} sequences of {asked['context']} "
        f"tokens and a vocabulary of {asked['vocab']}; {asked['threads']} threads. The engines take turns in one run, "
        f"{asked['rounds']} rounds of {asked['steps']} steps, after a step that is not timed; slow forms of torch are "
        "timed in the first round alone. A ratio above 1 means that wkv7 is faster; it is taken within each round. The fastest "
        "form is the one that counts and stands in bold. The share of the f32 multiply-add peak counts 6 operations for "
        "each token and weight of a matrix (the head, not the embedding) and 27 * 64 for each token, layer and channel; the "
        f"peak is the best of the rounds ({ceilings}).{left}" + disturbance(record["rows"])
    )
    counted = (
        "Counted are weights, gradients, both moments, saved activations and scratch, by the trainer itself; the peak is "
        "the most that the process ever had resident (VmHWM). torch keeps what it has freed, for speed."
    )
    lines = [
        "# Training beside PyTorch",
        "",
        wrapped(f"`{record['command']}`, {record['date']}, {about['cpu']}, {about['cores']} cores."),
        "",
        f"- wkv7: {abouts['wkv7']['version']} ({abouts['wkv7']['features']}), commit {record['commit'] or 'unknown'}",
    ]
    for form, entry in abouts.items():
        if form != "wkv7":
            lines.append(f"- {form}: {entry['name']}; {entry['version']} ({entry['features']})")
    lines += ["", wrapped(figures), "", speeds(record), "", "## Memory", "", wrapped(counted), "", memory(record)]
    lines += ["", "## Agreement", "", "Relative, the gradients' by tensor in the Euclidean norm.", "", agreement(record)]
    return "\n".join(lines) + "\n"
