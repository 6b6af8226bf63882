"""A second run is for tests of browsers and processes, and there is only one."""

from tests import reruns


def test_only_tests_of_browsers_and_processes_run_again_and_only_once(request):
    for item in request.session.items:
        runs_again = [mark.kwargs for mark in item.iter_markers("flaky")]
        assert runs_again == [{"reruns": 1}] * reruns.drives_more_than_itself(item), item.nodeid


def test_the_folders_that_may_run_again_exist():
    assert all((reruns.TESTS / folder).is_dir() for folder in reruns.FOLDERS)
