"""The published tables: Cui, Yan, Liu and Lu, Generalizing and Improving Jacobian and Hessian Regularization.

ResNet-18 on CIFAR, three runs each, mean and standard deviation in percent; PGD(20) is in ℓ∞ with ε = 8/255.
They were selected on the test set: the best PGD(20) of the last ten epochs, and separately the best clean
accuracy of all.
"""

from dataclasses import dataclass

SOURCE = "Cui, Yan, Liu and Lu, arXiv 2212.00311"
EPSILON = 8 / 255
EPOCHS = 100
METHODS = ("normal", "hutchinson", "hutchinson-0.1", "power", "lanczos")


@dataclass(frozen=True)
class Published:
    """A row of a published table.

    Attributes:
        clean: accuracy and its standard deviation, as shares.
        pgd20: likewise under PGD(20).
    """

    clean: tuple[float, float]
    pgd20: tuple[float, float]


_PERCENT = {
    "jacobian_cifar10": ((93.3, 0.1, 0.0, 0.0), (60.1, 3.9, 30.1, 1.8), (92.5, 0.2, 14.2, 0.5),
                         (75.9, 0.1, 45.6, 0.2), (75.6, 0.5, 45.7, 0.2)),
    "jacobian_cifar100": ((73.7, 0.1, 0.0, 0.0), (1.0, 0.0, 1.0, 0.0), (69.9, 0.7, 5.9, 0.1),
                          (37.4, 0.7, 20.2, 0.7), (38.2, 0.2, 21.1, 0.3)),
    "hessian_cifar10": ((93.3, 0.1, 0.0, 0.0), (38.5, 5.8, 30.0, 4.4), (84.8, 2.0, 19.5, 0.1),
                        (70.2, 1.1, 34.8, 1.2), (73.4, 0.1, 38.5, 0.2)),
    "hessian_cifar100": ((73.7, 0.1, 0.0, 0.0), (13.4, 0.5, 8.2, 0.5), (61.9, 0.2, 10.1, 0.1),
                         (43.1, 1.1, 17.3, 0.5), (46.2, 0.5, 19.6, 0.4)),
}  # fmt: skip


def _share(percent: float) -> float:
    return round(percent / 100, 4)


TABLES = {
    name: {
        method: Published((_share(clean), _share(clean_sd)), (_share(pgd), _share(pgd_sd)))
        for method, (clean, clean_sd, pgd, pgd_sd) in zip(METHODS, lines, strict=True)
    }
    for name, lines in _PERCENT.items()
}
"""By table and method."""

SECONDS = {"hutchinson": 60.2, "lanczos-2": 89.1, "lanczos-4": 117.9, "lanczos-8": 175.6, "lanczos-16": 291.1}
"""Per epoch, CIFAR-10 under a Hessian penalty on one A100, by method; Lanczos with its n."""

TITLES = {
    f"{matrix.lower()}_{name}": f"{matrix}, {data}"
    for matrix in ("Jacobian", "Hessian")
    for name, data in (("cifar10", "CIFAR-10"), ("cifar100", "CIFAR-100"))
}
