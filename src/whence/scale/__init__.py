"""Explain more rows than fit one machine."""
