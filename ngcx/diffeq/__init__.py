"""Diffeq: fixed-step integrators, and classic systems to try them on."""

from ._solve import solve as solve
from ._steps import (
    RungeKutta as RungeKutta,
    create as create,
    euler as euler,
    heun as heun,
    leapfrog as leapfrog,
    midpoint as midpoint,
    ralston as ralston,
    rk4 as rk4,
)
from ._systems import (
    Cubic2D as Cubic2D,
    Linear2D as Linear2D,
    Linear3D as Linear3D,
    Lorenz as Lorenz,
    Oscillator as Oscillator,
    cubic_2d as cubic_2d,
    linear_2d as linear_2d,
    linear_3d as linear_3d,
    lorenz as lorenz,
    oscillator as oscillator,
)
