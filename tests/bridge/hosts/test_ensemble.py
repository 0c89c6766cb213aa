"""A job of a plug-in follows what was played on other tracks of its song. Time is a number, work is a list."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fakes.room import SUBMIT, Room, hello, submit
from punchin_bridge.hosts.ensemble import ARRIVAL_SECONDS, PATIENCE_SECONDS, STEM, followed_as
from punchin_bridge.hosts.jobs import JobRecord
from punchin_bridge.hosts.protocol import (
    Bye,
    Cancel,
    Command,
    Hello,
    MidiNote,
    Part,
    PedalMove,
    Project,
    Rendered,
    Stem,
    Submit,
)

NOTES = (MidiNote(0.0, 4.0, 60), MidiNote(0.0, 4.0, 64))
PEDALS = (PedalMove(0.0, 127),)


def plugin(name: str, project: str = "song", process: str = "p", **more: Any) -> Hello:
    host = f"plugin-{name.replace(' ', '')}"
    return hello(host, project, can=(STEM,), part=Part(f"track-{name}", name, process=process, **more))


def asking(*follow: str, **more: Any) -> Submit:
    made: Submit = submit(host="plugin-Keys", follow=follow, **more)
    return made


@pytest.fixture
def room() -> Room:
    """A bridge that has run for a while, and the plug-in that asks."""
    found = Room()
    found.tell()
    found.now += ARRIVAL_SECONDS
    found.say(plugin("Keys"))
    return found


def asked(room: Room, host: str) -> Command:
    [command] = room.told[host].asks
    assert command.action == STEM
    return command


def started(room: Room) -> Submit:
    [name] = room.elsewhere.started
    record = room.elsewhere.record[-1]
    assert (record.submit.job, record.submit.follow) == (name, ())
    return record.submit


def test_drums_and_chords_come_before_the_work_begins(room: Room) -> None:
    room.say(plugin("Drums"), plugin("Chords", hears="notes"))
    room.say(asking("chord", "drums", "piano"))
    assert room.phases("plugin-Keys") == ["preparing"]
    assert room.elsewhere.started == []
    drums, chords = asked(room, "plugin-Drums"), asked(room, "plugin-Chords")
    assert (drums.start, drums.end, drums.unit) == (-30.0, 31.0, "seconds")
    room.say(Stem("plugin-Drums", drums.ask, Rendered("/hosts/plugin-Drums/audio/a.wav", -480)))
    assert room.elsewhere.started == []
    room.say(Stem("plugin-Chords", chords.ask, notes=NOTES, pedals=PEDALS))
    found = started(room)
    assert found.drums is not None
    assert (found.drums.name, found.drums.audio) == ("Drums", Rendered("/jobs/job-1/drums.wav", -480))
    assert (found.chords, found.chord_pedals, found.notes) == (NOTES, PEDALS, ())
    assert room.told["plugin-Drums"].asks == room.told["plugin-Chords"].asks == ()


def test_a_job_that_follows_nobody_is_not_held_back(room: Room) -> None:
    room.say(plugin("Drums"))
    room.say(asking())
    assert room.elsewhere.started == ["job-1"]
    assert room.told["plugin-Drums"].asks == ()


def test_where_nobody_plays_that_the_work_begins_at_once(room: Room) -> None:
    room.say(plugin("Bass"))
    room.say(asking("chord", "drums"))
    assert started(room).drums is None


def test_a_new_bridge_waits_for_those_that_will_say_hello() -> None:
    room = Room()
    room.tell()
    room.say(plugin("Keys"))
    room.say(asking("drums"))
    assert room.elsewhere.started == []
    room.now += 1.0
    room.say(plugin("Drums"))
    asked(room, "plugin-Drums")
    late = Room()
    late.tell()
    late.say(plugin("Keys"))
    late.say(asking("drums"))
    late.now += ARRIVAL_SECONDS
    late.tell()
    assert started(late).drums is None


def test_a_silent_plug_in_is_not_waited_for_forever(room: Room) -> None:
    room.say(plugin("Drums"))
    room.say(asking("drums"))
    ask = asked(room, "plugin-Drums").ask
    room.now += PATIENCE_SECONDS
    room.tell()
    assert started(room).notes == ("Drums has not answered, so takes do not follow it.",)
    assert room.told["plugin-Drums"].asks == ()
    room.say(Stem("plugin-Drums", ask, Rendered("/hosts/plugin-Drums/audio/a.wav", 0)))
    assert room.elsewhere.started == ["job-1"]


def test_a_plug_in_that_leaves_is_not_waited_for(room: Room) -> None:
    room.say(plugin("Drums"))
    room.say(asking("drums"))
    room.say(Bye("plugin-Drums"))
    assert started(room).notes == ("Drums has not answered, so takes do not follow it.",)


def test_what_was_not_played_is_said_with_the_takes(room: Room) -> None:
    room.say(plugin("Drums"))
    room.say(asking("drums"))
    room.say(Stem("plugin-Drums", asked(room, "plugin-Drums").ask, error="Drums has not played there yet."))
    assert started(room).notes == ("Drums has not played there yet. Takes do not follow Drums.",)


def test_a_file_of_another_is_not_taken(room: Room) -> None:
    room.say(plugin("Drums"))
    room.say(asking("drums"))
    room.say(Stem("plugin-Drums", asked(room, "plugin-Drums").ask, Rendered("/etc/passwd", 0)))
    found = started(room)
    assert found.drums is None
    assert found.notes == ("That is another's. Takes do not follow Drums.",)


def test_nobody_answers_for_another(room: Room) -> None:
    room.say(plugin("Drums"), plugin("Bass"))
    room.say(asking("drums"))
    room.say(Stem("plugin-Bass", asked(room, "plugin-Drums").ask, Rendered("/hosts/plugin-Bass/audio/a.wav", 0)))
    assert room.elsewhere.started == []


def test_a_job_that_is_cancelled_while_it_is_held_back_ends_at_once(room: Room) -> None:
    room.say(plugin("Drums"))
    room.say(asking("drums"))
    room.say(Cancel("plugin-Keys", "job-1"))
    assert room.phases("plugin-Keys") == ["cancelled"]
    room.now += PATIENCE_SECONDS
    room.tell()
    assert room.elsewhere.started == []


def test_the_next_bridge_asks_once_more_what_was_not_answered() -> None:
    room = Room()
    room.sessions.resume(JobRecord(asking("drums"), 0.0, 1), room.now)
    room.say(plugin("Keys"), plugin("Drums"))
    room.say(Stem("plugin-Drums", asked(room, "plugin-Drums").ask, Rendered("/hosts/plugin-Drums/audio/a.wav", 0)))
    assert started(room).drums is not None


# ---- who belongs together ------------------------------------------------------------------------------------


def test_songs_are_told_apart_and_the_saved_one_counts_before_the_process(room: Room) -> None:
    room.say(
        plugin("Drums", "another song", "another"),
        plugin("Drum kit", "just added", "p"),
        plugin("Beats", "song", "another"),
    )
    room.say(asking("drums"))
    assert {host: len(state.asks) for host, state in room.told.items()} == {
        "plugin-Keys": 0,
        "plugin-Drums": 0,
        "plugin-Drumkit": 0,
        "plugin-Beats": 1,
    }


def test_plug_ins_of_one_process_belong_together_before_the_project_is_saved(room: Room) -> None:
    room.say(plugin("Drums", "another song", "another"), plugin("Drum kit", "just added", "p"))
    room.say(asking("drums"))
    asked(room, "plugin-Drumkit")


def test_a_song_of_the_same_name_is_the_same_where_each_plug_in_has_a_process_of_its_own(room: Room) -> None:
    def alone(name: str, song: str) -> Hello:
        part = Part(f"track-{name}", name, process=name)
        return msgspec.structs.replace(hello(f"plugin-{name}", can=(STEM,), part=part), project=Project(name, song))

    room.say(alone("Drums", "Another"), alone("Beats", "My song"))
    room.say(asking("drums", project=Project("Keys", "My song")))
    assert (len(room.told["plugin-Drums"].asks), len(room.told["plugin-Beats"].asks)) == (0, 1)


def test_a_track_does_not_follow_itself(room: Room) -> None:
    """Nor its own double: a track that was duplicated has the same id."""
    double = Part(SUBMIT.target.id, "Drums copy", process="p")
    room.say(hello("plugin-double", can=(STEM,), part=double))
    room.say(asking("drums"))
    assert room.elsewhere.started == ["job-1"]


@pytest.mark.parametrize(
    ("name", "is_followed"),
    [("Drums", True), ("02 DRUM-BUS", True), ("Drumming up", False), ("Piano", False), ("Chords", False), ("", False)],
)
def test_a_track_is_followed_as_drums_by_its_name(name: str, is_followed: bool) -> None:
    assert followed_as(Part("t", name)) == (("drums",) if is_followed else ())


# ---- a piano part --------------------------------------------------------------------------------------------


def test_notes_are_chords_a_piano_part_or_both_as_the_musician_says(room: Room) -> None:
    """Whatever the track is called."""
    room.say(plugin("Drums", hears="notes", feeds=("piano",)), plugin("Piano", hears="notes"))
    room.say(asking("chord", "drums", "piano"))
    room.say(Stem("plugin-Drums", asked(room, "plugin-Drums").ask, notes=NOTES, pedals=PEDALS))
    room.say(Stem("plugin-Piano", asked(room, "plugin-Piano").ask, notes=NOTES[:1]))
    found = started(room)
    assert (found.piano, found.piano_pedals, found.chords, found.drums) == (NOTES, PEDALS, NOTES[:1], None)


def test_one_plug_in_gives_chords_and_the_piano_part(room: Room) -> None:
    room.say(plugin("Keyboard", hears="notes", feeds=("chord", "piano")))
    room.say(asking("chord", "drums", "piano"))
    commands = room.told["plugin-Keyboard"].asks
    assert len(commands) == 2
    for command in commands:
        room.say(Stem("plugin-Keyboard", command.ask, notes=NOTES))
    found = started(room)
    assert found.piano == found.chords == NOTES


def test_a_piano_that_rests_there_is_said_and_not_followed(room: Room) -> None:
    """The region is two quarters long."""
    room.say(plugin("Grand", hears="notes", feeds=("piano",)))
    room.say(asking("piano"))
    room.say(Stem("plugin-Grand", asked(room, "plugin-Grand").ask, notes=(MidiNote(2.0, 4.0, 60),)))
    found = started(room)
    assert (found.piano, found.notes) == (
        (),
        ("Grand plays no key there, so takes do not follow it as a piano part.",),
    )


# ---- what their song is called -------------------------------------------------------------------------------


def test_the_name_of_the_song_is_written_once(room: Room) -> None:
    """Of the same song alone, and one's own name counts."""

    def called(name: str, song: str, project: str = "song") -> Hello:
        return msgspec.structs.replace(plugin(name), project=Project(project, song))

    room.say(called("Drums", "My song"), called("Bass", "Mine"), called("Flute", "", "another"))
    room.tell()
    assert {host: state.song for host, state in room.told.items()} == {
        "plugin-Keys": "My song",
        "plugin-Drums": "",
        "plugin-Bass": "",
        "plugin-Flute": "",
    }


# ---- whose takes they are ------------------------------------------------------------------------------------


def test_the_plug_in_on_the_same_track_gets_the_takes_when_the_project_is_opened_again(room: Room) -> None:
    room.say(submit(host="plugin-Keys"))
    room.ready()
    room.say(plugin("Bass"))
    room.say(Bye("plugin-Keys"))
    assert room.phases("plugin-Bass") == []
    room.say(hello("plugin-later", part=Part(SUBMIT.target.id, "Keys", process="later")))
    assert room.phases("plugin-later") == ["ready"]
    assert room.phases("plugin-Bass") == []
