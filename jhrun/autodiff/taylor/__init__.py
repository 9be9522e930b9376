"""Taylor mode: derivatives of a network along given directions, by one forward pass over a series."""

from jhrun.autodiff.taylor import arithmetic, group_norm, linear, normalise, pointwise
from jhrun.autodiff.taylor.forms import (
    Form,
    Forms,
    HessianForm,
    JacobianForm,
    autograd_forms,
    expand,
    forms,
    jvp_form,
    mixed_form,
    quadratic_form,
    taylor_forms,
)
from jhrun.autodiff.taylor.series import RULES, Layout, Series, Unsupported

__all__ = [
    "RULES",
    "Form",
    "Forms",
    "HessianForm",
    "JacobianForm",
    "Layout",
    "Series",
    "Unsupported",
    "arithmetic",
    "autograd_forms",
    "expand",
    "forms",
    "group_norm",
    "jvp_form",
    "linear",
    "mixed_form",
    "normalise",
    "pointwise",
    "quadratic_form",
    "taylor_forms",
]
