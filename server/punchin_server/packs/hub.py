"""Finds models that are already on this computer in the Hugging Face cache. Never downloads; knows no torch."""

from __future__ import annotations

from pathlib import Path

from punchin_wire.errors import PackMissing


def commit_of(folder: Path) -> str:
    """The commit of the model that :func:`cached_folder` found: the cache names its folders so."""
    return folder.name


def cached_folder(repo_id: str, revision: str | None = None) -> Path:
    """The folder of `repo_id` (for example `facebook/encodec_32khz`) in the hub's cache.

    Raises PackMissing when the model, or that revision of it, was never downloaded.
    """
    # Lazy: huggingface_hub costs a third of a second, and packs that carry their own files never need it.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repo_id, revision=revision, local_files_only=True))
    except HFValidationError as error:
        raise PackMissing(f"{repo_id!r} is neither a folder nor the name of a model.") from error
    except LocalEntryNotFoundError as error:
        raise PackMissing(
            f"The model {repo_id} is not on this computer.",
            f"Download it once with `hf download {repo_id}`; Punchin itself never downloads weights.",
        ) from error
