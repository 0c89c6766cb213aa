"""Any folder of clips with captions is understood; what cannot be is said together with what to do."""

from pathlib import Path

import numpy as np
import pytest
from punchin_train.adapter.captions import TEMPLATES, find_clips
from punchin_wire.errors import BadSetting, FileMissing


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()


def test_captions_lie_beside_the_clips_one_a_line(tmp_path: Path) -> None:
    """In subfolders, too; empty lines are none, and files of other kinds no clips."""
    touch(tmp_path, "b.wav", "more/a.FLAC", "notes.pdf")
    (tmp_path / "b.txt").write_text("a cello\n\n  a slow cello \n")
    (tmp_path / "more" / "a.txt").write_text("ein Klavier, ganz leise")
    clips = find_clips(tmp_path)
    assert [(clip.path.name, clip.captions) for clip in clips] == [
        ("b.wav", ("a cello", "a slow cello")),
        ("a.FLAC", ("ein Klavier, ganz leise",)),
    ]


def test_every_caption_of_a_clip_is_drawn(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav")
    (tmp_path / "a.txt").write_text("one\ntwo\nthree")
    (clip,) = find_clips(tmp_path)
    random = np.random.default_rng(0)
    assert {clip.choose_caption(random) for _ in range(50)} == {"one", "two", "three"}


def test_a_listing_names_the_clips_with_texts_or_labels(tmp_path: Path) -> None:
    """Its other fields are left alone; files that it does not name are no clips."""
    touch(tmp_path, "unlisted.wav")
    (tmp_path / "metadata.jsonl").write_text(
        '{"file_name": "x/a.wav", "text": "a cello", "bpm": 90}\n'
        '{"file_name": "b.wav", "text": ["a harp", "harp solo"]}\n'
        '{"file_name": "c.wav", "labels": ["Violin, fiddle", " Music "]}\n'
    )
    a, b, c = find_clips(tmp_path)
    assert (a.path, a.captions) == (tmp_path / "x" / "a.wav", ("a cello",))
    assert b.captions == ("a harp", "harp solo")
    assert c.captions == tuple(template.format("Violin, fiddle, Music") for template in TEMPLATES)
    assert len(set(c.captions)) == 15


def test_one_object_may_list_them_all(tmp_path: Path) -> None:
    (tmp_path / "captions.json").write_text('{"a.wav": "a cello", "b.wav": {"labels": ["Harp"]}}')
    a, b = find_clips(tmp_path)
    assert a.captions == ("a cello",)
    assert "a recording of Harp" in b.captions


def test_a_folder_that_cannot_be_used_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="is not a folder"):
        find_clips(tmp_path / "none")
    with pytest.raises(FileMissing, match="holds no audio files") as empty:
        find_clips(tmp_path)
    assert "NAME.txt beside NAME.wav" in empty.value.next_step
    touch(tmp_path, "a.wav", "b.wav", "b.txt", "c.wav", "d.wav", "e.wav")
    with pytest.raises(BadSetting, match=r"Nothing is said of a.wav, b.wav, c.wav and 2 more") as silent:
        find_clips(tmp_path)
    assert "metadata.jsonl" in silent.value.next_step


@pytest.mark.parametrize(
    "listing",
    [
        '{"file_name": "a.wav", "text": 3}',
        '{"text": "nameless"}',
        "[1]",
        '{"file_name": ',
        "\xff",
        '{"file_name": "\xff.wav"}',
        '{"more": ' + 10_000 * "[",
    ],
)
def test_a_listing_that_cannot_be_read_is_an_error(tmp_path: Path, listing: str) -> None:
    (tmp_path / "metadata.jsonl").write_text(listing, "latin-1")
    with pytest.raises(BadSetting, match=r"metadata.jsonl cannot be read"):
        find_clips(tmp_path)
