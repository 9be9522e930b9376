"""Simulated methods."""

import pytest


@pytest.fixture
def simulate():
    """Two methods: images have a difficulty that both share, seeds and images an effect of their own in each."""

    def pair(rng, seeds, images=1000, *, of_seeds=0.0, of_images=0.0, shift=0.0, ease=0.5):
        difficulty = rng.normal(ease, 1.0, images)
        found = []
        for gain in (shift, 0.0):
            luck = rng.normal(0.0, of_seeds, (seeds, 1)) + rng.normal(0.0, of_images, images)
            found.append(difficulty + luck + gain + rng.normal(0.0, 0.5, (seeds, images)) > 0)
        return found

    return pair
