# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""The parts of the speed benchmark that run in worker processes; each appends raw records.

All sides get the same batches, drawn at random with a fixed seed. In each round, every side has a
turn while the others sleep, and the order of the turns rotates. The first step of each turn and the
whole first round are for warm-up and are not counted.
"""

import contextlib
import random
import time

from speed_client import PAUSE_SECONDS, Worker, rotate
from speed_flops import forward_flops, training_flops

# Each way of tokenizing: the side, and the `how` that its worker takes.
TOKENIZERS = (
    ("toolkit", "ids"),
    ("toolkit", "offsets"),
    ("google", "ids"),
    ("hugging_face", "auto"),
    ("hugging_face", "auto_offsets"),
    ("hugging_face", "rust"),
    ("hugging_face", "rust_offsets"),
)
# Each side tokenizes on one core, so the Rust tokenizer must not use others.
ENVIRONMENTS = {
    "hugging_face": {"RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
}
# Prediction of a whole file, padding and memory are measured at these values of max_seq_length.
FILE_LENGTH = 128
# The training rows are converted several times, so that several processes have enough work.
CONVERTED_TIMES = 4
CONVERTING_PROCESSES = 8
SHORT, LONG = 64, 512
# The sides that can also train on batches of rows of similar length, and how that is named.
GROUPING_SIDES = ("toolkit", "hugging_face", "hugging_face_compiled")
OWN = "_own"
TOLERANCE = 1e-3  # Maximum difference between the sides' final hidden states


class Bench:
    """The state that the parts share: settings, the sides' interpreters, and records."""

    def __init__(self, options, settings, pythons):
        """Stores the settings.

        Args:
          options: The command-line options.
          settings: The workers' settings; see speed.py.
          pythons: The interpreter of each side, including "gemm".
        """
        self.options = options
        self.settings = settings
        self.pythons = pythons
        self.sides = [side for side in pythons if side != "gemm"]
        self.records = []
        self.about = {}
        self.agreement = {}

    @contextlib.contextmanager
    def open(self, sides, suffix=""):
        """Starts the sides' workers, yields them by name, and stops them."""
        with contextlib.ExitStack() as stack:
            workers = {side: stack.enter_context(self._start(side, suffix)) for side in sides}
            for side, worker in workers.items():
                self.about[side] = worker.ask("about")
            yield workers

    def _start(self, side, suffix):
        return Worker(
            name=side,
            python=self.pythons[side],
            settings=self.settings,
            log_path=self.options.work_dir / f"speed-{side}{suffix}.log",
            env=ENVIRONMENTS.get(side),
        )

    def draw(self, rows, key, steps):
        """Returns batches of row numbers, always the same for the same key."""
        chosen = random.Random(f"{self.settings['seed']} {key}")
        return [chosen.sample(rows, self.settings["batch_size"]) for _ in range(steps)]

    def rounds(self):
        """Yields the number of each round; -1 is the warm-up."""
        for number in range(-1, self.options.rounds):
            print("." if number >= 0 else " warming up", end="", flush=True)
            yield number
        print(flush=True)

    def add(self, number, **record):
        """Adds a record, unless it belongs to the warm-up."""
        if number >= 0:
            self.records.append({"round": number, **record})


def measure_training(bench):
    """Measures training at each length, on the original texts and on full rows."""
    with bench.open(bench.pythons) as workers:
        for data in bench.settings["data_sets"]:
            print(f"training, {data['name']}:", end="", flush=True)
            lengths = load(workers, bench.sides, data)
            check_agreement(bench, workers, data["name"], lengths)
            # If all rows have the same length, they cannot be grouped by length.
            own = GROUPING_SIDES if data["name"].startswith("real") else ()
            sides = [*bench.sides, *(side + OWN for side in own if side in bench.sides)]
            for number in bench.rounds():
                run_round(bench, workers, "training", sides, data["name"], lengths, number)


def measure_prediction(bench):
    """Measures prediction at each length, and the prediction of a whole file."""
    with bench.open(bench.pythons) as workers:
        for data in bench.settings["data_sets"]:
            print(f"prediction, {data['name']}:", end="", flush=True)
            lengths = load(workers, bench.sides, data)
            for number in bench.rounds():
                run_round(bench, workers, "prediction", bench.sides, data["name"], lengths, number)
        predict_file(bench, workers)


def predict_file(bench, workers):
    """Measures the prediction of all rows of a file, in each side's own batches."""
    name = f"file-{FILE_LENGTH}"
    data = {
        "name": name,
        "path": bench.settings["test_file"],
        "max_seq_length": FILE_LENGTH,
        "num_rows": bench.options.predict_rows,
    }
    print(f"prediction, {name}:", end="", flush=True)
    lengths = load(workers, bench.sides, data)
    tokens = bench.settings["batch_size"] * sum(lengths) // len(lengths)
    for number in bench.rounds():
        measure_bound(bench, workers, "prediction", name, number, tokens)
        for side in take_turns(bench.sides, number):
            # The system evicts memory pages of sleeping processes, for example library pages.
            workers[side].ask("predict", name=name, batches=bench.draw(range(len(lengths)), "", 2))
            answer = workers[side].ask(
                "predict_all", name=name, batch_size=bench.settings["batch_size"]
            )
            add_steps(bench, number, "prediction", name, side, [answer["seconds"]], [lengths])


def run_round(bench, workers, part, sides, name, lengths, number):
    """Gives each side a turn with the same batches in a round, and measures the bound."""
    steps = bench.options.steps
    batches = bench.draw(range(len(lengths)), f"{part} {name} {number}", steps + 1)
    batch_lengths = [[lengths[row] for row in batch] for batch in batches]
    tokens = sum(map(sum, batch_lengths)) // len(batches)
    measure_bound(bench, workers, part, name, number, tokens)
    for side in take_turns(sides, number):
        if side.endswith(OWN):
            # These batches vary far more in length, so more of them are measured.
            worker = workers[side[: -len(OWN)]]
            answer = worker.ask("train_own", name=name, steps=3 * steps + 1)
            used = answer["lengths"]
        else:
            do = {"training": "train", "prediction": "predict"}[part]
            answer = workers[side].ask(do, name=name, batches=batches)
            used = batch_lengths
        losses = answer.get("losses", [])
        if not all(loss < float("inf") for loss in losses):
            raise SystemExit(f"{side}, {name}: the loss is not finite: {losses}")
        add_steps(bench, number, part, name, side, answer["seconds"][1:], used[1:])


def take_turns(sides, number):
    """Yields the sides in this round's order, each when the others' threads sleep."""
    for side in rotate(sides, max(number, 0)):
        time.sleep(PAUSE_SECONDS)
        yield side


def add_steps(bench, number, part, name, side, seconds, lengths):
    """Records the seconds of the steps, and the useful work computed from the rows' lengths."""
    count = {"training": training_flops, "prediction": forward_flops}[part]
    num_labels = len(bench.settings["labels"])
    bench.add(
        number,
        part=part,
        data=name,
        side=side,
        seconds=seconds,
        rows=[len(step) for step in lengths],
        tokens=[sum(step) for step in lengths],
        flops=[count(step, bench.settings["config"], num_labels) for step in lengths],
    )


def measure_bound(bench, workers, part, name, number, tokens):
    """Measures the best rate of matrix products, and the time for those of a typical batch."""
    if number < 0:
        return
    rate = workers["gemm"].ask("rate")
    products = workers["gemm"].ask("products", tokens=tokens)
    products = {"training": products["training"], "prediction": products["forward"]}[part]
    bench.add(
        number, part=part, data=name, side="gemm", **rate, products_per_token=products / tokens
    )


def load(workers, sides, data):
    """Loads a data set on all sides and returns its rows' lengths; exits if the sides differ."""
    lengths = {side: workers[side].ask("load", **data) for side in sides}
    first = lengths[sides[0]]
    for side in sides[1:]:
        others = [row for row, pair in enumerate(zip(first, lengths[side])) if pair[0] != pair[1]]
        if others or len(first) != len(lengths[side]):
            raise SystemExit(
                f"{data['path']}: {sides[0]} and {side} produce different wordpieces, "
                f"first in row {(others or [min(len(first), len(lengths[side]))])[0] + 1}"
            )
    return first


def check_agreement(bench, workers, name, lengths):
    """Exits unless all sides' pretrained models agree on the first batch."""
    (rows,) = bench.draw(range(len(lengths)), f"agreement {name}", 1)
    states = {side: workers[side].ask("cls_states", name=name, rows=rows) for side in bench.sides}
    if name in bench.agreement or len(states) < 2:
        return
    first, *others = bench.sides
    bench.agreement[name] = {}
    for side in others:
        pairs = zip(sum(states[first], []), sum(states[side], []))
        difference = max(abs(a - b) for a, b in pairs)
        bench.agreement[name][side] = difference
        if not difference < TOLERANCE:
            raise SystemExit(
                f"{name}: the final [CLS] states of {first} and {side} differ by {difference:.2g}; "
                f"expected less than {TOLERANCE:g}"
            )


def measure_tokenization(bench):
    """Measures the tokenization of texts to ids or offsets, one by one on one core."""
    print("tokenization:", end="", flush=True)
    ways = [way for way in TOKENIZERS if way[0] in bench.sides]
    rows = {"path": bench.settings["train_file"], "num_rows": bench.options.num_rows}
    with bench.open(bench.sides) as workers:
        for number in bench.rounds():
            wordpieces = {}
            for side, how in take_turns(ways, number):
                answer = workers[side].ask("tokenize", how=how, **rows)
                wordpieces[side, how] = answer["wordpieces"]
                bench.add(
                    number,
                    part="tokenization",
                    side=f"{side} {how}",
                    rows=bench.settings["num_train_rows"],
                    **answer,
                )
            if len(set(wordpieces.values())) > 1:
                raise SystemExit(f"the sides produce different wordpieces: {wordpieces}")


def measure_conversion(bench):
    """Measures the conversion of rows to features, in one process and in several."""
    if "toolkit" not in bench.sides:
        return
    print("conversion:", end="", flush=True)
    ways = {"one": 1, "several": CONVERTING_PROCESSES}
    with bench.open(["toolkit"]) as workers:
        for number in bench.rounds():
            for way in take_turns(list(ways), number):
                answer = workers["toolkit"].ask(
                    "convert",
                    path=bench.settings["train_file"],
                    max_seq_length=FILE_LENGTH,
                    repeats=CONVERTED_TIMES,
                    most_processes=ways[way],
                )
                bench.add(number, part="conversion", side=way, **answer)


def measure_memory(bench):
    """Measures the peak memory of a process that only trains, at FILE_LENGTH."""
    print("memory:", end="", flush=True)
    data = real_data(bench, FILE_LENGTH)
    for number in range(bench.options.rounds):
        print(".", end="", flush=True)
        for side in rotate(bench.sides, number):
            with bench.open([side], "-memory") as workers:
                lengths = workers[side].ask("load", **data)
                steps = 1 + 2 * bench.options.steps
                batches = bench.draw(range(len(lengths)), f"memory {number}", steps)
                workers[side].ask("train", name=data["name"], batches=batches)
                peak = workers[side].ask("peak_memory")
            bench.add(number, part="memory", side=side, bytes=peak)
    print(flush=True)


def real_data(bench, max_seq_length, **more):
    """Returns the arguments with which a worker loads the training texts, truncated to a length."""
    return {
        "name": f"real-{max_seq_length}",
        "path": bench.settings["train_file"],
        "max_seq_length": max_seq_length,
        "num_rows": bench.options.num_rows,
        **more,
    }


def measure_padding(bench):
    """Measures the cost of allowing LONG wordpieces when every text has fewer than SHORT."""
    if "toolkit" not in bench.sides:
        return
    print("padding:", end="", flush=True)
    ways = {
        "short": real_data(bench, SHORT),
        "long": real_data(bench, LONG),
        "padded": real_data(bench, LONG, padded=True),
    }
    with contextlib.ExitStack() as stack:
        workers = {}
        for way, data in ways.items():
            opened = stack.enter_context(bench.open(["toolkit"], f"-{way}"))
            workers[way] = opened["toolkit"]
            lengths = workers[way].ask("load", **data)
        # Selected by the lengths at LONG, at which none of these rows is truncated.
        rows = [row for row, length in enumerate(lengths) if length < SHORT]
        for number in bench.rounds():
            batches = bench.draw(rows, f"padding {number}", bench.options.steps + 1)
            for way in take_turns(ways, number):
                answer = workers[way].ask("train", name=ways[way]["name"], batches=batches)
                bench.add(number, part="padding", side=way, seconds=answer["seconds"][1:])
