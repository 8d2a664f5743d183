"""Samples stand for the rules that they happen to be samples of."""

import numpy as np

from whence.kernels.anchor_samples import Samples


def test_a_sample_stands_for_longer_rules_whose_parts_it_happens_to_know() -> None:
    rng = np.random.default_rng(0)
    origin = rng.random((300, 5)) < 0.2
    known, agree = origin | (rng.random((300, 5)) < 0.5), rng.random(300) < 0.5
    rules = rng.random((20, 5)) < 0.4
    samples = Samples()
    samples.add(origin[:100], known[:100], agree[:100])
    samples.add(origin[100:], known[100:], agree[100:])

    n, right = samples.of(rules)

    for i, rule in enumerate(rules):
        wanted = set(np.flatnonzero(rule))
        stands = [
            set(np.flatnonzero(a)) <= wanted <= set(np.flatnonzero(b))
            for a, b in zip(origin, known, strict=True)
        ]
        assert n[i] == sum(stands)
        assert right[i] == agree[stands].sum()
    assert n.max() > 10
