"""digits, 5 and 10 per class: is anything above classical augmentation and mixup?

Conclusion: nothing beats classical augmentation surely at 5 per class: the spread over the four seeds is larger than
any difference. Children with MixUp after them stand a point above it, MixUp without them stands below. At 10 per
class, where the run was cut off after two to three seeds, children with MixUp lead again, and so does a control
without the VAE. A VAE of jittered copies, soft labels and worst-of-4 add nothing to that. Judged on seeds 100 to 109
the recipe is level with MixUp (docs/results.md).
"""

from dataclasses import replace

from log import MOVES, Question, answer
from q03_vae import Trained

from vaeaug.bench.stages.base import Synthetic
from vaeaug.bench.stages.baselines import Mix, WorstOf
from vaeaug.bench.stages.distillation import Distilled
from vaeaug.bench.stages.method import Arm

MOVE = MOVES["digits"]
BOTH = Distilled(classical=MOVE.classical, teachers=("cnn", "forest"))
JITTERED = Trained(settings=(("steps", 1000),), jitter=9, move=MOVE)
ARMS = (
    Arm("none"),
    Arm("classical", (MOVE,)),
    Arm("classical + mixup", (MOVE, Mix())),
    Arm("classical, worst of 4", (WorstOf(MOVE, 4),)),
    Arm("extrapolate 1", (Synthetic(), MOVE)),
    Arm("extrapolate 1, worst of 4", (Synthetic(hardest_of=4), MOVE)),
    Arm("extrapolate 1 + mixup", (Synthetic(), MOVE, Mix())),
    Arm("extrapolate 1, worst of 4 + mixup", (Synthetic(hardest_of=4), MOVE, Mix())),
    Arm("half-soft + mixup", (Distilled(classical=MOVE.classical, weight=0.5, replace=0.5), MOVE, Mix())),
    Arm("network and forest teach + mixup", (BOTH, MOVE, Mix())),
    Arm("no VAE: they teach classical copies + mixup", (replace(BOTH, copies=MOVE), MOVE, Mix())),
    Arm("VAE of 9 jittered copies", (JITTERED, MOVE)),
    Arm("VAE of 9 jittered copies + mixup", (JITTERED, MOVE, Mix())),
    Arm("VAE of 9 jittered copies, worst of 4 + mixup", (replace(JITTERED, hardest_of=4), MOVE, Mix())),
)
if __name__ == "__main__":
    networks = [Question(ARMS, n, range(4), data="digits") for n in (5, 10)]
    answer(__file__, networks)
