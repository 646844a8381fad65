import functools

import jax.numpy as jnp
import ngclearn
import numpy as np

from ngcx import process

from ._entries import differs, equal, f32, ref


theirs = ref.JaxProcessesMixin
DRIVE = f32(np.random.default_rng(0).normal(size=(20, 3)))
START = {"v": jnp.zeros(3), "trace": jnp.zeros(3)}


class Leaky(ngclearn.Component):
    def __init__(self, name):
        super().__init__(name)
        self.v = ngclearn.Compartment(jnp.zeros(3))
        self.trace = ngclearn.Compartment(jnp.zeros(3))

    @ngclearn.compilable
    def integrate(self, x):
        self.v.set(0.9 * self.v.get() + x)

    @ngclearn.compilable
    def remember(self):
        self.trace.set(0.5 * self.trace.get() + self.v.get())

    @ngclearn.compilable
    def idle(self, x):
        pass


def integrate(state, x):
    return state | {"v": 0.9 * state["v"] + x}


def remember(state):
    return state | {"trace": 0.5 * state["trace"] + state["v"]}


@functools.cache
def their_processes():
    """The steps in one process and in two that are joined, and one without steps."""
    with ngclearn.Context("parity"):
        leaky = Leaky("leaky")
        steps = theirs.JaxMethodProcess("steps") >> leaky.integrate >> leaky.remember
        first = theirs.JaxMethodProcess("first") >> leaky.integrate
        second = theirs.JaxMethodProcess("second") >> leaky.remember
        idle = theirs.JaxMethodProcess("idle") >> leaky.idle
        joint = theirs.JaxJointProcess("joint") >> first >> second
        steps.watch(leaky.trace)
        joint.watch(leaky.trace)
    return steps, joint, idle


OURS = (
    process.MethodProcess("steps", integrate, remember),
    process.JointProcess(
        "joint",
        process.MethodProcess("first", integrate),
        process.MethodProcess("second", remember),
    ),
)
for i in (0, 1):
    equal(
        lambda x, i=i: their_processes()[i].scan(x[:, None])[1][0],
        lambda x, i=i: OURS[i].scan(START, {"x": x}, watch=lambda s: s["trace"])[1],
        DRIVE,
    )


def remembered_by_theirs():
    steps, *_ = their_processes()
    steps.scan(DRIVE[:, None])
    return "remembers" if steps.previous_state is not None else "pure"


def remembered_by_ours():
    before = vars(OURS[0]).copy()
    OURS[0].scan(START, {"x": DRIVE})
    return "remembers" if vars(OURS[0]) != before else "pure"


differs(
    "a process after `scan`",
    remembered_by_theirs,
    remembered_by_ours,
    "pure",
)
IDLE = process.MethodProcess("idle", ("idle", lambda state, x: state))
differs(
    "`scan(x, current_state={})` of a process",
    lambda: len(their_processes()[2].scan(DRIVE[:, None], {})[0]),
    lambda: len(IDLE.scan({}, {"x": DRIVE})[0]),
    0,
)
