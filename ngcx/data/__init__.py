"""Data: batches as a pure function of a key and a step."""

from ._loader import DataLoader as DataLoader
from ._permutation import random_permutation_index as random_permutation_index
