"""Augmenters on the Hugging Face Hub; requires the extra `hub`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

try:
    from huggingface_hub import ModelHubMixin, snapshot_download
except ImportError as error:
    raise ImportError("vaeaug.plugins.hub needs huggingface_hub; install it with pip install 'vaeaug[hub]'") from error

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.augmenter.saving import FILES
from vaeaug.runtime import checks


class HubAugmenter(Augmenter, ModelHubMixin):
    """Creates an augmenter that huggingface_hub can share: `save_pretrained`, `push_to_hub`, `from_pretrained`.

    The folder is that of `save`, so `Augmenter.load` reads it as well, and `from_pretrained` has the arguments of `load`:
    `vae`, `perturb` and `filter`. **It holds the real training samples**, so `push_to_hub` creates a private repository by
    default.

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
        **push_arguments: Any,
    ) -> str | None:
        """Writes the folder of `save`, with its own config and model card, and pushes it to the Hub if `push_to_hub`."""
        # The mixin's own method deletes config.json before anything checks that the folder is an augmenter's.
        self.save(save_directory)
        return self.push_to_hub(repo_id or Path(save_directory).name, **push_arguments) if push_to_hub else None

    def push_to_hub(self, repo_id: str, *, private: bool | None = True, **push_arguments: Any) -> str:
        """Uploads the folder of `save`; an existing repository keeps its visibility.

        A new one is private unless `private` is False: None, the Hub's own default, could make it public.
        """
        return super().push_to_hub(repo_id, private=private is not False, **push_arguments)

    @classmethod
    @checks.renamed(keep="filter")
    def _from_pretrained(cls, *, model_id: str, **arguments: Any) -> Any:
        components = {name: arguments.pop(name) for name in ("vae", "perturb", "filter") if name in arguments}
        is_local = Path(model_id).is_dir()
        folder = model_id if is_local else snapshot_download(model_id, allow_patterns=list(FILES), **arguments)
        return cls.load(folder, **components)
