"""The Gaussian process, held against finite differences and the textbook's formulas."""

import math

import numpy as np
import pytest

from app.search.bayes.fitting import Energy, fit, hypotheses
from app.search.bayes.gp import Posterior
from app.search.bayes.kernel import Kernel, Prior
from app.search.likeness import matern52

COLUMNS = (slice(0, 1), slice(1, 2), slice(2, 5))


def results(n: int = 30, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    X = random.random((n, 5))
    z = np.sin(6 * X[:, 0]) + 0.3 * X[:, 1] + noise * random.normal(size=n)
    return X, (z - z.mean()) / z.std()


def test_the_gradient_of_the_posterior_density_is_that_of_finite_differences():
    X, z = results()
    prior = Prior.of(3, lengthscale=0.4, noise=5e-3)
    energy, theta = Energy(X, z, COLUMNS, prior), prior.mean + np.array([0.3, -0.5, 0.2, 0.7, 0.4, 0.9])

    _, gradient = energy(theta)

    for i in range(len(theta)):
        step = np.zeros(len(theta))
        step[i] = 1e-5
        high, low = (energy(theta + sign * step)[0] for sign in (1, -1))
        assert gradient[i] == pytest.approx((high - low) / 2e-5, rel=1e-4, abs=1e-5)


def test_the_posterior_is_the_textbook_one():
    X, z = results(12)
    kernel = Kernel(np.log([0.4, 0.8, 1.5, 0.5, 1.2, 0.01]), COLUMNS)
    scaled, asked = kernel.scaled(X), kernel.scaled(X[:4] + 0.05)
    K = kernel.between(scaled, scaled) + (kernel.noise + 1e-6) * np.eye(12)
    k = kernel.between(asked, scaled)

    mean, deviation = Posterior(kernel, X, z).predict(X[:4] + 0.05)

    assert mean == pytest.approx(k @ np.linalg.solve(K, z))
    assert deviation**2 == pytest.approx(kernel.signal - np.diag(k @ np.linalg.solve(K, k.T)), abs=1e-8)


def test_an_average_is_as_sure_as_all_covariances_together_say():
    X, z = results(12)
    kernel = Kernel(np.log([0.4, 0.8, 1.5, 0.5, 1.2, 0.01]), COLUMNS)
    scaled, asked = kernel.scaled(X), kernel.scaled(X[:4] + 0.05)
    K = kernel.between(scaled, scaled) + (kernel.noise + 1e-6) * np.eye(12)
    k = kernel.between(asked, scaled)

    mean, deviation = Posterior(kernel, X, z).averages((X[:4] + 0.05)[None])

    assert mean == pytest.approx((k @ np.linalg.solve(K, z)).mean())
    assert deviation**2 == pytest.approx((kernel.between(asked, asked) - k @ np.linalg.solve(K, k.T)).mean(), abs=1e-8)


def test_a_posterior_that_grows_is_the_one_made_at_once():
    X, z = results(20)
    kernel = Kernel(np.log([0.4, 0.8, 1.5, 0.5, 1.2, 0.01]), COLUMNS)

    grown = Posterior(kernel, X[:15], z[:15]).believing(X[15:], z[15:])

    for one, other in zip(grown.predict(X + 0.1), Posterior(kernel, X, z).predict(X + 0.1), strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def test_believing_the_mean_moves_no_mean_and_shrinks_the_deviation():
    X, z = results(15)
    before = Posterior(Kernel(np.log([0.4, 0.8, 1.5, 0.5, 1.2, 1e-4]), COLUMNS), X, z)
    new = np.full((1, 5), 0.5)

    after = before.believing(new, before.mean(new))

    assert after.mean(X) == pytest.approx(before.mean(X), abs=1e-6)
    assert after.predict(new)[1][0] < 0.2 * before.predict(new)[1][0]


def test_a_parameter_that_does_nothing_gets_a_long_lengthscale():
    X, z = results(40)

    kernel = fit(X, z, COLUMNS, Prior.of(3, lengthscale=0.35, noise=5e-3))

    assert kernel.lengthscales[2] > 3 * kernel.lengthscales[0]


def test_noise_is_told_from_the_function():
    X, z = results(60, noise=0.5)

    kernel = fit(X, z, COLUMNS, Prior.of(3, lengthscale=0.35, noise=5e-3))

    assert 0.1 < kernel.noise < 0.7


def test_what_few_results_leave_open_is_drawn_and_what_many_say_is_not():
    spreads = []
    for n in (6, 60):
        X, z = results(n)
        drawn = hypotheses(X, z, COLUMNS, Prior.of(3, lengthscale=0.35, noise=5e-3), 8)
        # Half of them know no sum, whatever the results say: a length is another one there.
        spreads.append(np.std([kernel.theta[0] for kernel in drawn if kernel.share == 0.0]))

    assert spreads[0] > 0.3
    assert spreads[1] < 0.2


def test_the_same_results_leave_the_same_hypotheses():
    X, z = results(10)
    drawn = [hypotheses(X, z, COLUMNS, Prior.of(3, lengthscale=0.35, noise=5e-3), 4) for _ in range(2)]

    assert all(np.array_equal(a.theta, b.theta) for a, b in zip(*drawn, strict=True))


@pytest.mark.parametrize("z", [np.zeros(20), np.append(np.zeros(19), 9.0)], ids=["constant", "one outlier"])
def test_repeated_points_and_odd_targets_are_no_obstacle(z):
    X = np.repeat(np.random.default_rng(1).random((4, 5)), 5, axis=0)

    posterior = Posterior(fit(X, z, COLUMNS, Prior.of(3, lengthscale=0.35, noise=5e-3)), X, z)

    assert np.isfinite(posterior.predict(X)).all()


def test_the_kernel_is_matern_five_halves():
    r = 0.7

    assert matern52(np.array([r**2]))[0] == pytest.approx(
        (1 + math.sqrt(5) * r + 5 * r**2 / 3) * math.exp(-math.sqrt(5) * r)
    )


@pytest.mark.parametrize("lengthscale", [0.02, 0.3, 30.0])
def test_the_sum_is_over_ordered_parameters_and_all_others_are_its_factor(lengthscale):
    X = np.random.default_rng(2).random((40, 5))
    all_a_sum = Kernel(np.log([lengthscale, 0.8, 1.5, 1e6, 1.2, 0.01]), COLUMNS)
    A, B = all_a_sum.scaled(X), all_a_sum.scaled(X[:30])

    found = all_a_sum.between(A, B)

    x, y, kind = [
        matern52(((A[:, None, c] - B[None, :, c]) ** 2).sum(-1) * f) for c, f in zip(COLUMNS, (3, 3, 1), strict=True)
    ]
    assert found == pytest.approx(1.2 * (x + y) / 2 * kind, abs=1e-5)


def test_results_that_add_up_are_foretold_far_from_all_of_them():
    random = np.random.default_rng(4)
    X = random.random((60, 4))
    y = np.sin(9 * X).sum(axis=1)
    z, columns = (y - y.mean()) / y.std(), tuple(slice(i, i + 1) for i in range(4))

    kernel, _ = hypotheses(X[:40], z[:40], columns, Prior.of(4, lengthscale=0.3, noise=5e-3), 2)

    assert kernel.share > 0.9
    assert np.mean((Posterior(kernel, X[:40], z[:40]).mean(X[40:]) - z[40:]) ** 2) < 0.02  # of a variance of 1


def test_what_is_no_sum_is_not_taken_for_one():
    X, columns = np.random.default_rng(5).random((40, 2)), (slice(0, 1), slice(1, 2))
    z = np.sin(7 * (X[:, 0] - X[:, 1]))

    kernels = hypotheses(X, (z - z.mean()) / z.std(), columns, Prior.of(2, lengthscale=0.3, noise=5e-3), 4)

    assert max(kernel.share for kernel in kernels) < 0.2
