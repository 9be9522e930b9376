"""Seconds of each attack of the standard suite on 1,000 MNIST images with a small CNN; no test.

    python tests/attacks/measure.py FOLDER [--trained plain|hardened] [--cascade] [--epsilon 0.1] [--only NAME …]

FOLDER holds MNIST as ``/work/shared/data/unpack.py FOLDER mnist`` writes it, and gets the network's weights.
``hardened`` is trained on FGSM examples from random starts: what an attack cannot break takes it longest. On a
machine that others use too, the busy time with ``--threads 1`` says most.
"""

import argparse
import importlib
import time
from pathlib import Path

import torch
import torch.nn.functional as F
import yaml
from torchvision.datasets import MNIST

import jhrun
from jhrun.models.cnn import CNN

BATCH = 250
CONF = Path(jhrun.__file__).parent / "conf/attack"


def suite(epsilon):
    whole = yaml.safe_load((CONF / "standard.yaml").read_text())
    made = {}
    for name in whole["defaults"]:
        if name == "_self_":
            continue
        settings = {**yaml.safe_load((CONF / f"{name}.yaml").read_text()), **whole.get(name, {})}
        module, kind = settings.pop("_target_").rsplit(".", 1)
        made[name] = getattr(importlib.import_module(module), kind)(epsilon, **settings)
    return made


def trained(folder, kind, epsilon):
    torch.manual_seed(0)
    model = CNN(shape=(1, 28, 28), outputs=10, mean=[0.13], std=[0.31])
    stored = folder / f"{kind}.pt"
    if stored.exists():
        model.load_state_dict(torch.load(stored))
        return model.eval()
    data = MNIST(folder, train=True)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(3 if kind == "hardened" else 1):
        for rows in torch.randperm(len(data.data)).split(100):
            x, y = data.data[rows, None].float() / 255, data.targets[rows]
            if kind == "hardened":
                start = (x + torch.empty_like(x).uniform_(-epsilon, epsilon)).clamp(0, 1).requires_grad_()
                (gradient,) = torch.autograd.grad(F.cross_entropy(model(start), y), start)
                moved = start.detach() + 1.25 * epsilon * gradient.sign()
                x = moved.clamp(x - epsilon, x + epsilon).clamp(0, 1)
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
    torch.save(model.state_dict(), stored)
    return model.eval()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trained", choices=["plain", "hardened"], default="plain")
    parser.add_argument("--cascade", action="store_true")
    parser.add_argument("--epsilon", type=float, default=0.1)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    data = MNIST(chosen.folder, train=False)
    x, y = data.data[: chosen.images, None].float() / 255, data.targets[: chosen.images]
    model = trained(chosen.folder, chosen.trained, 0.1)
    with torch.no_grad():
        robust = model(x).argmax(1) == y
    passes = [0]
    model.register_forward_pre_hook(lambda _, inputs: passes.__setitem__(0, passes[0] + len(inputs[0])))
    print(f"{chosen.trained}: clean {robust.sum()} of {len(x)}", flush=True)
    whole = whole_busy = 0.0
    for name, attack in suite(chosen.epsilon).items():
        if chosen.only and name not in chosen.only:
            continue
        left = robust.nonzero()[:, 0] if chosen.cascade else torch.arange(len(x))
        begun, busy, passes[0] = time.perf_counter(), time.process_time(), 0
        right = torch.zeros(len(x), dtype=torch.bool)
        for number, rows in enumerate(left.split(BATCH)):
            worst = attack(model, x[rows], y[rows], seed=number).worst
            with torch.no_grad():
                right[rows] = model(worst).argmax(1) == y[rows]
        seconds, busy = time.perf_counter() - begun, time.process_time() - busy
        whole += seconds
        whole_busy += busy
        robust &= right
        print(
            f"{name:9} {seconds:7.1f} s, {busy:7.1f} s busy  right {right.sum()}  worst case {robust.sum()}",
            end="  ",
        )
        print(f"{passes[0] / max(len(left), 1):.0f} passes forward per example", flush=True)
    print(f"whole     {whole:7.1f} s, {whole_busy:7.1f} s busy")


if __name__ == "__main__":
    main()
