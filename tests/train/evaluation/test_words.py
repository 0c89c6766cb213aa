"""What `punchin eval` answers to words that cannot be meant: before anything is measured."""

from __future__ import annotations

import pytest
from punchin_train.evaluation.__main__ import main


@pytest.mark.parametrize("words", ["--minutes nan", "--minutes 0", "--minutes inf", "--windows -3", "--windows 0"])
def test_a_run_of_no_length_is_refused(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["inpaint", *words.split()])
    assert left.value.code == 2
    assert words.split()[1] in capsys.readouterr().err
