"""The VAE, its networks, VAEs of other libraries, the judged classifiers, and the training loop."""
