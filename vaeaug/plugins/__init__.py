"""Adapters of the augmenter to other libraries, without sampling logic of their own."""
