"""How far each check may go, and who says so.

Where a source gives a number it is taken, or the difference is told; most of them give a rule alone ("random
search must not do better than gradients"), and the number that makes a test of it is ours.
"""

CARLINI = "Carlini et al. 2019, arXiv 1902.06705"
ATHALYE = "Athalye et al. 2018, arXiv 1802.00420"
AUTOATTACK = "Croce and Hein 2020, arXiv 2003.01690"
AUTOATTACK_CODE = "AutoAttack's own checks (github.com/fra31/auto-attack, checks.py)"
PINTOR = "Pintor et al. 2022, arXiv 2106.09947"

DRAWN = 256
"""Examples, at most, on which one check looks at the network or compares two searches: a share of 1 % is seen
there with a probability of 92 %."""

PAIRED = 128
"""Examples, at most, that are attacked in two ways to compare these. If one way breaks 9 more and the other none,
the lower end of the paired interval is 2 %."""

SURVIVORS = 64
"""Examples, at most, that survived every attack and are attacked again at length. If none of them falls, at most
6 % of all survivors would (the upper end of Wilson's interval for 0 of 64)."""

PASSES = 5
"""How often the same batch is classified. Source: AutoAttack's ``check_randomized``."""

LOGIT_NOISE = 1e-4
"""Largest ‖z/‖z‖ − z′/‖z′‖‖₂ of one example's logits in two passes. Source: AutoAttack's ``check_randomized``."""

BATCH_EFFECT = 1e-4
"""Largest change of a logit with the rest of the batch, relative to the spread max z − min z. Ours: a dot product
of n terms is wrong by about √n·2⁻²⁴ in float32, 6e-6 for n = 10⁴ (N. J. Higham, *Accuracy and Stability of
Numerical Algorithms*, 2002, §3.1), which leaves a factor of ten for the layers; it is measured in float64
where the network allows it. Batch statistics change logits by several percent."""

PROBABILITY = 1e-5
"""How near to [0, 1], and to a sum of 1, all outputs lie that are probabilities. Source: AutoAttack's
``check_range_output``."""

CLEAN_SUSPECT, CLEAN_FAIL = 0.001, 0.01
"""Share of examples that change their class in a second, clean count, besides one example that a rounded tie may
change. Ours: the count has no random part, so that next to nothing may change."""

ZERO_ENTRIES = 0.99
"""A gradient counts as zero where this share of its entries is. Ours; Athalye et al. name vanishing gradients
among the ways to mask them, and AutoAttack's ``check_zero_gradients`` counts those that are 0 altogether."""

ZERO_SUSPECT, ZERO_FAIL = 0.01, 0.5
"""Share of examples without an input gradient. AutoAttack warns of a single one; ours allows 1 %, which is what
they could change in robust accuracy. From one half on, no search by gradients has taken place for most."""

OUTSIDE = 1e-5
"""How far, in pixel units, an adversarial input may lie outside ball or range. Ours: float32 keeps numbers up to 1
to 6e-8, and the attacks re-check to 1e-6 (``jhrun.attacks.watched.ROUNDING``)."""

BEYOND_SUSPECT, BEYOND_FAIL = 0.01, 0.05
"""By how much another search may lower the accuracy under attack: the lower end of a 95 % interval where examples
were drawn. Athalye et al., §3.1, and Carlini et al. give the rules without numbers; AutoAttack's
``check_square_sr`` warns at 0.002, which a run on a few hundred examples cannot resolve: ours is one point, and
five points for a number that is false."""

NOISE_SUSPECT, NOISE_FAIL = 0.002, 0.01
"""The same for random noise, the weakest search of all, which must find nothing: AutoAttack's 0.002 for Square,
and one point."""

RISE_SUSPECT, RISE_FAIL = 0.01, 0.05
"""By how much accuracy may rise with ε: not at all if searches were perfect (Athalye et al.,
§3.1; Carlini et al.). Ours: as above."""

PGD_STEPS, PGD_RESTARTS = 100, 2
"""From which on PGD, and every other search by gradients that climbs in steps of a set length, counts as a strong
white-box attack. Ours, after Carlini et al., who ask for searches that are run until they have converged, from
several random points."""

APGD_STEPS = 50
"""From which on APGD and AutoAttack do, and others that set the length of their steps themselves. The paper takes
100; ours is half, for convergence is checked by itself."""

QUERIES = 1000
"""From which on Square, or another search without gradients, counts as a gradient-free attack. The paper takes
5000 (Andriushchenko et al., arXiv 1912.00049); ours is a fifth of that."""

RESTARTS = 10
"""Of PGD with twice the steps, for what survived."""

SCALES = (0.1, 1.0, 10.0)
"""Median margins that the logits are rescaled to. Ours: with 0.1 the cross-entropy is nearly linear in the logits,
with 10 nearly the margin itself, and with none of the three is float32's softmax saturated."""

NOISE_DRAWS = 10
"""Noisy copies of each example."""
