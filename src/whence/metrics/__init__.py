"""Measurements of explanations and of models; one table for all of them."""
