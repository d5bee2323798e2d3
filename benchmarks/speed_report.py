# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Turns the raw records of speed.py into figures, ratios and tables.

The throughput of a round is its number of rows divided by its seconds; the median over the rounds
is reported. A ratio divides two such medians.
"""

import platform
import sys
from statistics import median

# The toolkit's targets.
TARGETS = {
    "training, 128, toolkit_own / google": ">= 6.5",
    "training, 128, toolkit_own / hugging_face": ">= 2.9",
    "training, 128, toolkit_own / hugging_face_own": ">= 1.25",
    "training, 128, toolkit_own / hugging_face_compiled_own": ">= 1.25",
    "training, 25, toolkit_own / google": ">= 1.4",
    "training, 25, toolkit_own / hugging_face": ">= 1.4",
    "training, 128, toolkit_own, share of the bound by rate": ">= 0.70",
    "prediction, real-128, toolkit / hugging_face": ">= 1.8",
    "prediction, file-128, toolkit / hugging_face": ">= 1.8",
    "tokenization, toolkit ids / google ids": ">= 4",
    "tokenization, toolkit ids / hugging_face auto": ">= 1",
    "tokenization, toolkit ids / hugging_face rust": ">= 1",
    "tokenization, toolkit ids / toolkit offsets": "<= 2",
    "peak memory of training, toolkit / hugging_face": "<= 0.8",
    "padding, step time, max_seq_length 512 / 64": "<= 1.05",
}
# The name of each ratio, its numerator, and its denominator (None: no denominator). Both are paths
# through the summary.
RATIOS = (
    *(
        (f"training, {length}, {ours} / {peer}", ("training", f"real-{length}", ours, "rows"),
         ("training", f"real-{length}", peer, "rows"))
        for length in (128, 25)
        for ours in ("toolkit", "toolkit_own")
        for peer in ("google", "hugging_face", "hugging_face_own", "hugging_face_compiled",
                     "hugging_face_compiled_own")
    ),
    *(
        (f"training, 128, {ours}, share of the bound by {bound}",
         ("training", "real-128", ours, bound), None)
        for ours in ("toolkit", "toolkit_own")
        for bound in ("rate", "products")
    ),
    *(
        (f"prediction, {data}, toolkit / {peer}", ("prediction", data, "toolkit", "rows"),
         ("prediction", data, peer, "rows"))
        for data in ("real-128", "file-128")
        for peer in ("google", "hugging_face")
    ),
    *(
        (f"tokenization, toolkit {ours} / {peer}", ("tokenization", f"toolkit {ours}", "texts"),
         ("tokenization", peer, "texts"))
        for ours, peer in (
            ("ids", "google ids"),
            ("ids", "hugging_face auto"),
            ("ids", "hugging_face rust"),
            ("offsets", "hugging_face auto_offsets"),
            ("offsets", "hugging_face rust_offsets"),
            ("ids", "toolkit offsets"),
        )
    ),
    ("conversion, several processes / one", ("conversion", "several", "texts"),
     ("conversion", "one", "texts")),
    *(
        (f"peak memory of training, toolkit / {peer}", ("memory", "toolkit"), ("memory", peer))
        for peer in ("google", "hugging_face")
    ),
    *(
        (f"padding, step time, {what}", ("padding", way), ("padding", "short"))
        for what, way in (
            ("max_seq_length 512 / 64", "long"),
            ("batches padded to 512 before the model / 64", "padded"),
        )
    ),
    *(
        (f"start-up, {what}, toolkit / hugging_face", ("startup", "toolkit", figure),
         ("startup", "hugging_face", figure))
        for what, figure in (
            ("first training step", "train_first_step"),
            ("prediction of 100 rows", "predict_seconds"),
        )
    ),
)  # fmt: skip


def build(bench, machine):
    """Returns the content of speed.json."""
    summary = summarize(bench.records)
    return {
        "machine": machine,
        "python": platform.python_version(),
        "sides": bench.about,
        "command": sys.argv[1:],
        "settings": {
            name: value for name, value in bench.settings.items() if name != "scratch_dir"
        },
        "rounds": bench.options.rounds,
        "steps": bench.options.steps,
        "agreement": bench.agreement,
        "summary": summary,
        "ratios": list_ratios(summary),
        "records": bench.records,
    }


def summarize(records):
    """Returns the figures for each part, by data set and side."""
    summary = {}
    for part, summarize_part in PARTS.items():
        own = [record for record in records if record["part"] == part]
        if own:
            summary[part] = summarize_part(own)
    return summary


def group(records, key):
    """Groups records by a field, in the order in which its values first occur."""
    groups = {}
    for record in records:
        groups.setdefault(record[key], []).append(record)
    return groups


def summarize_steps(records):
    """Returns the figures for training or prediction, by data set and side."""
    figures = {}
    for data, own in group(records, "data").items():
        sides = group(own, "side")
        bounds = {bound["round"]: bound for bound in sides.pop("gemm")}
        figures[data] = {side: figures_of(turns, bounds) for side, turns in sides.items()}
        figures[data]["gemm"] = {
            "gflops": median(bound["flops_per_second"] for bound in bounds.values()) / 1e9,
            **bound_figures(next(iter(sides.values())), bounds),
        }
    return figures


def figures_of(turns, bounds):
    """Returns a side's figures for a data set.

    `rows` and `tokens` are per second, and `gflops` are the useful ones per second. `rate` and
    `products` are shares of the two bounds. `milliseconds` and `best_milliseconds` are per step.
    """
    seconds = [sum(turn["seconds"]) for turn in turns]
    sums = {key: [sum(turn[key]) for turn in turns] for key in ("rows", "tokens", "flops")}
    per_second = {
        key: median(total / time for total, time in zip(totals, seconds))
        for key, totals in sums.items()
    }
    steps = [step for turn in turns for step in turn["seconds"]]
    return {
        "rows": per_second["rows"],
        "tokens": per_second["tokens"],
        "gflops": per_second["flops"] / 1e9,
        "rate": median(
            flops / bounds[turn["round"]]["flops_per_second"] / time
            for turn, flops, time in zip(turns, sums["flops"], seconds)
        ),
        "products": median(
            tokens * bounds[turn["round"]]["products_per_token"] / time
            for turn, tokens, time in zip(turns, sums["tokens"], seconds)
        ),
        "milliseconds": 1000 * median(steps),
        "best_milliseconds": 1000 * min(steps),
    }


def bound_figures(turns, bounds):
    """Returns the throughput on a side's rows that the best rate of products would allow."""
    rates = [
        sum(turn["rows"]) / sum(turn["flops"]) * bounds[turn["round"]]["flops_per_second"]
        for turn in turns
    ]
    return {"rows": median(rates)}


def own_order(figures):
    """Sets the row throughput on batches of similar length, computed from their wordpieces.

    The rows in a few steps may be longer or shorter on average than those of the data. Therefore,
    only the throughput in wordpieces is meaningful.
    """
    for sides in figures.values():
        for side in [side for side in sides if side.endswith("_own")]:
            plain = sides[side[: -len("_own")]]
            sides[side]["rows"] = sides[side]["tokens"] / plain["tokens"] * plain["rows"]
    return figures


def summarize_tokenization(records):
    """Returns the texts per second, by side and way of tokenizing."""
    return {
        side: {"texts": median(own["rows"] / own["seconds"] for own in turns)}
        for side, turns in group(records, "side").items()
    }


def summarize_memory(records):
    """Returns the median peak memory in bytes, by side."""
    return {
        side: median(own["bytes"] for own in turns)
        for side, turns in group(records, "side").items()
    }


def summarize_padding(records):
    """Returns the seconds of a step, by way of padding."""
    return {
        way: median(seconds for own in turns for seconds in own["seconds"])
        for way, turns in group(records, "side").items()
    }


def summarize_startup(records):
    """Returns the seconds to the first step, the total seconds and the peak memory, by side."""
    figures = {}
    for side, own in group(records, "side").items():
        jobs = group(own, "do")
        figures[side] = {
            f"{do}_{key}": median(run[key] for run in runs)
            for do, runs in jobs.items()
            for key in ("first_step", "seconds", "bytes")
            if runs[0][key] is not None
        }
    return figures


def summarize_startup_parts(records):
    """Returns the seconds of each part of the toolkit's start-up, by job."""
    return {
        do: {part: median(run["parts"][part] for run in runs) for part in runs[0]["parts"]}
        for do, runs in group(records, "do").items()
    }


PARTS = {
    "training": lambda records: own_order(summarize_steps(records)),
    "prediction": summarize_steps,
    "tokenization": summarize_tokenization,
    "conversion": summarize_tokenization,
    "memory": summarize_memory,
    "padding": summarize_padding,
    "startup": summarize_startup,
    "startup_parts": summarize_startup_parts,
}


def list_ratios(summary):
    """Returns the name, the value and the target of each ratio that was measured."""
    ratios = []
    for name, top, bottom in RATIOS:
        value = look_up(summary, top)
        divisor = 1.0 if bottom is None else look_up(summary, bottom)
        if value is not None and divisor:
            ratios.append({"name": name, "value": value / divisor, "target": TARGETS.get(name)})
    return ratios


def look_up(summary, path):
    """Returns the figure at a path through the summary, or None if it is missing."""
    for name in path:
        if not isinstance(summary, dict) or name not in summary:
            return None
        summary = summary[name]
    return summary


def format_report(report):
    """Returns the report as Markdown."""
    summary = report["summary"]
    machine = report["machine"]
    blocks = [
        f"{machine['cpu']} ({', '.join(machine['instructions'])}), {machine['cores']} cores; "
        f"{report['rounds']} rounds "
        f"of {report['steps']} steps; batch {report['settings']['batch_size']}; "
        f"model {report['settings']['model']}.",
        versions_line(report),
        table(
            ("ratio", "value", "target"),
            [
                (ratio["name"], f"{ratio['value']:.3f}", ratio["target"] or "")
                for ratio in report["ratios"]
            ],
        ),
    ]
    for part in ("training", "prediction"):
        if part in summary:
            blocks.append(f"### {part.capitalize()}\n\n{steps_table(summary[part])}")
    others = list_others(summary)
    if others:
        blocks.append(f"### Others\n\n{table(('figure', 'value'), others)}")
    return "\n\n".join(block for block in blocks if block) + "\n"


def versions_line(report):
    """Returns one line that describes the run."""
    parts = [
        f"{side}: " + ", ".join(f"{name} {version}" for name, version in about["versions"].items())
        for side, about in report["sides"].items()
    ]
    return "; ".join(parts)


def steps_table(figures):
    """Returns the table for training or prediction."""
    rows = []
    for data, sides in figures.items():
        for side, values in sides.items():
            row = [data, side, f"{values['rows']:.1f}"]
            for key in ("tokens", "gflops"):
                row.append(f"{values[key]:.0f}" if key in values else "")
            for key in ("rate", "products"):
                row.append(f"{values[key]:.2f}" if key in values else "")
            for key in ("milliseconds", "best_milliseconds"):
                row.append(f"{values[key]:.0f}" if key in values else "")
            rows.append(row)
    names = ("texts and max_seq_length", "side", "rows/s", "wordpieces/s", "useful GFLOP/s",
             "share of rate", "share of products", "median ms", "best ms")  # fmt: skip
    return table(names, rows)


def list_others(summary):
    """Returns the names and values of the figures that have no table of their own."""
    rows = [
        (f"tokenization, {way}, texts/s", f"{figures['texts']:.0f}")
        for way, figures in summary.get("tokenization", {}).items()
    ]
    rows += [
        (f"conversion, {way}, texts/s", f"{figures['texts']:.0f}")
        for way, figures in summary.get("conversion", {}).items()
    ]
    rows += [
        (f"peak memory of training, {side}, MiB", f"{peak / 2**20:.0f}")
        for side, peak in summary.get("memory", {}).items()
    ]
    rows += [
        (f"padding, {way}, ms per step", f"{1000 * seconds:.0f}")
        for way, seconds in summary.get("padding", {}).items()
    ]
    for side, figures in summary.get("startup", {}).items():
        for key, value in figures.items():
            unit, number = ("MiB", value / 2**20) if key.endswith("bytes") else ("s", value)
            rows.append((f"start-up, {side}, {key}, {unit}", f"{number:.1f}"))
    for do, parts in summary.get("startup_parts", {}).items():
        rows += [(f"start-up, {do}, {part}, s", f"{value:.2f}") for part, value in parts.items()]
    return rows


def table(names, rows):
    """Returns a Markdown table."""
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
