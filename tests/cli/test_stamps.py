"""A step of the start is skipped only while nothing that it depends on has changed."""

from runyardctl.stamps import Stamp


def test_a_stamp_holds_until_a_source_changes_comes_or_goes(tmp_path):
    source, file = tmp_path / "0001.py", tmp_path / "stamp"
    source.write_text("one")
    assert not Stamp(file, [source]).holds()
    Stamp(file, [source]).set()
    assert Stamp(file, [source]).holds()
    (tmp_path / "0002.py").touch()
    assert not Stamp(file, [source, tmp_path / "0002.py"]).holds()
    assert not Stamp(file, []).holds()
    source.write_text("two")
    assert not Stamp(file, [source]).holds()


def test_what_a_step_made_takes_its_stamp_along_when_removed(tmp_path):
    assert not Stamp(tmp_path / "gone" / "stamp", []).holds()
