"""Names become the paper's sentences, sentences stay, and every parameter has the task's value until one is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from punchin_bridge.takes.presets import PRESETS, filled, prompts
from punchin_wire.errors import BadSetting
from punchin_wire.params import Pooling, TaskName, TransferParams


@pytest.mark.parametrize(
    ("task", "to", "source", "prompt", "negative"),
    [
        ("timbre", "violin", "piano", "a recording of a violin solo", "a recording of a piano solo"),
        ("timbre", "acoustic guitar", None, "a recording of an acoustic guitar solo", "Low quality"),
        ("timbre", "harp", "organ", "a recording of a harp solo", "a recording of an organ solo"),
        ("genre", "Jazz", None, "Jazz style music", "Low quality"),
        ("genre", "rock", "jazz", "Rock style music", "Jazz style music"),
        ("accompaniment", "cello", None, "Duet, Played with cello accompaniment", "solo"),
        ("accompaniment", "flute", "piano", "Duet, Played with flute accompaniment", "piano solo"),
    ],
)
def test_the_papers_sentences(task: TaskName, to: str, source: str | None, prompt: str, negative: str) -> None:
    assert prompts(task, to, source) == (prompt, negative)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a violin", "a violin"),
        ("The Piano", "a Piano"),
        ("  electric   guitar ", "an electric guitar"),
        ("ukulele", "a ukulele"),
        ("euphonium", "a euphonium"),
        ("Uilleann pipes", "Uilleann pipes"),
        ("oud", "an oud"),
        ("808 bass", "an 808 bass"),
        ("12-string guitar", "a 12-string guitar"),
        ("drums", "drums"),
        ("double bass", "a double bass"),
        ("chorus", "a chorus"),
        ("琵琶", "a 琵琶"),
    ],
)
def test_a_name_has_its_article(name: str, said: str) -> None:
    assert prompts("timbre", name).prompt == f"a recording of {said} solo"


@pytest.mark.parametrize(
    "text",
    [
        "a recording of a violin solo",
        "violin solo",
        "Jazz style music with brushes",
        "slow brushed drums in a church",
        "bright, wide",
        "what?",
        "{name} {0}",
    ],
)
def test_a_sentence_is_used_as_it_is(text: str) -> None:
    assert prompts("timbre", text, text) == (text, text)


def test_a_sentences_own_words_depend_on_the_task() -> None:
    assert prompts("genre", "Jazz style music").prompt == "Jazz style music"
    assert prompts("genre", "piano solo").prompt == "Piano solo style music"
    assert prompts("accompaniment", "violin accompaniment").prompt == "violin accompaniment"


def test_a_negative_text_of_ones_own() -> None:
    assert prompts("timbre", "violin", negative="  hiss and  hum ").negative == "hiss and hum"
    assert prompts("timbre", "violin", negative="").negative == ""
    with pytest.raises(BadSetting, match="both say"):
        prompts("timbre", "violin", "piano", "hiss")


@pytest.mark.parametrize("empty", ["", "  ", "\n\t"])
def test_texts_that_say_nothing(empty: str) -> None:
    for to, source in ((empty, None), ("violin", empty)):
        with pytest.raises(BadSetting, match="says nothing"):
            prompts("timbre", to, source)


@given(st.text(max_size=60), st.sampled_from(list(PRESETS)))
def test_any_text_is_a_prompt_or_refused(text: str, task: TaskName) -> None:
    if text.split():
        found = prompts(task, text, text)
        assert all(word in found.prompt.lower() for word in text.lower().split()[1:])
        assert found.negative.strip()
    else:
        with pytest.raises(BadSetting):
            prompts(task, text)


# ---- values --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "pooling", "alpha", "guidance", "hold"),
    [("timbre", 2, 0.5, 7.5, None), ("genre", 4, 0.55, 9.5, 0.0), ("accompaniment", 2, 0.5, 7.5, 0.0)],
)
def test_the_papers_settings(
    task: TaskName, pooling: Pooling, alpha: float, guidance: float, hold: float | None
) -> None:
    """How firmly a clip is held is the pack's to say, but only where its notes are to stay."""
    found = filled(TransferParams("x", task))
    assert found == TransferParams("x", task, pooling=(pooling, pooling), alpha=alpha, guidance=guidance, hold=hold)


def test_what_is_turned_stays_turned_to_zero_too() -> None:
    turned = TransferParams("x", "genre", pooling=(8, 1), alpha=0.0, guidance=0.0, hold=0.0, scheduler="ddim", steps=20)
    assert filled(turned) == turned


def test_sdedit_has_strength_and_nothing_of_the_adapter() -> None:
    sdedit = TransferParams("x", "genre", method="sdedit")
    assert filled(sdedit) == TransferParams("x", "genre", method="sdedit", guidance=9.5, strength=0.55)
    for wrong in (
        TransferParams("x", method="sdedit", pooling=(2, 2)),
        TransferParams("x", method="sdedit", alpha=0.5),
        TransferParams("x", method="sdedit", hold=0.5),
        TransferParams("x", strength=0.5),
    ):
        with pytest.raises(BadSetting, match="has no") as refused:
            filled(wrong)
        assert "choose the method" in refused.value.next_step
