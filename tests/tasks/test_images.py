"""Images become pixels as the checkpoint's own processor makes them, once for all runs."""

import json
import shutil
import tracemalloc
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from essential_sparsity.support.errors import UserError
from essential_sparsity.tasks.build import build_task
from essential_sparsity.tasks.images import ImageProcessor
from essential_sparsity.tasks.manifest import TaskData, load_task
from essential_sparsity.tasks.spec import TaskDataSpec
from miniatures import save_vit
from tasks.tiny_images import PROCESSORS, document, encode, plain, table

RED, BLUE = (255, 0, 0), (0, 0, 255)
IMAGES = table([plain(RED), plain(BLUE), plain(RED)])


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ViT's folder. For reading only."""
    folder = tmp_path_factory.mktemp("vit")
    save_vit(folder)
    return folder


@pytest.fixture
def described(model: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return `described(processor)`: a folder with that file and the ViT's configuration."""

    def describe(processor: dict[str, Any]) -> Path:
        folder = tmp_path / f"described-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        shutil.copyfile(model / "config.json", folder / "config.json")
        own = json.loads((model / "preprocessor_config.json").read_text())
        (folder / "preprocessor_config.json").write_text(json.dumps({**own, **processor}))
        return folder

    return describe


@pytest.fixture
def make(model: Path, tmp_path: Path) -> Callable[..., TaskData]:
    """Return `make(train, evaluation, checkpoint, **changes)`: the task's data."""

    def build(
        train: pa.Table = IMAGES,
        evaluation: pa.Table = IMAGES,
        checkpoint: Path = model,
        **changes: Any,
    ) -> TaskData:
        spec = TaskDataSpec.check(document(tmp_path, train, evaluation, **changes), "spec")
        build_task(spec, checkpoint, tmp_path / "task")
        return load_task(tmp_path / "task")

    return build


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


@pytest.mark.parametrize("name", PROCESSORS)
def test_pixels_then_values_are_what_the_processor_gives_at_once(
    described: Callable[..., Path], name: str
) -> None:
    from transformers import AutoConfig, AutoImageProcessor

    folder = described(PROCESSORS[name])
    images = [noise(37, 23), noise(11, 40, seed=1)]
    processor = ImageProcessor(folder, None)
    config = AutoConfig.from_pretrained(folder)
    own = AutoImageProcessor.from_pretrained(folder, config=config, backend="pil")
    expected = own(images, return_tensors="np")["pixel_values"]
    pixels = processor.pixels(images)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (2, *processor.shape) == (2, 3, 16, 16)
    values = processor.values(pixels)
    assert values.dtype == np.float32
    assert np.array_equal(values, expected)


def test_mean_and_deviation_do_not_keep_models_from_sharing(
    described: Callable[..., Path],
) -> None:
    processors = {name: ImageProcessor(described(PROCESSORS[name]), None) for name in PROCESSORS}
    digests = {name: processor.sha256 for name, processor in processors.items()}
    assert digests["vit"] == digests["dino"] == digests["renamed"] == digests["fast"]
    assert digests["deit"] != digests["vit"]
    pixels = processors["vit"].pixels([noise(20, 20)])
    assert np.array_equal(processors["dino"].pixels([noise(20, 20)]), pixels)
    assert not np.allclose(processors["dino"].values(pixels), processors["vit"].values(pixels))


@pytest.mark.parametrize(
    "change", [{"size": 20}, {"resample": 3}, {"do_center_crop": True, "crop_size": 12}]
)
def test_another_geometry_is_not_shared(
    described: Callable[..., Path], change: dict[str, Any]
) -> None:
    assert ImageProcessor(described(change), None).sha256 != (
        ImageProcessor(described({}), None).sha256
    )


def test_image_size_scales_what_is_resized_and_what_is_cropped(
    described: Callable[..., Path],
) -> None:
    scaled = ImageProcessor(described(PROCESSORS["deit"]), 32)
    twice = ImageProcessor(described({**PROCESSORS["deit"], "size": 40, "crop_size": 32}), None)
    assert scaled.shape == (3, 32, 32)
    assert scaled.sha256 == twice.sha256
    assert np.array_equal(scaled.pixels([noise(30, 20)]), twice.pixels([noise(30, 20)]))


def test_what_is_written(make: Callable[..., TaskData]) -> None:
    task = make(table([plain(RED), plain(BLUE), plain(RED)], [1, 0, 0]), image_size=8)
    assert sorted(task.files) == [
        "evaluation.npy", "evaluation.parquet", "train.npy", "train.parquet"
    ]  # fmt: skip
    assert task.document["image_shape"] == [3, 8, 8]
    train = task.table("train")
    assert train.column_names == ["id", "row", "label"]
    assert train.column("row").to_pylist() == [0, 1, 2]
    assert train.column("label").to_pylist() == [1, 0, 0]
    pixels = np.load(task.folder / task.document["pixels"]["train"], mmap_mode="r")
    assert (pixels.shape, pixels.dtype) == ((3, 3, 8, 8), np.uint8)
    assert [tuple(image[:, 3, 3]) for image in pixels] == [RED, BLUE, RED]


def test_pixels_that_changed_are_found(make: Callable[..., TaskData]) -> None:
    task = make()
    with (task.folder / "train.npy").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x07")
    with pytest.raises(UserError, match=r"train\.npy: sha256 differs"):
        load_task(task.folder)


def test_rows_of_pixels_follow_the_examples_that_stay(make: Callable[..., TaskData]) -> None:
    colours = [(row, 2 * row, 255 - row) for row in range(100)]
    task = make(table([plain(colour) for colour in colours]), hold_out=0.4)
    pixels = np.load(task.folder / "train.npy")
    names = task.table("train").column("id").to_pylist()
    assert len(names) == len(pixels) == 60
    assert names != [f"train/{row}" for row in range(60)]
    found = [tuple(image[:, 0, 0]) for image in pixels]
    assert found == [colours[int(name.removeprefix("train/"))] for name in names]


def _palette() -> Image.Image:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    return image


@pytest.mark.parametrize(
    ("image", "colour"),
    [
        (Image.new("L", (4, 4), 77), (77, 77, 77)),
        (Image.new("1", (4, 4), 1), (255, 255, 255)),
        (_palette(), (10, 200, 30)),
        (Image.new("RGBA", (4, 4), (10, 20, 30, 255)), (10, 20, 30)),
        (Image.new("RGBA", (4, 4), (10, 20, 30, 0)), (255, 255, 255)),
        (Image.new("LA", (4, 4), (90, 255)), (90, 90, 90)),
    ],
    ids=["grey", "black-and-white", "palette", "opaque", "transparent", "grey-with-alpha"],
)
def test_every_image_becomes_one_in_colour(
    make: Callable[..., TaskData], image: Image.Image, colour: tuple[int, int, int]
) -> None:
    task = make(table([encode(image), plain(RED)]))
    pixels = np.load(task.folder / "train.npy")
    assert tuple(pixels[0, :, 8, 8]) == colour
    assert tuple(pixels[1, :, 8, 8]) == RED


def test_a_turned_photograph_is_set_upright(make: Callable[..., TaskData]) -> None:
    image = Image.new("RGB", (8, 4), RED)
    image.paste(BLUE, (0, 0, 4, 4))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    turned = table([encode(image), _with_exif(image, exif)])
    pixels = np.load(make(turned).folder / "train.npy")
    assert [tuple(image[:, 8, 1]) for image in pixels] == [BLUE, RED]


def _with_exif(image: Image.Image, exif: Image.Exif) -> bytes:
    import io

    file = io.BytesIO()
    image.save(file, format="PNG", exif=exif)
    return file.getvalue()


def test_the_digits_need_no_download(model: Path, tmp_path: Path) -> None:
    whole = {"version": 1, "data": {"kind": "digits"}, "examples": {"kind": "image-classification"}}
    build_task(TaskDataSpec.check(whole, "spec"), model, tmp_path / "task")
    task = load_task(tmp_path / "task")
    assert task.labels == tuple("0123456789")
    assert task.examples == {"train": 1437, "evaluation": 360}


def test_few_images_are_in_memory_at_a_time(make: Callable[..., TaskData]) -> None:
    many = table([plain(RED)] * 400)
    make(IMAGES, IMAGES)  # what is imported at the first time does not count
    tracemalloc.start()
    task = make(many, IMAGES, image_size=128)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.7 * (task.folder / "train.npy").stat().st_size


JPEG = encode(Image.new("RGB", (64, 64), RED), "JPEG")


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"GIF89a, or so", "no image that can be decoded"),
        (JPEG[: len(JPEG) // 2], "no image that can be decoded"),
        (None, "there is no image"),
        (encode(Image.new("I;16", (4, 4), 40000)), r"more than 8 bits a channel \(mode I;16\)"),
    ],
    ids=["other-bytes", "cut", "missing", "deep"],
)
def test_an_image_that_cannot_be_used_is_named(
    make: Callable[..., TaskData], tmp_path: Path, file: bytes | None, words: str
) -> None:
    with pytest.raises(UserError, match=rf"^train split: image: .*'train/1': {words}") as error:
        make(table([plain(RED), file, plain(BLUE)]))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "task").exists()
    assert not list(tmp_path.glob(".task*"))


@pytest.mark.parametrize(
    ("examples", "words"),
    [
        ({"image": "img"}, "train split: image: unknown column 'img'"),
        ({"image": "label"}, "train split: image: column 'label' holds int64, not images"),
        ({"label": "fine_label"}, "train split: label: unknown column 'fine_label'"),
    ],
)
def test_a_column_that_is_not_there_or_holds_no_images(
    make: Callable[..., TaskData], examples: dict[str, str], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        make(examples={"kind": "image-classification", "labels": ["no", "yes"], **examples})


@pytest.mark.parametrize(
    ("processor", "size", "words"),
    [
        ({}, 18, "image_size: 18 is not a multiple of 4, the height and width of the patches"),
        ({"do_resize": False}, 16, "image_size: the image processor of .* does not resize images"),
        ({"do_resize": False}, None, "keeps the images' own shapes"),
        ({"size": {"shortest_edge": 16}}, None, "keeps the images' own shapes"),
        ({"size": {"edge": 16}}, None, "its image processor cannot be loaded"),
    ],
)
def test_a_processor_or_a_size_that_cannot_be_used(
    described: Callable[..., Path], processor: dict[str, Any], size: int | None, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        ImageProcessor(described(processor), size)


def test_a_checkpoint_without_an_image_processor(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no preprocessor_config\.json"):
        ImageProcessor(tmp_path, None)


def test_a_disk_without_the_space(
    make: Callable[..., TaskData], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", ["free"])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100))
    with pytest.raises(UserError, match=r"train\.npy: takes 0\.00 GB, and the disk has 0\.00 GB"):
        make()
    assert not (tmp_path / "task").exists()
