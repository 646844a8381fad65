"""Data: batches as a pure function of a key and a step."""

from ._loader import DataLoader as DataLoader
