"""Reads a checkpoint's data.h5 with h5py: read_checkpoint.py data.h5 FOLDER

Writes each data set's bytes as FOLDER/N.f32, and prints `N path dtype (shape)`, a line a data set.
"""

import sys

import h5py

data_sets = []


def collect(_, thing):
    if isinstance(thing, h5py.Dataset):
        data_sets.append(thing)


with h5py.File(sys.argv[1], "r") as file:
    file.visititems(collect)
    for number, data_set in enumerate(data_sets):
        data_set[()].tofile(f"{sys.argv[2]}/{number}.f32")
        print(number, data_set.name, data_set.dtype.str, "x".join(map(str, data_set.shape)))
