"""Writes the pictures and arrays that Tests/ImageIOTests reads, with what Pillow and NumPy make of them.

    .venv/bin/python tools/record_image_goldens.py

Everything is computed from a seed; producer, versions and seed are written to case.json beside the files.
"""

import io
import json
import pathlib

import numpy
import PIL
from PIL import Image, ImageOps

SEED = 20240607
OUT = pathlib.Path(__file__).resolve().parent.parent / "Tests" / "ImageIOTests" / "Goldens"
FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
SIZES = [(16, 12), (64, 48), (31, 9), (7, 23), (45, 20), (29, 5)]


def scene(rng, width, height):
    """A smooth gradient with noise, so that both averages and edges are exercised."""
    y, x = numpy.mgrid[0:height, 0:width]
    planes = [120 + 90 * numpy.sin(x / 4 + k) + 40 * numpy.cos(y / 3 - k) for k in range(3)]
    noise = rng.integers(-40, 41, (height, width, 3))
    return numpy.clip(numpy.stack(planes, -1) + noise, 0, 255).astype(numpy.uint8)


def record_pictures(rng, folder):
    folder.mkdir(parents=True, exist_ok=True)
    rgb = scene(rng, 31, 23)
    colour = Image.fromarray(rgb)
    grey = colour.convert("L")
    alpha = rng.integers(0, 256, (23, 31, 1)).astype(numpy.uint8)
    wide = rng.integers(0, 65536, (23, 31)).astype(numpy.uint16)

    def save(name, image, **options):
        image.save(folder / name, **options)
        read = ImageOps.exif_transpose(Image.open(folder / name))
        if read.mode.startswith("I"):
            expected = numpy.asarray(read).astype(numpy.uint16)
        else:
            expected = numpy.asarray(read.convert("RGB"))
        numpy.save(folder / (name + ".npy"), expected)

    save("rgb.png", colour)
    save("rgba.png", Image.fromarray(numpy.concatenate([rgb, alpha], -1), "RGBA"))
    save("grey.png", grey)
    save("grey_alpha.png", Image.fromarray(numpy.concatenate([numpy.asarray(grey)[..., None], alpha], -1), "LA"))
    save("palette.png", colour.quantize(17))
    save("palette_transparent.png", colour.quantize(17), transparency=3)
    save("black_white.png", grey.convert("1"))
    save("grey4.png", grey.quantize(16), bits=4)
    save("grey16.png", Image.fromarray(wide))
    save("colour.jpg", colour, quality=90)
    save("colour_progressive.jpg", colour, quality=75, progressive=True, subsampling="4:2:0")
    save("colour_444.jpg", colour, quality=95, subsampling="4:4:4")
    save("grey.jpg", grey, quality=90)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[274] = orientation
        save(f"orientation_{orientation}.jpg", colour, quality=95, subsampling="4:4:4", exif=exif)
    exif = Image.Exif()
    exif[274] = 6
    save("orientation_6.png", colour, exif=exif)
    save("colour.bmp", colour)
    save("palette.bmp", colour.quantize(40))
    save("rgba.bmp", Image.fromarray(numpy.concatenate([rgb, alpha], -1), "RGBA"))
    save("colour.ppm", colour)
    save("grey.pgm", grey)
    save("grey16.pgm", Image.fromarray(wide))


def record_resizes(rng, folder):
    folder.mkdir(parents=True, exist_ok=True)
    colour = Image.fromarray(scene(rng, 31, 23))
    numpy.save(folder / "source.npy", numpy.asarray(colour))
    numpy.save(folder / "grey.npy", numpy.asarray(colour.convert("L")))
    for name, filter in FILTERS.items():
        for width, height in SIZES:
            resized = colour.resize((width, height), filter)
            numpy.save(folder / f"{name}_{width}x{height}.npy", numpy.asarray(resized))


def record_arrays(rng, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name in "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool".split():
        values = (rng.normal(size=(2, 3, 5)) * 50).astype(name) if not name.startswith("u") else rng.integers(
            0, 200, (2, 3, 5)).astype(name)
        numpy.save(folder / f"{name}.npy", values)
        numpy.save(folder / f"{name}_fortran.npy", numpy.asfortranarray(values))
    numpy.save(folder / "scalar.npy", numpy.float32(2.5))
    numpy.save(folder / "empty.npy", numpy.zeros((0, 4), numpy.int32))
    for version in [(2, 0), (3, 0)]:
        stream = io.BytesIO()
        numpy.lib.format.write_array(stream, numpy.arange(7, dtype=numpy.int32), version=version)
        (folder / f"version{version[0]}.npy").write_bytes(stream.getvalue())
    numpy.save(folder / "refused_big_endian.npy", numpy.arange(3, dtype=">f4"))
    numpy.save(folder / "refused_complex.npy", numpy.zeros(3, numpy.complex64))
    numpy.save(folder / "refused_text.npy", numpy.array(["a", "b"]))


def main():
    rng = numpy.random.default_rng(SEED)
    record_pictures(rng, OUT / "pictures")
    record_resizes(rng, OUT / "resize")
    record_arrays(rng, OUT / "arrays")
    case = {
        "producer": "Pillow and NumPy",
        "producerVersion": f"{PIL.__version__}, {numpy.__version__}",
        "seed": SEED,
        "command": "tools/record_image_goldens.py",
    }
    (OUT / "case.json").write_text(json.dumps(case, indent=2) + "\n")
    print(f"wrote {sum(1 for _ in OUT.rglob('*.*'))} files to {OUT}")


if __name__ == "__main__":
    main()
