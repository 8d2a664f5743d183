"""Result objects, tables, protocols and errors; imports numpy and narwhals and nothing else."""
