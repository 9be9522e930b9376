"""Sharpness-aware minimisation as a plugin (P. Foret et al., arXiv 2010.01412)."""

import torch
from torch.optim import SGD


class Sam(SGD):
    """SGD along the gradient at w + ρ·∇/‖∇‖."""

    def __init__(self, params, lr: float, rho: float = 0.05, momentum: float = 0.9) -> None:
        super().__init__(params, lr=lr, momentum=momentum)
        self.rho = rho

    @torch.no_grad()
    def step(self, closure):
        loss = closure()
        held = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        size = torch.nn.utils.get_total_norm([p.grad for p in held]) + 1e-12
        before = [p.clone() for p in held]
        for p in held:
            p.add_(p.grad, alpha=self.rho / float(size))
        closure()
        for p, old in zip(held, before, strict=True):
            p.copy_(old)
        super().step()
        return loss
