"""digits, 5 and 10 per class: does anything beat classical augmentation and MixUp?

Conclusion: at 5 per class nothing reliably beats classical augmentation: the spread over the four seeds is larger
than any difference. Synthetic samples with MixUp are a point above it, synthetic samples without MixUp are below it.
At 10 per class, where the run was stopped after two to three seeds, synthetic samples with MixUp lead again, and so
does a control without the VAE. A VAE trained on jittered copies, soft labels and hardest of 4 add nothing to that.
Judged on seeds 100 to 109, the recipe is level with MixUp (docs/results.md).
"""

from dataclasses import replace

from log import MOVES, Question, answer
from q03_vae import Trained

from vaeaug.bench.stages.baselines import HardestOf, Mix
from vaeaug.bench.stages.distillation import Distilled
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import Synthetic

MOVE = MOVES["digits"]
BOTH = Distilled(classical=MOVE.classical, teachers=("cnn", "forest"))
JITTERED = Trained(settings=(("steps", 1000),), jitter=9, move=MOVE)
ARMS = (
    Method("none", kind="baseline"),
    Method("classical", (MOVE,), kind="baseline"),
    Method("classical + MixUp", (MOVE, Mix()), kind="baseline"),
    Method("classical, hardest of 4", (HardestOf(MOVE, 4),), kind="baseline"),
    Method("extrapolate 1", (Synthetic(), MOVE)),
    Method("extrapolate 1, hardest of 4", (Synthetic(hardest_of=4), MOVE)),
    Method("extrapolate 1 + MixUp", (Synthetic(), MOVE, Mix())),
    Method("extrapolate 1, hardest of 4 + MixUp", (Synthetic(hardest_of=4), MOVE, Mix())),
    Method("half soft labels + MixUp", (Distilled(classical=MOVE.classical, weight=0.5, replace=0.5), MOVE, Mix())),
    Method("network and forest teach + MixUp", (BOTH, MOVE, Mix())),
    Method(
        "no VAE: they teach classical copies + MixUp",
        (replace(BOTH, control_transform=MOVE), MOVE, Mix()),
        kind="control",
    ),
    Method("VAE of 9 jittered copies", (JITTERED, MOVE)),
    Method("VAE of 9 jittered copies + MixUp", (JITTERED, MOVE, Mix())),
    Method("VAE of 9 jittered copies, hardest of 4 + MixUp", (replace(JITTERED, hardest_of=4), MOVE, Mix())),
)
if __name__ == "__main__":
    networks = [Question(ARMS, n, range(4), data="digits") for n in (5, 10)]
    answer(__file__, networks)
