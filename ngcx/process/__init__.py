"""Process: stepping a model through time, as an ordered chain of named steps."""

from ._process import (
    AbstractProcess as AbstractProcess,
    JointProcess as JointProcess,
    MethodProcess as MethodProcess,
)
