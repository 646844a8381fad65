"""Data: batches as a pure function of a key and a step."""

from ._lengths import BucketLoader as BucketLoader, PaddedSource as PaddedSource
from ._loader import DataLoader as DataLoader, LoaderState as LoaderState
from ._permutation import random_permutation_index as random_permutation_index
from ._prefetch import prefetch as prefetch
from ._sources import ItemSource as ItemSource
