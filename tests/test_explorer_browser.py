"""The explorer's page in a real browser, from a file and without a network: what it computes, and what its controls do."""

import json
import shutil

import numpy as np
import pytest
import torch
from test_explorer import HOSTILE, mixed_table
from torch import nn

from vaeaug import PCA, VAE, Augmenter, Identity, explore, fit_vae
from vaeaug.data.samples import from_arrays
from vaeaug.explorer.layers import LayerList
from vaeaug.explorer.selection import scaled
from vaeaug.models.classifiers import Standardize
from vaeaug.models.codec import Codec
from vaeaug.models.networks import MLP

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt install chromium"),
    pytest.mark.usefixtures("quick_teachers"),
]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser):
    """Returns a function that opens a page; at the end nothing was requested and nothing was reported as an error."""
    contexts, seen = [], []

    def open_page(path, address="", width=1200, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: seen.append(message.text))
        tab.on("pageerror", lambda error: seen.append(str(error)))
        own = path.as_uri()
        tab.on("request", lambda request: request.url.startswith(own) or seen.append(request.url))
        tab.goto(own + address)
        tab.wait_for_function("window.explorer && !explorer.flips.values.includes(undefined)")
        return tab

    yield open_page
    for context in contexts:
        context.close()
    assert seen == []


def settled(tab):
    """Waits until the page shows its state."""
    tab.wait_for_function("!explorer.frame && !explorer.flips.values.includes(undefined)")


def state(tab):
    settled(tab)
    return tab.evaluate("explorer.state")


def colour_images():
    x = torch.rand(30, 3, 9, 14, generator=torch.Generator().manual_seed(0))
    return x, torch.arange(30) % 2


def conditional_colour():
    vae = fit_vae(colour_images(), vae=VAE((3, 9, 14), num_classes=2), steps=5, progress=False)
    return Augmenter(vae).fit(*colour_images())


def mixed():
    return Augmenter().fit(*mixed_table(), steps=150, progress=False)


def curves():
    random = np.random.default_rng(0)
    x = np.sin(np.arange(20) / 3 + random.normal(size=(40, 1))) * 5 + 100
    return Augmenter().fit(x.astype(np.float32), np.arange(40) % 2, steps=20, progress=False)


def signed_images():
    x, y = colour_images()
    settings = {"architecture": MLP((20,)), "latent_dim": 3, "steps": 5, "progress": False}
    return Augmenter().fit(4 * x - 2, y, **settings)


KINDS = {
    "digits": lambda: Augmenter().fit("digits", steps=20, progress=False),
    "conditional colour images": conditional_colour,
    "fully connected, range -2 to 2": signed_images,
    "numbers": lambda: Augmenter().fit("wine", steps=20, progress=False),
    "curves": curves,
    "mixed": mixed,
    "pca of numbers": lambda: Augmenter(PCA(5)).fit("wine"),
    "pca of images": lambda: Augmenter(PCA(8)).fit("digits"),
    "identity": lambda: Augmenter(Identity()).fit("digits"),
    "without residuals": lambda: Augmenter(residual=False).fit("digits", steps=20, progress=False),
}


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request, tmp_path_factory):
    """Returns an augmenter of each kind, and its page."""
    augmenter = KINDS[request.param]()
    return augmenter, explore(augmenter, tmp_path_factory.mktemp("kind") / "page.html", title="model")


@pytest.fixture(scope="module")
def digits_page(augmenter, tmp_path_factory):
    return explore(augmenter, tmp_path_factory.mktemp("browser") / "page.html", title="digits")


def test_the_decoder_is_that_of_torch(kind, opened):
    augmenter, path = kind
    bank, tab = augmenter.bank_, opened(path)
    z = bank.mean[:20] + 0.5 * torch.randn(20, bank.mean.shape[1], generator=torch.Generator().manual_seed(0))
    y = bank.samples.y[:20]
    expected = scaled(bank, Codec(augmenter.vae_).decode(z, y)).flatten(1)
    found = tab.evaluate(
        "([codes, labels]) => codes.map((z, i) => [...explorer.model.decode(z, labels[i])])", [z.tolist(), y.tolist()]
    )
    assert (torch.tensor(found) - expected).abs().max() < 1e-3


def test_scale_0_is_the_sample_itself_in_every_scheme(kind, opened):
    augmenter, path = kind
    tab = opened(path)
    x = scaled(augmenter.bank_, augmenter.bank_.samples.x).flatten(1)
    found = tab.evaluate(
        """() => Object.keys(explorer.model.facts.schemes).map((scheme) =>
             [3, 7].map((i) => [...explorer.model.generate(explorer.model.draw(i, scheme, 0, 0), 0).x]))"""
    )
    tolerance = 0.5 / 255 + 1e-6 if augmenter.bank_.samples.x.ndim == 4 else 1e-6
    assert (torch.tensor(found) - x[[3, 7]]).abs().max() <= tolerance


def test_a_synthetic_sample_is_the_sample_and_the_decoded_change(kind, opened):
    augmenter, path = kind
    bank, tab = augmenter.bank_, opened(path)
    if bank.samples.table is not None:
        pytest.skip("rows of a mixed table are settled after the sum: see the test of rows")
    made = tab.evaluate(
        """() => { const made = explorer.model.generate(explorer.model.draw(5, "interpolate", 1, 2), 0.9);
                   return [[...made.z], [...made.x]]; }"""
    )
    z, y = torch.tensor(made[0])[None], bank.samples.y[5:6]
    codec = Codec(augmenter.vae_)
    x = codec.decode(z, y)
    if augmenter.residual:
        x = bank.samples.x[5:6] + x - codec.decode(bank.mean[5:6], y)
    expected = bank.samples.round_(bank.value_range.clip_to_range_(x, None))
    assert (torch.tensor(made[1]) - scaled(bank, expected).flatten()).abs().max() < 4e-3


def test_rows_of_a_mixed_table_are_valid(opened, tmp_path):
    augmenter = mixed()
    tab = opened(explore(augmenter, tmp_path / "page.html"))
    rows = tab.evaluate(
        """() => Array.from({ length: 40 }, (_, i) => Object.keys(explorer.model.facts.schemes).map((scheme) =>
             [...explorer.model.generate(explorer.model.draw(i, scheme, i, 0), 1).x])).flat()"""
    )
    table, x = augmenter.bank_.samples.table, torch.tensor(rows)
    schemes = len(rows) // 40
    assert torch.equal(table.encode(table.decode(x)), x)
    for part, _ in table.layout.categories:
        assert (x[:, part].sum(1) == 1).all()
    missing = list(table.layout.number_missing)
    assert torch.equal(x[:, missing], augmenter.bank_.samples.x[:40].repeat_interleave(schemes, 0)[:, missing])
    assert (x.reshape(40, schemes, -1) != augmenter.bank_.samples.x[:40, None]).any(2).float().mean() > 0.3


def test_layers_are_those_of_torch(digits_page, opened):
    torch.manual_seed(0)
    network = nn.Sequential(
        Standardize(nn.Sequential(nn.Flatten(), nn.Linear(12, 36)), torch.rand(12), torch.rand(12) + 0.1),
        nn.Tanh(),
        nn.Unflatten(1, (4, 3, 3)),
        nn.Conv2d(4, 8, 3, padding=1),
        nn.Sigmoid(),
        nn.PixelShuffle(2),
        nn.Conv2d(2, 3, 2, bias=False),
        nn.ReLU(),
        nn.Conv2d(3, 1, 3, padding="same"),
    )
    arrays = {}
    layers = LayerList("net", arrays, half=False)
    layers.add_module(network)
    x = torch.randn(12)
    values = {name: array.ravel().tolist() for name, array in arrays.items()}
    found = opened(digits_page).evaluate(
        "([layers, arrays, x]) => [...runLayers(layers, arrays, x, [])]", [layers.layers, values, x.tolist()]
    )
    assert torch.allclose(torch.tensor(found), network(x[None]).flatten(), atol=1e-5)


def test_a_layer_that_the_page_cannot_run_is_named():
    with pytest.raises(ValueError, match="GELU"):
        LayerList("net", {}, half=True).add_module(nn.Sequential(nn.Linear(2, 2), nn.GELU()))


def test_schemes_are_theirs(digits_page, augmenter, opened):
    tab, bank = opened(digits_page), augmenter.bank_
    moved = tab.evaluate(
        """() => Object.fromEntries(Object.keys(explorer.model.facts.schemes).map((scheme) => [scheme,
             Array.from({ length: 300 }, (_, i) => {
               const draw = explorer.model.draw(i % 100, scheme, 0, Math.floor(i / 100));
               return { z: [...draw.move(0.8)], half: [...draw.move(0.4)], step: draw.step(0.8),
                        partners: draw.partners.map((p) => p.sample) }; })]))"""
    )
    z = bank.mean[torch.arange(300) % 100].half().float()
    y, codes = bank.samples.y[torch.arange(300) % 100], bank.mean.half().float()
    found = {scheme: torch.tensor([entry["z"] for entry in entries]) for scheme, entries in moved.items()}
    steps = {scheme: torch.tensor([[entry["step"]] for entry in entries]) for scheme, entries in moved.items()}
    pairs = {scheme: torch.tensor([entry["partners"] for entry in entries]).long() for scheme, entries in moved.items()}
    for scheme, sign in (("interpolate", 1), ("extrapolate", -1)):
        partner = pairs[scheme][:, 0]
        assert torch.equal(bank.samples.y[partner], y)
        assert (partner != torch.arange(300) % 100).all()
        assert torch.allclose(found[scheme], z + sign * steps[scheme] * (codes[partner] - z), atol=1e-4)
        assert 0.35 < float(steps[scheme].mean()) < 0.45
    a, b = pairs["difference"].T
    assert torch.equal(bank.samples.y[a], bank.samples.y[b])
    assert (a != b).all()
    assert 0.05 < float((bank.samples.y[a] != y).float().mean()) < 0.9, "pairs of other classes are borrowed"
    assert torch.allclose(found["difference"], z + steps["difference"] * (codes[a] - codes[b]), atol=1e-4)
    noise = (found["posterior"] - z) / 0.8 / bank.stddev[torch.arange(300) % 100]
    assert abs(float(noise.std()) - 1) < 0.05
    spread = torch.linalg.solve_triangular(bank.within_class(), (found["covariance"] - z).T / 0.8, upper=False)
    assert torch.allclose(spread @ spread.T / 300, torch.eye(len(spread)), atol=0.35)
    assert abs(float(((found["prior"] - 0.6 * z) / 0.8).std()) - 1) < 0.05
    for scheme in ("interpolate", "extrapolate", "difference", "posterior", "covariance"):
        half = torch.tensor([entry["half"] for entry in moved[scheme]])
        assert torch.allclose(half, (z + found[scheme]) / 2, atol=1e-4), "the slider morphs along a line"


def test_nearest_and_flip(digits_page, augmenter, opened):
    tab, x = opened(digits_page), augmenter.bank_.samples.x.flatten(1)
    children = tab.evaluate(
        "explorer.view.children.map((c) => ({ x: [...c.x], index: c.nearest.index, distance: c.nearest.distance }))"
    )
    units = tab.evaluate("[...explorer.model.arrays.unit]")
    for child in children:
        distance = (x - torch.tensor(child["x"])).norm(dim=1)
        assert distance[child["index"]] <= distance.min() + 1e-4
        unit = units[int(augmenter.bank_.samples.y[child["index"]])]
        assert child["distance"] == pytest.approx(float(distance[child["index"]]) / unit, rel=1e-3, abs=0.03)
    flips = tab.evaluate(
        """() => explorer.flips.draws.map((draw, i) => { const m = explorer.model, flip = explorer.flips.values[i];
             const at = (s) => mostLikely(m.probabilities(m.generate(draw, s).x, draw.sample)) === m.y[draw.sample];
             return flip === null ? [null, at(3)] : [flip, at(flip), flip > 0.2 ? at(flip - 0.15) : true]; })"""
    )
    for flip, *kept in flips:
        assert kept == ([True] if flip is None else [False, True])


def test_the_classifiers_name_as_many_samples_rightly_as_the_page_says(kind, opened):
    tab = opened(kind[1])
    right, said = tab.evaluate(
        """() => { const m = explorer.model;
             const right = [...m.y.keys()].filter((i) => mostLikely(m.probabilities(m.sample(i), i)) === m.y[i]);
             return [right.length / m.size, m.facts.teacher_accuracy]; }"""
    )
    assert right == pytest.approx(said, abs=0.02)


def test_controls_do_what_they_say(digits_page, opened):
    tab = opened(digits_page, "#sample=4")
    before = tab.evaluate("[...explorer.view.children[0].x]")
    tab.locator("#scale").fill("0")
    assert state(tab)["scale"] == 0
    assert tab.evaluate("explorer.view.children.every((c) => c.nearest.distance === 0)")
    assert "copy" in tab.locator("#children button").first.inner_text()
    tab.locator("#scale").fill("1")
    assert tab.evaluate("(settled) => [...explorer.view.children[0].x]", state(tab)) == before, "the noise is kept"
    tab.get_by_role("button", name="Draw again").click()
    assert state(tab)["seed"] == 1
    assert tab.evaluate("[...explorer.view.children[0].x]") != before
    tab.get_by_label("Scheme").select_option("interpolate")
    assert state(tab)["scheme"] == "interpolate"
    assert tab.locator("#scale").get_attribute("max") == "1"
    assert "z_p" in tab.locator("#detail").inner_text()
    assert tab.evaluate("explorer.map.scene.partners.length") == 1
    tab.get_by_role("button", name="Show the change").click()
    assert state(tab)["change"] is True
    assert tab.locator("#change").get_attribute("aria-pressed") == "true"
    tab.locator("#children button").nth(5).click()
    assert state(tab)["shown"] == 5
    assert "synthetic sample 6" in tab.locator("#detail").inner_text()
    tab.get_by_role("button", name="Next sample").click()
    assert state(tab)["sample"] == 5
    tab.locator("#sample").fill("17")
    tab.locator("#sample").press("Enter")
    assert state(tab)["sample"] == 17
    tab.locator("#sample").fill("99999")
    tab.locator("#sample").press("Enter")
    assert state(tab)["sample"] == 17
    tab.locator("#legend button").nth(3).click()
    assert state(tab)["label"] == 3
    tab.get_by_role("button", name="Next sample").click()
    assert tab.evaluate("explorer.model.y[explorer.state.sample]", state(tab)) == 3


def test_the_change_is_red_where_pixels_rise_and_blue_where_they_fall(digits_page, opened):
    tab = opened(digits_page, "#sample=4&change=1&scale=3")
    pixels = tab.evaluate(
        """() => explorer.view.children.flatMap(({ change }, k) => {
             const canvas = document.querySelectorAll("#children button canvas")[k];
             const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
             return [...change.keys()].map((i) => [change[i], data[4 * i], data[4 * i + 2], data[4 * i + 3]]);
           })"""
    )
    change, red, blue, alpha = np.array(pixels).T
    assert len(change) == 8 * 64
    for strong, warmer in ((change > 0.02, 1), (change < -0.02, -1)):
        assert strong.sum() > 5
        assert (warmer * (red - blue)[strong] > 0).all()
    assert np.abs(alpha - np.minimum(255, np.abs(change) * 510)).max() <= 1


def point_of(tab, sample):
    """Returns where a sample is on the screen."""
    tab.locator("#map").scroll_into_view_if_needed()
    x, y = tab.evaluate("(i) => explorer.map.toScreen(explorer.map.places[i])", sample)
    box = tab.locator("#map").bounding_box()
    return box["x"] + x, box["y"] + y


def at(tab, point):
    box = tab.locator("#map").bounding_box()
    return tab.evaluate("(p) => explorer.map.at(p)", [point[0] - box["x"], point[1] - box["y"]])


def test_a_click_on_the_map_opens_a_sample_and_a_drag_walks(digits_page, opened):
    tab = opened(digits_page)
    start, end = point_of(tab, 20), point_of(tab, 90)
    tab.mouse.click(*start)
    assert state(tab)["sample"] == at(tab, start)
    tab.mouse.move(*start)
    tab.mouse.down()
    tab.mouse.move(*end, steps=4)
    tab.mouse.up()
    found = state(tab)
    assert (found["sample"], found["to"]) == (at(tab, start), at(tab, end))
    assert tab.locator("#walk canvas").count() == 9
    ends = tab.evaluate(
        """() => { const m = explorer.model, { sample, to } = explorer.state, walk = m.walk(sample, to, 9);
             return [walk[0].every((v, i) => v === m.sample(sample)[i]), walk[8].every((v, i) => v === m.sample(to)[i])]; }"""
    )
    assert ends == [True, True]
    tab.get_by_role("button", name="Close the walk").click()
    assert state(tab)["to"] == -1
    assert tab.locator("#walk-panel").is_hidden()


def test_the_big_picture_can_be_dragged_onto_the_map(digits_page, opened):
    tab = opened(digits_page, "#sample=3")
    end = point_of(tab, 50)
    box = tab.locator(".cell.real").bounding_box()
    tab.mouse.move(box["x"] + 20, box["y"] + 20)
    tab.mouse.down()
    tab.mouse.move(*end, steps=4)
    tab.mouse.up()
    assert state(tab)["to"] == at(tab, end)


def test_a_walk_without_a_mouse(digits_page, opened):
    tab = opened(digits_page, "#sample=3")
    tab.locator("#start-walk").press("Enter")
    tab.locator("#sample").fill("40")
    tab.locator("#sample").press("Enter")
    found = state(tab)
    assert (found["sample"], found["to"]) == (3, 40)


def test_keys_on_the_map(digits_page, opened):
    tab = opened(digits_page, "#sample=3&scale=1")
    tab.locator("#map").focus()
    for key, name, value in (("]", "scale", 1.1), ("[", "scale", 1.0), ("c", "change", True), ("r", "seed", 1)):
        tab.keyboard.press(key)
        assert state(tab)[name] == pytest.approx(value)
    tab.keyboard.press("s")
    assert state(tab)["scheme"] != "difference"
    for key, axis, sign in (("ArrowRight", 0, 1), ("ArrowLeft", 0, -1), ("ArrowDown", 1, 1), ("ArrowUp", 1, -1)):
        before = state(tab)["sample"]
        tab.keyboard.press(key)
        after = state(tab)["sample"]
        places = tab.evaluate(
            "(pair) => pair.map((i) => explorer.map.toScreen(explorer.map.places[i]))", [before, after]
        )
        assert (places[1][axis] - places[0][axis]) * sign > 0
    zoom = tab.evaluate("explorer.map.zoom")
    tab.keyboard.press("+")
    assert tab.evaluate("explorer.map.zoom") > zoom
    tab.get_by_role("button", name="All").click()
    assert tab.evaluate("explorer.map.zoom") == 1


def test_everything_that_acts_is_reached_by_the_tab_key(digits_page, opened):
    tab = opened(digits_page)
    reached = set()
    for _ in range(60):
        tab.keyboard.press("Tab")
        reached.add(tab.evaluate("document.activeElement.id || document.activeElement.className"))
    assert {
        "map",
        "sample",
        "previous",
        "next",
        "scale",
        "scheme",
        "redraw",
        "change",
        "start-walk",
        "cell",
        "copy",
    } <= reached


def test_the_address_holds_the_state(digits_page, opened):
    address = "#sample=17&scheme=posterior&scale=1.25&seed=4&shown=3&class=2&change=1&to=5"
    tab = opened(digits_page, address)
    assert tab.evaluate("location.hash") == address
    expected = {
        "sample": 17,
        "scheme": "posterior",
        "scale": 1.25,
        "seed": 4,
        "shown": 2,
        "label": 2,
        "change": True,
        "to": 5,
    }
    assert state(tab) == expected
    shown = tab.evaluate("[...explorer.view.children[2].x]")
    assert opened(digits_page, address).evaluate("[...explorer.view.children[2].x]") == shown
    tab.evaluate("location.hash = '#sample=8'")
    tab.wait_for_function("explorer.state.sample === 8")


@pytest.mark.parametrize(
    "address",
    [
        "#sample=-1&scale=x&scheme=nothing&shown=9&class=99&to=1e9&seed=-2",
        "#scheme=constructor&scale=1e9",
        "#%%%",
        "#sample=",
    ],
)
def test_a_wrong_address_is_the_default(digits_page, opened, address):
    found = state(opened(digits_page, address))
    assert found["sample"] == 0
    assert found["scheme"] == "difference"
    assert 0 <= found["scale"] <= 3


def test_the_python_code_runs(augmenter, tmp_path, opened, monkeypatch):
    monkeypatch.chdir(tmp_path)
    augmenter.save('digits\' "model"')
    tab = opened(
        explore(augmenter, tmp_path / "page.html", title='digits\' "model"', samples=40), "#sample=9&scale=0.5"
    )
    index = tab.evaluate("explorer.model.arrays.index[9]")
    for scheme in tab.evaluate("Object.keys(explorer.model.facts.schemes)"):
        tab.get_by_label("Scheme").select_option(scheme)
        settled(tab)
        names = {}
        exec(tab.locator("#code").inner_text(), names)
        assert names["synthetic"].x.shape == (8, 1, 8, 8)
        assert type(names["augmenter"].perturb).__name__.lower() == scheme
        assert names["augmenter"].perturb.scale == 0.5
        assert torch.equal(names["sample"][0], augmenter.bank_.samples.x[index])


def test_copy_as_python(digits_page, opened):
    tab = opened(digits_page)
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.get_by_role("button", name="Copy as Python").click()
    tab.wait_for_function("document.getElementById('copied').textContent !== ''")
    assert tab.evaluate("navigator.clipboard.readText()") == tab.locator("#code").inner_text()


def test_hostile_names_are_shown_and_do_nothing(tmp_path, opened):
    path = explore(mixed(), tmp_path / "page.html", title=HOSTILE[0])
    tab = opened(path, "#to=5")
    assert tab.evaluate("typeof boom") == "undefined"
    assert tab.locator("img").count() == 0
    text = tab.locator("main").inner_text()
    assert all(word in text for word in HOSTILE)
    assert HOSTILE[0] in tab.locator("h1").inner_text()


def test_changed_cells_of_a_row_are_marked(tmp_path, opened):
    tab = opened(explore(mixed(), tmp_path / "page.html"), "#scale=1")
    rows = tab.locator("#children tbody tr")
    marked = 0
    for i in range(rows.count()):
        cells = rows.nth(i).locator("td")
        own = cells.nth(0).inner_text()
        for k in range(1, 9):
            is_marked = "changed" in (cells.nth(k).get_attribute("class") or "")
            assert is_marked == (cells.nth(k).inner_text() != own)
            marked += is_marked
    assert marked


def test_without_real_samples_the_page_says_so(augmenter, tmp_path, opened):
    tab = opened(explore(augmenter, tmp_path / "page.html", synthetic_only=True))
    text = tab.locator("body").inner_text()
    assert "No real sample is in this page" in text
    assert "may look like it" in text
    assert "near=" not in tab.locator("#code").inner_text()
    assert not {"private", "safe"} & set(text.lower().split())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["digits", "mixed", "curves"])
def test_axe_finds_nothing_serious(tmp_path, opened, name, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    tab = opened(
        explore(KINDS[name](), tmp_path / "page.html", samples=40), "#sample=2&to=5&class=1&change=1", scheme=scheme
    )
    found = axe.Axe().run(tab).response["violations"]
    serious = [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")]
    assert serious == []


@pytest.mark.parametrize("name", ["digits", "mixed", "curves"])
def test_a_phone_does_not_scroll_sideways(tmp_path, opened, name):
    tab = opened(explore(KINDS[name](), tmp_path / "page.html", samples=40), "#to=5", width=390)
    assert tab.evaluate("document.documentElement.scrollWidth") == 390


def test_a_screen_reader_hears_what_changed(digits_page, opened):
    tab = opened(digits_page, "#sample=6&scale=1.5")
    tab.wait_for_function("document.getElementById('announcement').textContent.includes('Sample 6')")
    assert "of 8 synthetic samples keep the label" in tab.locator("#announcement").inner_text()
    names = [json.dumps(tab.locator("#children button").nth(i).get_attribute("aria-pressed")) for i in range(8)]
    assert names.count('"true"') == 1


@pytest.mark.parametrize(("latent", "size"), [(1, 40), (3, 4)])
def test_one_latent_dimension_and_four_samples(tmp_path, opened, latent, size):
    x = torch.rand(size, 6, generator=torch.Generator().manual_seed(0))
    augmenter = Augmenter().fit(x, torch.arange(size) % 2, steps=5, latent_dim=latent, progress=False)
    tab = opened(explore(augmenter, tmp_path / "page.html"), "#sample=1&to=2")
    for scheme in tab.evaluate("Object.keys(explorer.model.facts.schemes)"):
        tab.get_by_label("Scheme").select_option(scheme)
        settled(tab)
        assert tab.evaluate("explorer.view.children.every((c) => c.x.every(Number.isFinite))")


def test_classes_of_one_sample_and_of_none(tmp_path, opened):
    y = torch.tensor([0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3])
    x = torch.rand(11, 6, generator=torch.Generator().manual_seed(0))
    augmenter = Augmenter().fit(from_arrays(x, y, ["a", "b", "c", "none"]), steps=5, progress=False)
    alone = augmenter.subset(torch.arange(8))
    tab = opened(explore(alone, tmp_path / "page.html"), "#sample=7&scheme=interpolate&scale=1")
    assert tab.evaluate("explorer.view.children.every((c) => c.nearest.index === 7)")
    assert tab.evaluate("explorer.view.children.every((c) => c.probabilities[3] === 0)")
    assert "none (0)" in tab.locator("#legend").inner_text()
