"""Networks of torch: what their gradients, activations and attention say about a prediction.

The only folder that imports torch, and it does so when a network is explained, not before:

=================  =================================================================
`network`          the view of a module: how rows become tensors, answers outputs
`target`           which output is explained
``engine``         passes through a module that leave nothing behind
``methods``        one file per method, independent of each other
=================  =================================================================
"""
