"""One file per explanation method; none imports another."""
