"""Entries of `ngcx.density`."""

import jax.numpy as jnp

from ngcx import density

from .._entries import Array, Entry, Fixed, Key, Name, Number, Other, Size, members


X = Array("rows features")
WEIGHT = Array("rows", optional=True)
FLOOR = Number(1e-6, low=0, open=True, array=False)
WEIGHTS = jnp.array([0.25, 0.75])
MEANS = jnp.array([[0.2, 0.3, 0.4], [0.7, 0.6, 0.5]])
GAUSSIAN = {"covariance": Name("diagonal"), "covariance_floor": FLOOR}
BERNOULLI = {"probability_floor": Number(0.1, 0, 0.5, array=False)}
EXPONENTIAL = {"mean_floor": FLOOR}
FEATURES = Other((2, 0), {"a float": (0.5, 1), "twice": (1, 1), "too large": (0, 3)})

EXEMPT = {"AbstractComponents": "abstract"}
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
    "Gaussians": Entry(
        density.Gaussians,
        {"means": Array("groups features"), "scales": Fixed(MEANS), **GAUSSIAN},
        also=("scales",),
    ),
    "Bernoullis": Entry(
        density.Bernoullis, {"probabilities": Array("groups features"), **BERNOULLI}
    ),
    "Exponentials": Entry(
        density.Exponentials, {"rates": Array("groups features"), **EXPONENTIAL}
    ),
    "Mixture": Entry(
        density.Mixture,
        {"weights": Fixed(WEIGHTS), "components": Fixed(density.Exponentials(MEANS))},
    ),
}

PARAMETERS = {
    "GaussianMixture": {
        "means": Array("groups features"),
        "covariances": Array("groups features"),
        **GAUSSIAN,
    },
    "BernoulliMixture": {"probabilities": Array("groups features"), **BERNOULLI},
    "ExponentialMixture": {"rates": Array("groups features"), **EXPONENTIAL},
}
OPTIONS = {
    "GaussianMixture": GAUSSIAN,
    "BernoulliMixture": BERNOULLI,
    "ExponentialMixture": EXPONENTIAL,
}
STARTS = {
    "GaussianMixture": {
        "weights_init": Array("groups", optional=True),
        "means_init": Array("groups features", optional=True),
        "precisions_init": Array("groups features", optional=True),
        "labels_init": Array("rows", "int", optional=True),
    }
}
CLIMB = {"max_iter": Size(2), "tol": Number(1e-3), "sample_weight": WEIGHT}
for name, parameters in PARAMETERS.items():
    family = getattr(density, name)
    ENTRIES[f"{name}.from_parameters"] = Entry(
        family.from_parameters, {"weights": Array("groups"), **parameters}, half=False
    )
    ENTRIES[f"{name}.fit"] = Entry(
        family.fit,
        {
            "key": Key(),
            "x": X,
            "num_components": Size(2),
            **OPTIONS[name],
            **CLIMB,
            "init": Name("random"),
            "n_init": Size(1),
            **STARTS.get(name, {}),
        },
        differentiable=False,
        on_host=True,
    )
    EXEMPT[name] = "a namespace of two functions"

MIXTURES = {
    "Mixture": density.ExponentialMixture.from_parameters(WEIGHTS, MEANS),
    "Mixture(Bernoullis)": density.BernoulliMixture.from_parameters(WEIGHTS, MEANS),
    "Mixture(Gaussians)": density.GaussianMixture.from_parameters(
        WEIGHTS, MEANS, jnp.ones((2, 3)), "diagonal"
    ),
}
for name, mixture in MIXTURES.items():
    ENTRIES |= members(
        name,
        mixture,
        fit_more=Entry(
            mixture.fit_more, {"x": X, **CLIMB}, differentiable=False, on_host=True
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
        score={"x": X, "sample_weight": WEIGHT},
        marginal={"features": FEATURES},
        conditional=Entry(
            mixture.conditional,
            {"features": FEATURES, "values": Array("2")},
            half=False,
        ),
        bic={"x": X},
        aic={"x": X},
        maximize=Entry(
            mixture.maximize,
            {"statistics": Fixed(mixture.statistics(jnp.full((4, 3), 0.5)))},
        ),
    )
