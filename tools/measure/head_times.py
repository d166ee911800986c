"""How long files take in depthc and in LiteRT, as ratios to one of them. The files take turns, so that whatever else the
machine does falls on all of them; a ratio is the median over the rounds of one round's ratios."""
import json
import statistics
import time

import numpy as np

from common import depthc, litert


def _ratios(rounds, base):
    """`rounds`: one dictionary of times by file for every round."""
    return {name: statistics.median(times[name] / times[base] for times in rounds) for name in rounds[0]}


def _turn(files, number):
    """The files of one round: every second round goes backwards, so that a drift inside rounds cancels too."""
    return files if number % 2 == 0 else reversed(list(files))


def _interpreters(files):
    """LiteRT with XNNPACK and one thread for every file, with seeded inputs, warmed up."""
    interpreters = {name: litert(path, "default", 1) for name, path in files.items()}
    random = np.random.default_rng(1)
    for interpreter in interpreters.values():
        for detail in interpreter.get_input_details():
            interpreter.set_tensor(detail["index"], random.random(detail["shape"]).astype(detail["dtype"]))
        for _ in range(3):
            interpreter.invoke()
    return interpreters


def _milliseconds(interpreter):
    """What one invocation takes."""
    begin = time.perf_counter()
    interpreter.invoke()
    return (time.perf_counter() - begin) * 1e3


def in_depthc(files, base, rounds, runs=10):
    """Median ratios to `base`, and its milliseconds; `files` by name, one thread."""
    collected = []
    for number in range(rounds):
        times = {}
        for name in _turn(files, number):
            report = json.loads(depthc("bench", files[name], "--threads", 1, "--runs", runs, "--json", "-").out)
            times[name] = report["minimumMilliseconds"]
        collected.append(times)
    print(f"  depthc {len(collected)} rounds", flush=True)
    return _ratios(collected, base), statistics.median(times[base] for times in collected)


def in_litert(files, base, rounds):
    """The same in LiteRT with XNNPACK and one thread, every file's invocations in one loop."""
    interpreters = _interpreters(files)
    collected = []
    for number in range(10 * rounds):
        times = {}
        for name in _turn(files, number):
            times[name] = _milliseconds(interpreters[name])
        collected.append(times)
    print(f"  LiteRT {len(collected)} rounds", flush=True)
    return _ratios(collected, base), statistics.median(times[base] for times in collected)


def undisturbed_in_depthc(files, base, rounds, runs=10):
    """Ratios of what a run takes when nothing interrupts it: the sum over nodes of the shortest time that each node took in
    any round. Holds on a busy machine too."""
    shortest = {}
    for number in range(rounds):
        for name in _turn(files, number):
            report = json.loads(depthc(
                "bench", files[name], "--threads", 1, "--runs", runs, "--operators", "--json", "-").out)
            times = [node["minimumMilliseconds"] for node in report["nodes"]]
            shortest[name] = [min(pair) for pair in zip(shortest.get(name, times), times)]
    sums = {name: sum(times) for name, times in shortest.items()}
    return {name: total / sums[base] for name, total in sums.items()}, sums[base]


def undisturbed_in_litert(files, base, rounds):
    """Ratios of the times that one invocation in twenty stays below, in LiteRT with XNNPACK and one thread."""
    interpreters = _interpreters(files)
    times = {name: [] for name in files}
    for number in range(rounds):
        for name in _turn(files, number):
            times[name].append(_milliseconds(interpreters[name]))
    quantiles = {name: float(np.quantile(values, 0.05)) for name, values in times.items()}
    return {name: value / quantiles[base] for name, value in quantiles.items()}, quantiles[base]
