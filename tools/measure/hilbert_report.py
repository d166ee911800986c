"""Tables and the plot of tools/reproduce-hilbert."""
from PIL import Image, ImageDraw, ImageFont

MODES = {"float": "float", "int8": "INT8", "dequantised": "INT8, de-quantised"}


def _number(value, digits, factor=1.0):
    return "-" if value is None else f"{factor * value:.{digits}f}"


def _times(value):
    return "-" if value is None else f"{value:.2f}x"


def _rows(header, rows):
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    return lines + [f"| {' | '.join(row)} |" for row in rows] + [""]


def _accuracy(results, data):
    rows = []
    for name, network in results.items():
        for mode, label in MODES.items():
            m = network["data"][data][mode]
            rows.append([
                name, label, _number(m["absRel"], 2, 100), _number(m["rmse" if mode == "float" else "depthRMSE"], 3),
                _number(m["meanError"], 3), _number(m["d1"], 2, 100), _number(m["smoothness"], 3)])
    return _rows(["network", "computed in", "AbsRel %", "RMSE px", "EPE px", "D1 %", "S_C"], rows)


def _quantisation(results, data):
    rows = []
    for name, network in results.items():
        int8, back = network["data"][data]["int8"], network["data"][data]["dequantised"]
        rows.append([
            name, _number(int8["standardDeviation"], 3, 1e3), _times(int8.get("standardDeviationGain")),
            _number(int8["rmse"], 3, 1e3), _times(int8.get("rmseGain")), _number(int8["jumps"], 1, 1e6),
            _number(int8.get("jumpsAtEdges"), 0, 100), _number(back["standardDeviation"], 3, 1e3),
            _times(back.get("standardDeviationGain")), _number(back["rmse"], 3, 1e3), _times(back.get("rmseGain")),
            _number(back["jumps"], 1, 1e6)])
    return _rows([
        "network", "SD 1e-3", "SD gain", "RMSE 1e-3", "RMSE gain", "jumps per million", "of them at edges %",
        "de-quantised: SD 1e-3", "SD gain", "RMSE 1e-3", "RMSE gain", "jumps per million"], rows)


def _bounds(results, data):
    """What the noise of the features leaves to be gained, from the direct networks."""
    lines = []
    for name, network in results.items():
        modes = network["data"][data]
        if "floatHead" not in modes:
            continue
        rest, all = modes["floatHead"], modes["int8"]
        lines.append(
            f"With its last convolution in float and the rest in INT8, {name} has SD {1e3 * rest['standardDeviation']:.3f}e-3 "
            f"and RMSE {1e3 * rest['rmse']:.3f}e-3: this comes from the features. A head that shares their error with the "
            f"direct one can gain {all['standardDeviation'] / rest['standardDeviation']:.2f}x in SD and "
            f"{all['rmse'] / rest['rmse']:.2f}x in RMSE; more needs features whose own error is smaller.")
    return lines + [""]


def _time_and_equality(results):
    rows = []
    for name, network in results.items():
        row = [name]
        for engine in ("depthc", "litert"):
            time = network.get("time", {}).get(engine)
            row += [_number(time and time["ratio"], 3), _number(time and time["withoutDecode"], 3)]
        for resolver in ("reference", "default"):
            e = network["equality"][resolver]
            row += [f"{e['maximum']:.3g}", _number(e["differing"], 2, 100)]
        rows.append(row)
    return _rows([
        "network", "time in depthc", "without decode", "time in LiteRT", "without decode",
        "LiteRT reference kernels: max difference px", "pixels %", "XNNPACK: max difference px", "pixels %"], rows)


def markdown(about, results, pictures):
    lines = ["# Curve heads and scalar heads of the same networks", ""]
    lines += [
        f"{about['scenes']['rendered']} rendered test scenes of 192x128 pixels, disparities of 0 to 48 px. "
        f"depthc {about['depthc']} on {about['machine']}, made by `tools/reproduce-hilbert`.", ""]
    for data, count in about["scenes"].items():
        what = "Rendered" if data == "rendered" else f"{count} real (Middlebury)"
        lines += [f"## {what} scenes", ""] + _accuracy(results, data)
        lines += ["Quantised against float, as shares of the range of 48 px. SD is 1.4826 times the median absolute "
                  "deviation, a jump a difference above 0.1 of the range, at an edge one within 2 px of a step of the "
                  "truth by more than 1 px. Gain: the direct network's figure over this one's.", ""]
        lines += _quantisation(results, data) + _bounds(results, data)
    lines += ["## Time and equality of INT8 files", "",
              "Time as a ratio to the direct network of the same kind, one thread, median over rounds in which all files "
              "take turns; equality of the depth that LiteRT and depthc give for the same file on 4 scenes.", ""]
    lines += _time_and_equality(results)
    for engine, label in (("depthc", "depthc"), ("litert", "LiteRT with XNNPACK")):
        for name, network in results.items():
            if name.endswith("-direct") and engine in network.get("time", {}):
                lines.append(f"{name} takes {network['time'][engine]['directMilliseconds']:.2f} ms in {label}.")
    lines += [""] + [f"![{p.removesuffix('.png')}]({p})" for p in pictures]
    return "\n".join(lines) + "\n"


def plot(results, path):
    """Bars: how many times smaller than the direct network's the SD and the RMSE of INT8 against float are."""
    names = [n for n in results if results[n]["data"]["rendered"]["int8"].get("standardDeviationGain")]
    series = [
        ("SD, INT8", (38, 84, 124), "int8", "standardDeviationGain"),
        ("SD, de-quantised", (138, 176, 208), "dequantised", "standardDeviationGain"),
        ("RMSE with jumps, INT8", (178, 72, 48), "int8", "rmseGain"),
    ]
    values = {n: [results[n]["data"]["rendered"][mode].get(figure) or 0 for _, _, mode, figure in series] for n in names}
    top = max([1.0, *(v for row in values.values() for v in row)])
    step = next(s for s in (0.5, 1, 2, 5, 10, 20) if top / s <= 10 or s == 20)
    width, height, left, bottom, group = 80 + 96 * max(len(names), 5), 420, 60, 360, 96
    image = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    scale = (bottom - 70) / top
    draw.text((left, 8), "Error of INT8 against float: times smaller than the direct network's", "black", font)
    tick = 0.0
    while tick <= top:
        y = bottom - tick * scale
        draw.line([(left, y), (width - 20, y)], (120, 120, 120) if tick == 1 or tick == 0 else (225, 225, 225))
        draw.text((left - 34, y - 8), f"{tick:g}x", "black", font)
        tick += step
    draw.line([(left, bottom - scale), (width - 20, bottom - scale)], (120, 120, 120))
    for i, name in enumerate(names):
        x = left + 16 + i * group
        for j, (value, (_, colour, _, _)) in enumerate(zip(values[name], series)):
            draw.rectangle([x + 22 * j, bottom - value * scale, x + 22 * j + 19, bottom], colour)
        draw.text((x - 4, bottom + 8), name, "black", font)
    for j, (label, colour, _, _) in enumerate(series):
        x = left + 170 * j
        draw.rectangle([x, 32, x + 12, 44], colour)
        draw.text((x + 18, 30), label, "black", font)
    image.save(path, optimize=True)
