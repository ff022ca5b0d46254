"""Augmenters on the Hugging Face Hub; needs the extra `hub`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

try:
    from huggingface_hub import ModelHubMixin, snapshot_download
except ImportError as error:
    raise ImportError("vaeaug.plugins.hub needs huggingface_hub; install it with pip install 'vaeaug[hub]'") from error

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.augmenter.saving import FILES


class HubAugmenter(Augmenter, ModelHubMixin):
    """Creates an augmenter that huggingface_hub can share: `save_pretrained`, `push_to_hub`, `from_pretrained`.

    The folder is that of `save`, so `Augmenter.load` reads it, too, and `from_pretrained` takes what `load` takes: `vae`,
    `perturb` and `filter`. **It holds the real training samples**, so `push_to_hub` makes a private repository by default.

    Example:
        >>> augmenter = HubAugmenter().fit("digits", steps=20, progress=False)
        >>> augmenter.push_to_hub("me/digits")  # doctest: +SKIP
        >>> augmenter = HubAugmenter.from_pretrained("me/digits")  # doctest: +SKIP
    """

    def save_pretrained(
        self,
        save_directory: str | Path,
        *,
        config: Any = None,
        model_card_kwargs: Any = None,
        push_to_hub: bool = False,
        repo_id: str | None = None,
        **pushing: Any,
    ) -> str | None:
        """Writes what `save` writes, and pushes it if told so; the folder has its own config and model card."""
        # The mixin's own method deletes config.json before anything looks whose folder it is.
        self.save(save_directory)
        return self.push_to_hub(repo_id or Path(save_directory).name, **pushing) if push_to_hub else None

    def push_to_hub(self, repo_id: str, *, private: bool | None = True, **pushing: Any) -> str:
        """Uploads what `save` writes; a repository that is there already stays as public as it is."""
        return super().push_to_hub(repo_id, private=private, **pushing)

    @classmethod
    def _from_pretrained(cls, *, model_id: str, **given: Any) -> Any:
        parts = {name: given.pop(name) for name in ("vae", "perturb", "filter") if name in given}
        folder = (
            model_id if Path(model_id).is_dir() else snapshot_download(model_id, allow_patterns=list(FILES), **given)
        )
        return cls.load(folder, **parts)
