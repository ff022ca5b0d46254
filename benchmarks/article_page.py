"""The numbers of `docs/article.md`, in tables and sentences: pure functions of `article.json`.

A passage of the page between `<!-- NAME -->` and `<!-- end -->` is written here, and nothing else of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

PASSAGE = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
NEAR_KEEPS = 0.9  # share that the nearest samples must keep, of what the reconstruction keeps
SEEN = 0.01  # a class is seen when it has this share of the samples
FAILS = 0.6  # an AUROC below it
FAR_KINDS = 5  # classes that the furthest samples must show, none with half of them or more


def fill(page: str, numbers: dict[str, Any]) -> str:
    """Returns the page with its passages written anew."""
    found = [name for _, name, _ in PASSAGE.findall(page)]
    if sorted(found) != sorted(PASSAGES):
        raise ValueError(f"expected each of the passages {', '.join(PASSAGES)} once, got {', '.join(found) or 'none'}")
    return PASSAGE.sub(lambda match: f"{match[1]}{PASSAGES[match[2]](numbers)}\n{match[3]}", page)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table, numbers to the right."""
    lines = [head, ["---:"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def percent(share: float | None, places: int = 1) -> str:
    """Returns a share as it stands in tables."""
    return "" if share is None else f"{100 * share:.{places}f} %"


def at(noises: Sequence[float]) -> str:
    """Returns noise levels as words join them."""
    words = [f"{noise:g}" for noise in noises]
    if len(words) < 2:
        return f"at noise {words[0]}" if words else "at no noise level"
    return f"at noise {', '.join(words[:-1])} and {words[-1]}"


def setting(numbers: dict[str, Any]) -> str:
    """Says what was trained on what."""
    s, sizes, bound = numbers["setting"], numbers["sizes"], numbers["test_elbo"]["article"]
    return (
        f"The VAE saw {s['steps']:,} batches of {s['batch']} out of {sizes['training']:,} training images, at a peak "
        f"learning rate of {s['lr']:g}; the weight of the KL term rises over the first {percent(s['warmup'], 0)} of the "
        f"steps and is 1 from there on. Its bound on the {sizes['test']:,} test images is {bound:.1f} nats. The judge, a "
        f"small CNN trained on the real training images alone, is right on {percent(numbers['judge_accuracy'])} of the "
        f"real test images."
    )


def known(numbers: dict[str, Any]) -> str:
    """Says how much of an image two numbers tell."""
    clean, found, s = numbers["clean"], numbers["class_from_code"], numbers["setting"]
    return (
        f"How much do two numbers know? The {s['neighbours']} training codes nearest to a test image's code tell its class "
        f"in {percent(found['nearest_codes']['share'])} of the cases. The judge gives {percent(found['judge']['share'])} of "
        f"the reconstructions the class of their image: some of what the code knows is lost in the blurred picture. The "
        f"reconstructions reach a PSNR of {clean['article']:.1f} dB, with {s['larger_latent']} latent numbers "
        f"{clean['larger']:.1f} dB."
    )


def spreads(numbers: dict[str, Any]) -> str:
    """Returns the table of the walks, a row per spread."""
    name = numbers["first"]["class"]
    head = ["spread", f"first: {name}", "first: shirt-like", "classes seen", "entropy (bits)"]
    head += ["many: own class ± s.e.", "many: recognised at 0"]
    rows = [
        [
            f"{one['spread']:g}",
            percent(one["share"]),
            percent(one["shirt_like"]),
            str(one["classes_seen"]),
            f"{one['entropy_bits']:.2f}",
            f"{percent(many['share'])} ± {100 * many['standard_error']:.1f}",
            percent(many["share_of_recognised"]),
        ]
        for one, many in zip(numbers["first"]["rows"], numbers["many"]["rows"], strict=True)
    ]
    return table(head, rows)


def verdict(numbers: dict[str, Any]) -> str:
    """Says whether the article's claim holds, by the page's two criteria."""
    first, many, name = numbers["first"]["rows"], numbers["many"]["rows"], numbers["first"]["class"]
    near, far = first[1], first[-1]
    near_holds = all(rows[1]["share"] >= NEAR_KEEPS * rows[0]["share"] > 0 for rows in (first, many))
    most, share = max(far["shares"].items(), key=lambda item: item[1])
    far_holds = far["classes_seen"] >= FAR_KINDS and share < 0.5
    half = next((row["spread"] for row in first if row["share"] < 0.5), None)
    lines = [
        f"- **Near samples stay what they were: {_holds(near_holds)}.** At spread {near['spread']:g}, "
        f"{percent(near['share'])} of the samples near the first T-shirt are of class {name}. Near "
        f"{numbers['many']['starts']} training images of all classes, {percent(many[1]['share'])} of the samples have the "
        f"class of their image, against {percent(many[0]['share'])} at spread 0, where nothing has moved.",
        f"- **Far ones become all kinds of clothes: {_holds(far_holds)}.** At spread {far['spread']:g} the judge sees "
        f"{far['classes_seen']} of the {len(far['shares'])} classes; the most frequent, {most}, has {percent(share)}. "
        f"All the same, {percent(far['shirt_like'])} are still shirt-like.",
        f"- In between it is a slope, not a step: fewer than half are {name} "
        + ("at no spread." if half is None else f"from spread {half:g} on."),
    ]
    codes = numbers["class_from_code"]["nearest_codes"]["by_class"]
    lines += [
        f"- {never} is as good as never seen, at any spread. The codes know better (the nearest ones tell "
        f"{percent(codes[never])} of the test images of this class), but the decoded pictures do not show it to the judge."
        for never in far["shares"]
        if max(row["shares"][never] for row in first) < SEEN
    ]
    return "\n".join(lines)


def denoising(numbers: dict[str, Any]) -> str:
    """Returns the table of signal-to-noise ratios, and where the VAEs help."""
    rows, latent = numbers["denoising"], numbers["setting"]["larger_latent"]
    keys = ("before", "article", "larger", "blur")
    body = [[f"{row['noise']:g}", *(f"{row[key]:.1f}" for key in keys)] for row in rows]
    better = {
        (vae, rival): at([row["noise"] for row in rows if row[vae] > row[rival]])
        for vae in ("article", "larger")
        for rival in ("before", "blur")
    }
    clean = numbers["clean"]
    said = (
        f"The article's VAE brings the image nearer to the clean one {better['article', 'before']}; the one with {latent} "
        f"numbers {better['larger', 'before']}. Elsewhere the noised image itself is nearer: even out of the clean image "
        f"the two make no better than {clean['article']:.1f} and {clean['larger']:.1f} dB. The article's VAE beats the "
        f"best blur {better['article', 'blur']}, the one with {latent} numbers {better['larger', 'blur']}."
    )
    return f"{table(['noise', 'noised (dB)', '2 numbers', f'{latent} numbers', 'best blur'], body)}\n\n{said}"


def outliers(numbers: dict[str, Any]) -> str:
    """Returns the table of AUROCs, and which score fails."""
    found, latent = numbers["outliers"], numbers["setting"]["larger_latent"]
    head = ["score", "2 numbers", f"{latent} numbers"]
    names = {"minus_elbo": "-ELBO", "distance": "distance to the nearest training code"}
    body = [[name, *(f"{found[vae][key]:.3f}" for vae in ("article", "larger"))] for key, name in names.items()]
    lines = [table(head, body), ""]
    for key, name in names.items():
        said = "**fails**" if found["article"][key] < FAILS else "works"
        lines.append(f"With two numbers, the {name} {said} (chance is 0.5).")
    return "\n".join(lines)


def _holds(yes: bool) -> str:
    return "it holds" if yes else "it does not hold"


PASSAGES: dict[str, Callable[[dict[str, Any]], str]] = {
    write.__name__: write for write in (setting, known, spreads, verdict, denoising, outliers)
}
