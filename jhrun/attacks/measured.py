"""Two evaluations of one network on digits: the evidence of the attacks rests on them.

The network is that of ``scripts/run train``, in the table of ``docs/measurements.md``.
"""

from functools import partial

from jhrun.records.evidence import Reproduction

in_linf = partial(
    Reproduction,
    command=(
        "scripts/run eval run=RUN 'attack=[fgsm,pgd20,pgd100,apgd_ce,apgd_dlr,fab,square,autoattack,spsa,uniform]'"
    ),
    date="2026-11-28",
    n=359,
)
"""What was measured in ℓ∞, at ε = 0.1."""
in_l2 = partial(
    Reproduction,
    command="scripts/run eval run=RUN 'attack=[pgd_l2,cw,deepfool,gaussian]' epsilon_l2=0.5",
    date="2026-11-28",
    n=359,
)
"""What was measured in ℓ2, at ε = 0.5."""
