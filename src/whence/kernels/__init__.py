"""Loops over arrays: arrays in, arrays out, no objects of ours; the fast ones are C++."""
