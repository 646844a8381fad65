"""Entries of `ngcx.density`."""

import jax.numpy as jnp

from ngcx import density

from .._entries import Array, Entry, Fixed, Key, Name, Number, Other, Size, members


X = Array("rows features")
WEIGHT = Array("rows", optional=True)
FLOOR = Number(1e-6, low=0, open=True, array=False)
WEIGHTS = jnp.array([0.25, 0.75])
MEANS = jnp.array([[0.2, 0.3, 0.4], [0.7, 0.6, 0.5]])
FLOORS = {
    "BernoulliMixture": {"probability_floor": Number(0.1, 0, 0.5, array=False)},
    "ExponentialMixture": {"mean_floor": FLOOR},
    "GaussianMixture": {"covariance": Name("diagonal"), "covariance_floor": FLOOR},
}
FITTED = {
    "BernoulliMixture": density.BernoulliMixture.from_parameters(WEIGHTS, MEANS),
    "ExponentialMixture": density.ExponentialMixture.from_parameters(WEIGHTS, MEANS),
    "GaussianMixture": density.GaussianMixture.from_parameters(
        WEIGHTS, MEANS, jnp.ones((2, 3)), "diagonal"
    ),
}
PARAMETERS = {
    "BernoulliMixture": {"probabilities": Array("groups features")},
    "ExponentialMixture": {"rates": Array("groups features")},
    "GaussianMixture": {
        "means": Array("groups features"),
        "covariances": Array("groups features"),
        "covariance": Name("diagonal"),
    },
}
EXEMPT = {"AbstractMixture": "abstract"}
ENTRIES = {
    "FitResult": Entry(
        density.FitResult,
        {
            "converged": Fixed(jnp.array(True)),
            "iterations": Fixed(jnp.array(1)),
            "log_likelihood": Array("time"),
        },
    ),
    "Statistics": Entry(
        density.Statistics,
        {
            "log_likelihood": Fixed(jnp.zeros(())),
            "counts": Array("groups"),
            "moments": Fixed(jnp.zeros(2)),
        },
    ),
}
for name, mixture in FITTED.items():
    kind = getattr(density, name)
    fitted = {
        field: Fixed(value)
        for field, value in vars(mixture).items()
        if field != "num_components" and field not in FLOORS[name]
    }
    ENTRIES[name] = Entry(kind, {"num_components": Size(2), **FLOORS[name], **fitted})
    ENTRIES |= members(
        name,
        mixture,
        from_parameters=Entry(
            kind.from_parameters,
            {"weights": Array("groups"), **PARAMETERS[name]},
            half=False,
        ),
        fit=Entry(
            mixture.fit,
            {
                "key": Key(),
                "x": X,
                "max_iter": Size(2),
                "tol": Number(1e-3),
                "init": Name("random"),
                "sample_weight": WEIGHT,
                "n_init": Size(1),
            },
            differentiable=False,
            on_host=True,
        ),
        em_step=Entry(
            mixture.em_step,
            {
                "x": X,
                "sample_weight": WEIGHT,
                "step_size": Number(0.5, low=0, high=1),
                "axis_name": Other(None, {"a number": 3}),
            },
            half=False,
        ),
        statistics=Entry(
            mixture.statistics, {"x": X, "sample_weight": WEIGHT}, half=False
        ),
        log_prob={"x": X},
        responsibilities={"x": X},
        predict=Entry(mixture.predict, {"x": X}, differentiable=False),
        sample=Entry(
            mixture.sample,
            {
                "key": Key(),
                "num_samples": Size(3, low=0),
                "component": Size(1, low=0, optional=True),
            },
        ),
        bic={"x": X},
        aic={"x": X},
        maximize=Entry(
            mixture.maximize,
            {"statistics": Fixed(mixture.statistics(jnp.full((4, 3), 0.5)))},
        ),
    )
