"""Hugging Face: `datasets` as data at every door, and `AugmentedCollator` inside the Trainer of `transformers`."""

import copy
import os
import pickle
import re

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Subset, default_collate

from vaeaug import (
    AugmentedCollator,
    AugmentedDataset,
    AugmentedLoader,
    Augmenter,
    CrossFitted,
    InputError,
    Posterior,
    VAEAugment,
    fit_vae,
)
from vaeaug.data.loading import as_samples
from vaeaug.data.unlabelled import read_unlabelled
from vaeaug.plugins.huggingface import normalization

os.environ["HF_HUB_OFFLINE"] = "1"
datasets = pytest.importorskip("datasets", reason="needs the package datasets")
Image = pytest.importorskip("PIL.Image")

# Of datasets about its caches and of forks beside threads, of transformers and accelerate about devices that are not there.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*pin_memory:UserWarning"),
]
NAMES = ("cat", "dog", "owl")
N = 30


def classes():
    return datasets.ClassLabel(names=list(NAMES))


def pixels(*shape):
    return np.random.default_rng(0).integers(0, 256, (N, *shape), dtype=np.uint8)


def dataset(column, values, feature, label="label", **more):
    columns = {column: list(values), label: [i % 3 for i in range(N)], **{k: v for k, (v, _) in more.items()}}
    features = {column: feature, label: classes(), **{k: f for k, (_, f) in more.items()}}
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features))


GREY, RGB = pixels(8, 8), pixels(8, 9, 3)
EMBEDDINGS = np.random.default_rng(1).normal(size=(N, 5)).astype(np.float32)


def kinds():
    """name -> a dataset, its samples as they must be read"""
    chw = RGB.transpose(0, 3, 1, 2)
    lists = datasets.Sequence(datasets.Value("float32"))
    sizes = ([[8, 9]] * N, datasets.Sequence(datasets.Value("int32")))
    return {
        "grey images": (dataset("image", map(Image.fromarray, GREY), datasets.Image()), GREY[:, None] / 255),
        "images": (dataset("img", map(Image.fromarray, RGB), datasets.Image(), "fine_label"), chw / 255),
        "images and sizes": (dataset("photo", map(Image.fromarray, RGB), datasets.Image(), size=sizes), chw / 255),
        "2d floats": (dataset("x", GREY / 255, datasets.Array2D((8, 8), "float32"), "y"), GREY[:, None] / 255),
        "2d bytes": (dataset("x", GREY, datasets.Array2D((8, 8), "uint8"), "target"), GREY[:, None] / 255),
        "3d bytes": (dataset("scan", chw, datasets.Array3D((3, 8, 9), "uint8"), "labels"), chw / 255),
        "lists": (dataset("embedding", EMBEDDINGS, lists), EMBEDDINGS),
        "fixed lists": (
            dataset("embedding", EMBEDDINGS, datasets.Sequence(datasets.Value("float32"), length=5)),
            EMBEDDINGS,
        ),
    }


FORMS = {
    "as it is": lambda d: d,
    "numpy": lambda d: d.with_format("numpy"),
    "torch": lambda d: d.with_format("torch"),
    "pandas": lambda d: d.with_format("pandas"),
    "arrow": lambda d: d.with_format("arrow"),
    "stream": lambda d: d.to_iterable_dataset(num_shards=3),
    "stream, numpy": lambda d: d.to_iterable_dataset().with_format("numpy"),
    "stream, torch": lambda d: d.to_iterable_dataset().with_format("torch"),
    "Subset": lambda d: Subset(d.with_format("torch"), range(N)),
    "DataLoader": lambda d: DataLoader(d.with_format("torch"), 7),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", list(kinds()))
def test_every_kind_of_column_is_read(kind, form):
    data, x = kinds()[kind]
    if form in ("Subset", "DataLoader"):  # of which nothing but the fields is known
        data = data.select_columns([c for c in data.column_names if c != "size"])
    samples = as_samples(FORMS[form](data))
    # Bytes that are no images become whole numbers in the format of torch; a loader yields them like that as well.
    unit = 255 if form in ("torch", "stream, torch", "Subset", "DataLoader") and "bytes" in kind else 1
    assert torch.allclose(samples.x / unit, torch.as_tensor(x, dtype=torch.float32), atol=1e-6)
    assert samples.y.tolist() == [i % 3 for i in range(N)]
    assert samples.names == NAMES


@pytest.mark.parametrize("form", ["as it is", "numpy", "stream", "stream, torch"])
@pytest.mark.parametrize("kind", ["grey images", "3d bytes", "lists"])
def test_a_bank_of_a_part_and_unlabelled_samples(kind, form):
    data, x = kinds()[kind]
    data = FORMS[form](data)
    bank = Augmenter().fit(data, bank_size=12, steps=1, progress=False).bank_
    assert bank.samples.names == NAMES
    assert bank.samples.x.shape == (12, *x.shape[1:])
    unit = 255 if form == "stream, torch" and "bytes" in kind else 1
    rows = {tuple(np.float32(row * unit).ravel().round(3)) for row in x}
    assert all(tuple(row.numpy().ravel().round(3)) in rows for row in bank.samples.x)
    without = kinds()[kind][0]
    without = FORMS[form](without.remove_columns([c for c in without.column_names if "label" in c]))
    pool = read_unlabelled(without, bank.samples)
    assert torch.allclose(pool / unit, torch.as_tensor(x, dtype=torch.float32), atol=1e-6)


@pytest.mark.parametrize("kind", ["grey images", "images", "3d bytes", "lists"])
@pytest.mark.parametrize("form", ["as it is", "torch"])
def test_columns_are_samples_and_labels(kind, form):
    data, x = kinds()[kind]
    data = FORMS[form](data)
    column, label = data.column_names
    samples = as_samples(data[column], y=data[label])
    unit = 255 if "bytes" in kind else 1  # as nested lists they are whole numbers
    assert torch.allclose(samples.x / unit, torch.as_tensor(x, dtype=torch.float32), atol=1e-6)
    assert samples.y.tolist() == [i % 3 for i in range(N)]
    fitted = Augmenter().fit(data[column], data[label], steps=1, progress=False)
    from_column, from_list = (fitted.generate(6, near=near, seed=0).x for near in (data[column], data[column][:]))
    assert torch.equal(from_column, from_list)
    assert torch.equal(read_unlabelled(data[column], samples), samples.x)


def to_pixels(batch):
    x = np.stack([np.asarray(image, dtype=np.float32)[None] for image in batch["image"]])
    return {"pixel_values": torch.from_numpy(x / 127.5 - 1), "labels": batch["label"]}


def transformed():
    return kinds()["grey images"][0].with_transform(to_pixels)


def test_a_transform_of_the_dataset_makes_the_samples():
    data = kinds()["grey images"][0]
    data.set_transform(to_pixels)
    samples = as_samples(data)
    assert torch.allclose(samples.x, torch.from_numpy(GREY[:, None] / np.float32(127.5) - 1))
    assert samples.names == NAMES
    assert fit_vae(data, steps=1, progress=False).event_shape == (1, 8, 8)


def test_a_random_transform_follows_the_seed():
    data = kinds()["grey images"][0].with_transform(
        lambda batch: {"x": torch.rand(len(batch["label"]), 1, 8, 8), "y": batch["label"]}
    )
    before = torch.get_rng_state()
    first, again, other = (as_samples(data, seed=seed).x for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_table():
    columns = {"age": EMBEDDINGS[:, 0].tolist(), "city": ["Rome", "Oslo"] * 15, "sex": [0, 1] * 15}
    more = {k: (v, f) for (k, v), f in zip(columns.items(), [datasets.Value("float32"), datasets.Value("string"),
            datasets.ClassLabel(names=["f", "m"])], strict=True)}  # fmt: skip
    data = dataset("height", np.linspace(1.5, 2.0, N), datasets.Value("float64"), **more)
    samples = as_samples(data)
    assert samples.columns == ("height", "age", "city=Oslo", "city=Rome", "sex=f", "sex=m", "label")
    assert samples.names == NAMES
    generated = Augmenter().fit(data, steps=2, progress=False).generate(10, seed=0)
    assert set(generated.x["sex"]) <= {"f", "m"}
    with pytest.raises(InputError, match="expected one field of samples"):
        as_samples(data.to_iterable_dataset())


def test_streams_shuffle_anew_each_epoch():
    stream = kinds()["lists"][0].to_iterable_dataset().shuffle(seed=3, buffer_size=N)
    loader = DataLoader(stream.with_format("torch"), 5)
    from vaeaug.data.loaders import read_batches

    first, second, again = (
        torch.cat([batch["embedding"] for batch in read_batches(loader, 0, epoch)]) for epoch in (0, 1, 0)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def words():
    data = kinds()["lists"][0]
    return data.cast_column("label", datasets.Value("int64")).map(lambda row: {"label": NAMES[row["label"]]})


REFUSED = {
    "splits": (
        lambda: as_samples(datasets.DatasetDict(train=kinds()["lists"][0])),
        "got DatasetDict; choose one of its splits, for example ['train']",
    ),
    "streamed splits": (
        lambda: as_samples(datasets.IterableDatasetDict(train=kinds()["lists"][0].to_iterable_dataset())),
        "got IterableDatasetDict; choose one of its splits, for example ['train']",
    ),
    "no labels": (
        lambda: as_samples(kinds()["grey images"][0].rename_column("label", "species")),
        "expected labels in the item, got {'image': PngImageFile, 'species': int}; call the field 'label'",
    ),
    "no labels in a table": (
        lambda: as_samples(dataset("a", range(N), datasets.Value("int32"), "species")),
        "expected a column of labels, got 'a', 'species'; rename_column() it to 'label'",
    ),
    "two columns of labels": (
        lambda: as_samples(kinds()["images"][0].add_column("coarse_label", [0] * N)),
        "expected one field of labels, got 'fine_label' and 'coarse_label'; rename one of them",
    ),
    "two kinds of samples": (
        lambda: as_samples(kinds()["images"][0].map(lambda row: {"mask": row["img"]}).rename_column("img", "photo")),
        "expected one field of samples",
    ),
    "labels -1": (
        lambda: as_samples(kinds()["lists"][0].map(lambda row: {"label": -1})),
        "expected labels in 0..2 (cat, dog, owl), got labels from -1 to -1",
    ),
    "words in parts": (
        lambda: Augmenter().fit(words(), bank_size=10),
        "got words in the column 'label'; use dataset.class_encode_column('label')",
    ),
    "labels beside": (
        lambda: as_samples(kinds()["lists"][0], y=[0] * N),
        "expected X and y, or data with its labels in it, got Dataset and y",
    ),
    "channels last": (
        lambda: as_samples(dataset("x", RGB, datasets.Array3D((8, 9, 3), "uint8"))),
        "got shape (30, 8, 9, 3); use x.transpose(0, 3, 1, 2)",
    ),
    "no rows": (lambda: as_samples(kinds()["lists"][0].select([])), "expected at least one sample, got"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused(case):
    make, message = REFUSED[case]
    with pytest.raises(InputError, match=re.escape(message)):
        make()


def test_words_are_numbered():
    assert as_samples(words()).names == NAMES
    assert as_samples(words().to_iterable_dataset()).names == NAMES


def test_teachers_and_other_wrappers_take_a_dataset(fitted):
    assert CrossFitted.fit(transformed(), "logistic", folds=2).num_classes == 3
    synthetic = AugmentedDataset(transformed(), fitted, replace=1.0)
    assert synthetic[0]["labels"] == 0
    assert not torch.equal(synthetic[0]["pixel_values"], transformed()[0]["pixel_values"])
    batch = next(iter(AugmentedLoader(DataLoader(transformed(), 10), fitted)))
    assert batch["pixel_values"].shape == (40, 1, 8, 8)
    inside = transformed().with_transform(lambda rows: VAEAugment(fitted, replace=0.5)(to_pixels(rows)))
    rows = next(iter(DataLoader(inside, 10)))
    real = next(iter(DataLoader(transformed(), 10)))
    assert int((rows["pixel_values"] != real["pixel_values"]).flatten(1).any(1).sum()) == 5
    assert torch.equal(rows["labels"], real["labels"])


@pytest.fixture(scope="module")
def fitted():
    return Augmenter(perturb=Posterior(1.0)).fit(transformed(), steps=5, progress=False)


def items(n=10):
    return [transformed()[i] for i in range(n)]


class TestCollator:
    def test_real_samples_come_first_and_then_their_children(self, fitted):
        batch = AugmentedCollator(fitted, default_collate)(items())
        real = default_collate(items())
        assert list(batch) == list(real)
        assert torch.equal(batch["pixel_values"][:10], real["pixel_values"])
        assert torch.equal(batch["labels"], real["labels"].repeat(4))
        assert len(batch["pixel_values"]) == 40
        replaced = AugmentedCollator(fitted, default_collate, replace=0.5)(items())
        assert int((replaced["pixel_values"] != real["pixel_values"]).flatten(1).any(1).sum()) == 5

    def test_calls_differ_and_runs_repeat(self, fitted):
        first, again, other = (AugmentedCollator(fitted, default_collate, seed=seed) for seed in (0, 0, 1))
        a, b, c, d = (make(items())["pixel_values"] for make in (first, first, again, other))
        assert not torch.equal(a, b)
        assert torch.equal(a, c)
        assert not torch.equal(a, d)

    def test_workers_have_their_own_noise(self, fitted):
        same = [items(1)[0]] * 8
        loader = DataLoader(same, 2, collate_fn=AugmentedCollator(fitted, default_collate, add=1), num_workers=2)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            first, second = (torch.cat([batch["pixel_values"][2:] for batch in loader]) for _ in range(2))
            torch.manual_seed(0)
            again = torch.cat([batch["pixel_values"][2:] for batch in loader])
        assert len(torch.unique(torch.cat([first, second]), dim=0)) == 16
        assert torch.equal(first, again)

    def test_other_fields_and_forms(self, fitted):
        def collate(rows):
            return default_collate(rows) | {"ids": list("abcdefghij")}

        batch = AugmentedCollator(fitted, collate, add=1)(items())
        assert batch["ids"] == list("abcdefghij") * 2
        collate.tokenizer = "the collator's"
        assert AugmentedCollator(fitted, collate).tokenizer == "the collator's"
        named = AugmentedCollator(fitted, lambda rows: {"a": rows[0], "b": rows[1]}, images_getter="a",
                                  labels_getter="b", add=1)  # fmt: skip
        assert named((torch.zeros(4, 1, 8, 8) - 1, torch.zeros(4, dtype=torch.long)))["b"].shape == (8,)
        for copied in (copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))):
            kept = copied(AugmentedCollator(fitted, default_collate, add=2))
            assert kept(items())["labels"].shape == (30,)

    REFUSED = {  # noqa: RUF012
        "both": (lambda a: AugmentedCollator(a, default_collate, add=1, replace=0.5), "expected either replace or add"),
        "schedule": (lambda a: AugmentedCollator(a, default_collate, replace=lambda t: t), "expected replace to be"),
        "no function": (lambda a: AugmentedCollator(a, 3), "expected a collator: a function from items to a batch"),
        "unfitted": (lambda a: AugmentedCollator("model", default_collate), "expected a fitted Augmenter, got str"),
        "normalize": (
            lambda a: AugmentedCollator(a, default_collate, processor=1, normalize=(0.5, 0.5)),
            "expected either processor or normalize, got both",
        ),
        "soft labels": (
            lambda a: AugmentedCollator(a, default_collate)(
                [row | {"labels": torch.tensor([0.2, 0.8, 0.0])} for row in items()]
            ),
            "got soft labels of shape (10, 3); augment before mixing (MixUp, CutMix): docs/hosts.md#soft-labels",
        ),
        "another range": (
            lambda a: AugmentedCollator(a, default_collate)(
                [row | {"pixel_values": 9 * row["pixel_values"]} for row in items()]
            ),
            "expected samples in the range of the data, -1 to 1",
        ),
    }

    @pytest.mark.parametrize("case", REFUSED)
    def test_what_cannot_work_is_refused(self, fitted, case):
        make, message = self.REFUSED[case]
        with pytest.raises(InputError, match=re.escape(message)):
            make(fitted)


class Processor:
    """Rescales and normalizes as image processors do."""

    def __init__(self, mean=0.5, std=0.5, scale=1 / 255, power=1.0):
        self.mean, self.std, self.scale, self.power = mean, std, scale, power

    def __call__(self, images, return_tensors):
        x = np.stack([np.asarray(image, dtype=np.float32) for image in images])
        x = x[:, None] if x.ndim == 3 else x.transpose(0, 3, 1, 2)
        x = (x / 255) ** self.power * 255
        return {"pixel_values": (x * self.scale - self.mean) / self.std}


@pytest.mark.parametrize(
    "processor",
    [
        Processor(),
        Processor(0.0, 1.0),
        Processor(np.array([[[0.3]]]), 0.25),
        Processor(0, 1, 1),
        Processor(1, 1, 1 / 127.5),
    ],
    ids=["half", "unit", "imagenet", "bytes", "offset"],
)
@pytest.mark.parametrize("fitted_to", ["images", "pixel_values"])
def test_a_processor_is_undone_or_has_nothing_to_undo(processor, fitted_to):
    """Whatever the augmenter was fitted to, synthetic samples lie in the range of pixel_values, near their parents."""

    def to_values(batch):
        return {"pixel_values": processor(batch["image"], "np")["pixel_values"], "labels": batch["label"]}

    raw = kinds()["grey images"][0]
    data = raw.with_transform(to_values)
    augmenter = Augmenter(perturb=Posterior(0.0)).fit(raw if fitted_to == "images" else data, steps=2, progress=False)
    batch = AugmentedCollator(augmenter, default_collate, processor=processor, add=1)([data[i] for i in range(10)])
    assert torch.allclose(
        batch["pixel_values"][:10], batch["pixel_values"][10:], atol=1e-3 * float(1 + data[0]["pixel_values"].max())
    )
    moved = AugmentedCollator(augmenter.using(perturb=Posterior(1.0)), default_collate, processor=processor, add=1)
    values = moved([data[i] for i in range(10)])["pixel_values"]
    ends = processor([Image.new("L", (8, 8), color) for color in (0, 255)], "np")["pixel_values"]
    assert ends.min() - 1e-3 <= values.min() <= values.max() <= ends.max() + 1e-3


def crop(images, return_tensors):
    x = Processor()(images, return_tensors)["pixel_values"]
    x[..., :9, :] = 0
    return {"pixel_values": x}


@pytest.mark.parametrize(
    ("processor", "message"),
    [
        (Processor(power=0.5), "got images whose values it does not rescale linearly, channel by channel"),
        (Processor(std=-1), "got images whose values it does not rescale linearly, channel by channel"),
        (crop, "got an image of one color that it returns in several"),
        (lambda images, return_tensors: {"input_ids": [1]}, "expected an image processor that rescales"),
        (
            lambda images, return_tensors: {"pixel_values": np.zeros((1, 4, 3, 8, 8))},
            "pixel_values of shape (1, 4, 3, 8, 8)",
        ),
        (3, "expected an image processor that rescales and normalizes, got int"),
        (
            Processor(7.0, 0.5),
            "expected an augmenter fitted to images in 0..1, or -14..-12 as the processor returns them",
        ),
    ],
)
def test_another_processor_is_refused(fitted, processor, message):
    with pytest.raises(InputError, match=re.escape(message)):
        AugmentedCollator(fitted, default_collate, processor=processor)


class TestTrainer:
    @pytest.fixture
    def trainer(self, tmp_path, monkeypatch):
        """collator, settings -> a Trainer of a small ViT on 30 images"""
        transformers = pytest.importorskip("transformers", reason="needs the package transformers")
        pytest.importorskip("accelerate", reason="needs the package accelerate")
        monkeypatch.chdir(tmp_path)

        def make(collator=None, train=None, workers=0, **settings):
            transformers.set_seed(0)
            config = transformers.ViTConfig(image_size=8, patch_size=4, num_channels=1, hidden_size=16, num_labels=3,
                num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, initializer_range=0.1,
                hidden_dropout_prob=0.0)  # fmt: skip
            settings = {"per_device_train_batch_size": 10, "num_train_epochs": 6, "learning_rate": 5e-3} | settings
            args = transformers.TrainingArguments(
                str(tmp_path / "run"), use_cpu=True, report_to=[], save_strategy="no", logging_strategy="epoch",
                disable_tqdm=True, remove_unused_columns=False, dataloader_num_workers=workers, **settings,
            )  # fmt: skip
            trainer = transformers.Trainer(
                transformers.ViTForImageClassification(config),
                args,
                data_collator=collator,
                train_dataset=transformed() if train is None else train,
                eval_dataset=transformed(),
            )
            trainer.remove_callback(transformers.PrinterCallback)
            return trainer

        with torch.random.fork_rng():
            yield make

    @pytest.mark.parametrize("workers", [0, 2])
    @pytest.mark.parametrize("add", [0, 3])
    def test_a_vit_learns(self, trainer, fitted, add, workers):
        sizes = []

        class Recording(AugmentedCollator):
            def __call__(self, features, **settings):
                batch = super().__call__(features, **settings)
                sizes.append(len(batch["labels"]))
                return batch

        run = trainer(Recording(fitted, add=add) if add else None, workers=workers)
        run.train()
        losses = [row["loss"] for row in run.state.log_history if "loss" in row]
        assert losses[-1] < 0.97 * losses[0]
        assert run.state.global_step == 18
        if add and not workers:
            assert sizes == [40] * 18

    @pytest.mark.parametrize("workers", [0, 2])
    def test_evaluation_sees_real_images_alone(self, trainer, fitted, workers):
        """A Trainer has one collator for training and evaluation; also while it trains, and before and after."""
        plain = trainer(workers=workers)
        run = trainer(AugmentedCollator(fitted), workers=workers, eval_strategy="epoch", num_train_epochs=2)
        assert run.evaluate()["eval_loss"] == plain.evaluate()["eval_loss"]
        run.compute_metrics = lambda prediction: {"n": len(prediction.label_ids)}
        run.train()
        assert [row["eval_n"] for row in run.state.log_history if "eval_n" in row] == [N, N]
        assert run.predict(transformed()).predictions.shape == (N, 3)
        assert len(next(iter(run.get_train_dataloader()))["labels"]) == 40

    def test_a_worker_that_is_spawned_is_told(self, trainer, fitted):
        run = trainer(AugmentedCollator(fitted))
        run.compute_metrics = lambda prediction: {"n": len(prediction.label_ids)}
        seen = []

        class Pickling(AugmentedCollator):
            def __call__(self, features, **settings):
                seen.append(pickle.loads(pickle.dumps(self_))(features)["labels"].shape)
                return super().__call__(features, **settings)

        self_ = AugmentedCollator(fitted)
        run.data_collator = Pickling(fitted)
        assert run.evaluate()["eval_n"] == N
        assert set(seen) == {(8,), (6,)}

    def test_runs_repeat(self, trainer, fitted):
        def weights(**settings):
            run = trainer(AugmentedCollator(fitted, **settings), num_train_epochs=1)
            run.train()
            return run.model.classifier.weight.detach().clone()

        assert torch.equal(weights(), weights())
        assert not torch.equal(weights(), weights(seed=1))

    def test_other_collators_and_columns(self, trainer, fitted):
        """`label` becomes `labels`, unused columns are removed, and a stream is read."""

        def to_label(batch):
            rows = to_pixels(batch)
            return {"label": rows.pop("labels"), "note": ["text"] * len(batch["label"]), **rows}

        stream = kinds()["grey images"][0].to_iterable_dataset().map(
            to_label, batched=True, remove_columns=["image"]
        )  # fmt: skip
        run = trainer(AugmentedCollator(fitted), train=stream, max_steps=3)
        run.args.remove_unused_columns = True
        run.train()
        assert run.state.global_step == 3

    def test_accelerate_without_a_trainer(self, fitted):
        accelerate = pytest.importorskip("accelerate", reason="needs the package accelerate")
        loader = accelerate.Accelerator(cpu=True).prepare(DataLoader(transformed(), 10))
        augmented = AugmentedLoader(loader, fitted)
        assert [len(batch["labels"]) for batch in augmented] == [40] * 3

    def test_real_processors(self):
        transformers = pytest.importorskip("transformers", reason="needs the package transformers")
        augmenter = Augmenter().fit(kinds()["images"][0], steps=1, progress=False)
        mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
        size = {"height": 16, "width": 16}
        for processor in (
            transformers.ViTImageProcessor(size=size, image_mean=mean, image_std=std),
            transformers.CLIPImageProcessor(size={"shortest_edge": 16}, crop_size=size, image_mean=mean, image_std=std),
        ):
            found = normalization(processor, augmenter.bank_)
            assert np.allclose(found[0], mean, atol=1e-3)
            assert np.allclose(found[1], std, atol=1e-3)
        raw = transformers.ViTImageProcessor(size=size, do_normalize=False)
        assert normalization(raw, augmenter.bank_) is None
        assert np.allclose(
            normalization(
                transformers.ViTImageProcessor(size=size, do_rescale=False, do_normalize=False), augmenter.bank_
            ),
            ([0, 0, 0], [1 / 255] * 3),
        )


def test_without_transformers_a_collator_is_asked_for(fitted, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=re.escape("pip install 'vaeaug[transformers]', or pass collator=")):
        AugmentedCollator(fitted)
