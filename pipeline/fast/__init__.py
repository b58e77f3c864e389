"""`lenet5-fast`: the digit's network with its pooling folded into its convolutions.

What folds is in `fold`; the stages are the digit's, and what its release and its card say is here.
"""
