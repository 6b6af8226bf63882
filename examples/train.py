"""Trains a small neural network on the CPU: two spirals, told apart by one hidden layer of 24 units.

Plain Python, nothing to install. Takes about a minute, prints step, loss and accuracy twice a second,
and ends with a summary. SIGTERM (a stop) ends it after the step at hand, saying so.
"""

import math
import os
import random
import signal
import sys
import time

POINTS, HIDDEN, BATCH = 200, 24, 40
SECONDS = float(os.environ.get("SECONDS", "60"))
RATE, MOMENTUM = 0.01, 0.9
Point = tuple[float, float, float]  # x, y, and the class: 0 or 1


def spirals(rng: random.Random) -> list[Point]:
    """Two arms, each turning more than one and a half times, with a little noise."""
    points = []
    for i in range(POINTS):
        turn = 0.25 + 1.6 * i / POINTS
        for label in (0, 1):
            angle = 2 * math.pi * turn + math.pi * label
            x, y = (turn * f(angle) + rng.gauss(0, 0.02) for f in (math.cos, math.sin))
            points.append((x, y, float(label)))
    return points


def features(x: float, y: float) -> tuple[float, ...]:
    """A few products of the coordinates, so that one hidden layer is enough."""
    return (x, y, x * y, math.hypot(x, y), 1.0)


class Network:
    """features -> tanh units -> one sigmoid; trained by gradient descent with momentum."""

    def __init__(self, rng: random.Random):
        width = len(features(0, 0))
        self.hidden = [[rng.gauss(0, 1.2) for _ in range(width)] for _ in range(HIDDEN)]
        self.out = [rng.gauss(0, 0.4) for _ in range(HIDDEN + 1)]
        self._hidden_speed = [[0.0] * width for _ in range(HIDDEN)]
        self._out_speed = [0.0] * (HIDDEN + 1)

    def forward(self, inputs: tuple[float, ...]) -> tuple[list[float], float]:
        """The hidden units' values, and the probability of class 1."""
        units = [math.tanh(sum(w * v for w, v in zip(row, inputs, strict=True))) for row in self.hidden]
        score = self.out[-1] + sum(w * u for w, u in zip(self.out, units, strict=False))
        return units, 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))

    def learn(self, batch: list[Point]) -> None:
        """One step down the gradient of the mean cross-entropy of `batch`."""
        out_gradient = [0.0] * (HIDDEN + 1)
        gradient = [[0.0] * len(row) for row in self.hidden]
        for x, y, label in batch:
            inputs = features(x, y)
            units, guess = self.forward(inputs)
            miss = (guess - label) / len(batch)
            out_gradient[-1] += miss
            for j, unit in enumerate(units):
                out_gradient[j] += miss * unit
                back = miss * self.out[j] * (1 - unit * unit)
                row = gradient[j]
                for i, value in enumerate(inputs):
                    row[i] += back * value
        self._move(self.out, self._out_speed, out_gradient)
        for weights, speed, slope in zip(self.hidden, self._hidden_speed, gradient, strict=True):
            self._move(weights, speed, slope)

    @staticmethod
    def _move(weights: list[float], speed: list[float], slope: list[float]) -> None:
        for i, value in enumerate(slope):
            speed[i] = MOMENTUM * speed[i] - RATE * value
            weights[i] += speed[i]

    def judge(self, points: list[Point]) -> tuple[float, float]:
        """Mean cross-entropy and share of points told right."""
        loss = right = 0.0
        for x, y, label in points:
            guess = self.forward(features(x, y))[1]
            loss -= math.log(max(guess if label else 1 - guess, 1e-12))
            right += (guess > 0.5) == bool(label)
        return loss / len(points), right / len(points)


def main() -> int:
    asked_to_stop = []
    signal.signal(signal.SIGTERM, lambda number, frame: asked_to_stop.append(number))
    rng = random.Random(7)
    data = spirals(rng)
    network, step, best = Network(rng), 0, 0.0
    began = told = time.monotonic()
    print(f"training on {len(data)} points of two spirals for {SECONDS:.0f} s", flush=True)
    while time.monotonic() - began < SECONDS and not asked_to_stop:
        network.learn(rng.sample(data, BATCH))
        step += 1
        if time.monotonic() - told >= 0.5:
            told = time.monotonic()
            loss, right = network.judge(data)
            best = max(best, right)
            print(f"step {step:6,d}  loss {loss:.4f}  accuracy {right:6.1%}", flush=True)
    loss, right = network.judge(data)
    if asked_to_stop:
        print(f"asked to stop at step {step:,}: ending here, accuracy {right:.1%}", flush=True)
        return 143
    took = time.monotonic() - began
    print(f"done: {step:,} steps in {took:.0f} s, loss {loss:.4f}, accuracy {right:.1%}, best {best:.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
