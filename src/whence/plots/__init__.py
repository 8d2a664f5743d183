"""Pictures of explanations: each takes `ax`, returns Axes, and never shows."""
