import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from swarmlab.lab import LabError
from swarmlab.lab.folder import SOCKET_LIMIT, Folder, all_folders, folder, home

LONG = "long" * 20


@pytest.fixture
def unset(monkeypatch):
    for name in ("SWARMLAB_HOME", "XDG_STATE_HOME", "SWARMLAB_LAB"):
        monkeypatch.delenv(name, raising=False)


def test_home_is_where_the_user_says_else_where_the_system_keeps_state(unset, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home() == tmp_path / ".local" / "state" / "swarmlab"
    monkeypatch.setenv("XDG_STATE_HOME", "relative/is/invalid")
    assert home() == tmp_path / ".local" / "state" / "swarmlab"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert home() == tmp_path / "state" / "swarmlab"
    monkeypatch.setenv("SWARMLAB_HOME", str(tmp_path / "mine"))
    assert home() == tmp_path / "mine"


def test_without_any_home_folder_the_message_names_the_way_out(unset, monkeypatch):
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(LabError, match="SWARMLAB_HOME"):
        home()


def test_a_home_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LabError, match=r"Cannot make swarmlab's folder .*SWARMLAB_HOME"):
        Folder(tmp_path / "file" / "home", "a").create(1, 1.0)


def test_the_lab_is_the_one_asked_for_else_the_shells_else_the_default(unset, monkeypatch):
    assert folder().name == "default"
    monkeypatch.setenv("SWARMLAB_LAB", "mine")
    assert folder().name == "mine"
    assert folder("other").name == "other"


@pytest.mark.parametrize("name", ["..", "a/b", "A", "-a", "a" * 32, "a b", "a\n", ".a"])
def test_names_that_are_no_lab_names(name):
    with pytest.raises(LabError, match="cannot be the name of a lab"):
        folder(name)


def test_settings_survive_and_the_first_ones_stay(tmp_path):
    made = Folder(tmp_path, "a").create(5, 2.5)
    assert Folder(tmp_path, "a").create(3, 1.0) == made == Folder(tmp_path, "a").settings()
    assert (made.nodes, made.speed, made.node_names[-1]) == (5, 2.5, "node-5")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"name": "a", "nodes": "x", "speed": 1, "sockets": "/"}'])
def test_a_damaged_settings_file_is_named(tmp_path, content):
    where = Folder(tmp_path, "a")
    where.create(1, 1.0)
    (tmp_path / "a" / "lab.json").write_text(content)
    with pytest.raises(LabError, match=r"lab\.json cannot be read"):
        where.settings()


def test_a_folder_of_something_else_is_neither_taken_nor_deleted(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "thesis.txt").write_text("years of work")
    with pytest.raises(LabError, match="not a lab's folder"):
        Folder(tmp_path, "a").create(1, 1.0)
    with pytest.raises(LabError, match="There is no lab"):
        Folder(tmp_path, "a").purge()
    assert (tmp_path / "a" / "thesis.txt").read_text() == "years of work"


def test_a_link_to_a_lab_is_not_deleted_through(tmp_path):
    Folder(tmp_path, "a").create(1, 1.0)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(LabError, match="nothing was deleted"):
        Folder(tmp_path, "b").purge()
    assert Folder(tmp_path, "a").exists()


def test_purge_deletes_the_lab_its_sockets_and_nothing_else(tmp_path):
    a, b = Folder(tmp_path, "a"), Folder(tmp_path, "b")
    a.create(1, 1.0), b.create(1, 1.0)
    a.purge()
    assert [found.name for found in all_folders_in(tmp_path)] == ["b"]
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_labs_have_different_numbers_and_free_ones_are_used_again(tmp_path):
    made = [Folder(tmp_path, name).create(1, 1.0).number for name in "abc"]
    Folder(tmp_path, "b").purge()
    (tmp_path / "c" / "lab.json").write_text("damaged")
    assert (made, Folder(tmp_path, "d").create(1, 1.0).number) == ([0, 1, 2], 1)


def test_what_an_interrupted_purge_left_goes_with_the_next_start(tmp_path):
    left = tmp_path / ".a.purged-123"
    left.mkdir()
    Folder(tmp_path, "a").create(1, 1.0)
    assert not left.exists()


@pytest.fixture
def short(monkeypatch):
    """A folder whose path is shorter than pytest's."""
    place = Path(tempfile.mkdtemp(prefix="sl", dir="/tmp"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    yield place
    shutil.rmtree(place)


def test_sockets_are_in_the_lab_when_its_path_is_short(short):
    where = Folder(short, "a")
    assert where.open_sockets(where.create(1, 1.0)).sockets == short / "a" / "run"
    assert len(str(where.settings().socket("node-99"))) <= SOCKET_LIMIT


def test_long_paths_put_the_sockets_into_a_short_private_folder(tmp_path, short):
    where = Folder(tmp_path / LONG, "a")
    settings = where.open_sockets(where.create(1, 1.0))
    assert settings.sockets.parent == short
    assert settings.sockets.stat().st_mode & 0o777 == 0o700
    assert where.settings() == settings == where.open_sockets(settings)
    settings.control.touch()
    where.purge()
    assert not settings.sockets.exists()


def test_a_place_for_sockets_that_others_can_reach_is_not_used(tmp_path, short, monkeypatch):
    where = Folder(tmp_path / LONG, "a")
    taken = where.open_sockets(where.create(1, 1.0)).sockets
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / LONG))
    taken.chmod(0o777)
    with pytest.raises(LabError, match="set SWARMLAB_HOME to a shorter path"):
        where.open_sockets(where.settings())
    taken.rmdir()
    taken.symlink_to(tmp_path)
    with pytest.raises(LabError, match="set SWARMLAB_HOME to a shorter path"):
        where.open_sockets(where.settings())


def test_settings_are_written_whole(tmp_path, monkeypatch):
    where = Folder(tmp_path, "a")
    settings = where.create(1, 1.0)

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(LabError, match="No space left"):
        where.write(settings._replace(speed=9.0))
    assert json.loads((where.path / "lab.json").read_bytes())["speed"] == 1.0


def all_folders_in(place: Path) -> list[Folder]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWARMLAB_HOME", str(place))
        return all_folders()
