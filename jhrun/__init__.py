"""Train, attack and report on classifiers whose input-Jacobian or input-Hessian is kept small."""

__version__ = "0.1.0"
