import pytest

from soundscape_site.embedded.status import Service, State, Status


@pytest.mark.parametrize("services", [set(), {Service.REDIS}, set(Service)])
def test_a_written_status_is_read_back(tmp_path, services):
    status = Status(State.FAILED, "PostgreSQL: “no space”\nleft", frozenset(services))
    status.write(tmp_path / "status")
    assert Status.read(tmp_path / "status") == status


def test_a_new_status_replaces_the_old_one_and_leaves_no_draft(tmp_path):
    for state in State:
        Status(state, "", frozenset()).write(tmp_path / "status")
    assert [path.name for path in tmp_path.iterdir()] == ["status"]


def test_without_a_file_the_status_is_none(tmp_path):
    assert Status.read(tmp_path / "status") is None
