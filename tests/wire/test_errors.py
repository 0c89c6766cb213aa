"""The error tree: every code is one class, and comes back as that class on the other side."""

import pytest
from punchin_wire import errors


def _walk(cls: type[errors.PunchinError]) -> list[type[errors.PunchinError]]:
    return [cls, *(found for child in cls.__subclasses__() for found in _walk(child))]


def test_codes_are_unique_and_drawn_in_the_docstring() -> None:
    leaves = [cls for cls in _walk(errors.PunchinError) if not cls.__subclasses__()]
    assert len({cls.code for cls in leaves}) == len(leaves)
    for cls in leaves:
        assert cls.__name__ in (errors.__doc__ or "")
        assert cls.default_next_step.endswith(".")


def test_every_exit_code_means_one_thing() -> None:
    assert list(errors.EXITS) == [0, 2, 3, 4, 5, 70, 130]
    for cls in _walk(errors.PunchinError):
        assert errors.EXITS[cls.exit_code] == cls.exit_text


@pytest.mark.parametrize("code", sorted(errors.BY_CODE))
def test_errors_survive_the_wire(code: str) -> None:
    info = errors.ErrorInfo(code, "what is wrong", "what to do")
    error = errors.from_info(info)
    assert error.info() == info
    assert type(error) is errors.BY_CODE[code]


def test_a_code_from_a_newer_peer_is_still_an_error() -> None:
    error = errors.from_info(errors.ErrorInfo("invented_tomorrow", "m", "n"))
    assert str(error) == "m"
    assert error.next_step == "n"
