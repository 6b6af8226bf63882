"""What the doctor says of a cluster that cannot be reached, or is none: one problem, and what to do."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from runyard.doctor import examining, visit
from runyard.doctor.examining import examine
from runyard.doctor.findings import Grade
from tests.embedded import free_port


def only_problem(diagnosis):
    """The words of the one finding, which has to be a problem with something to do."""
    (finding,) = diagnosis.findings
    assert finding.grade is Grade.PROBLEM
    assert finding.advice.endswith((".", "clock.", "contexts."))
    assert not diagnosis.ok
    return finding.says


def about(diagnosis, what):
    return next(finding for finding in diagnosis.findings if finding.about == what)


def test_a_kubeconfig_that_is_not_there(tmp_path):
    assert f"no kubeconfig at {tmp_path}/nowhere" in only_problem(examine(f"{tmp_path}/nowhere"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be used: it names no clusters"),
        (b"just text", "cannot be used: it names no clusters"),
        (b"<html><title>Sign in</title></html>", "cannot be used: it names no clusters"),
        (b"apiVersion: v1\nkind: Pod\n", "cannot be used: it names no clusters"),
        (b"clusters:\n- [1\nb: 2", "it is no YAML: expected ',' or ']', but got ':' in line 3"),
        (b"clusters:\n\t- a", "it is no YAML: found character '\\t' that cannot start any token in line 2"),
        (b"\x00\x01", "it is no text"),
        (b"\x7fELF\xff", "it is no text"),
        (b"clusters: []\ncontexts: []\n", "Expected key current-context"),
    ],
)
def test_a_file_that_is_no_kubeconfig(tmp_path, content, words):
    (tmp_path / "file").write_bytes(content)
    assert words in only_problem(examine(f"{tmp_path}/file"))


def test_a_context_that_the_kubeconfig_does_not_have(api, kubeconfig):
    assert "elsewhere" in only_problem(examine(kubeconfig(api.url), "elsewhere"))


def test_nothing_listens(kubeconfig):
    url = f"http://127.0.0.1:{free_port()}"
    assert only_problem(examine(kubeconfig(url))) == f"Nothing listens at {url}."


def test_what_may_be_a_token_in_the_address_is_not_repeated(kubeconfig):
    port, token = free_port(), "secret" * 6
    says = only_problem(examine(kubeconfig(f"http://me:secret@127.0.0.1:{port}/token/{token}")))
    assert says == f"Nothing listens at http://127.0.0.1:{port}/token/…."


def test_a_host_that_nobody_knows(kubeconfig):
    url = "https://cluster.invalid:6443"
    assert only_problem(examine(kubeconfig(url))) == f"Nobody knows the host of {url}."


def test_a_token_that_is_refused(api, diagnosis):
    api.paths["/version"] = 401
    assert "does not know us (401)" in only_problem(diagnosis())


def test_one_who_may_not_even_ask_for_the_version(api, diagnosis):
    api.paths["/version"] = 403
    assert "(403)" in only_problem(diagnosis())


def test_a_wrong_path(api, kubeconfig):
    url = f"{api.url}/clusters/7"
    assert only_problem(examine(kubeconfig(url))) == f"There is no Kubernetes API at {url} (404)."


def test_a_web_page(api, diagnosis):
    api.paths["/version"] = b"<!doctype html><title>Sign in</title>"
    assert only_problem(diagnosis()) == f"What answers at {api.url} is no Kubernetes API: it is a web page."


def test_something_else_that_speaks_json(api, diagnosis):
    api.paths["/version"] = {"version": "0.3"}
    assert "is no Kubernetes API: Object missing required field `gitVersion`" in only_problem(diagnosis())


def test_a_redirection_is_told_and_not_followed(api, diagnosis):
    def elsewhere(handler):
        handler.send_response(302)
        handler.send_header("Location", "https://login.example.com/")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    api.paths["/version"] = elsewhere
    assert "sends us elsewhere, to https://login.example.com/." in only_problem(diagnosis())


def test_no_answer(api, diagnosis, monkeypatch):
    monkeypatch.setattr("runyard.doctor.reaching.ANSWER_SECONDS", 0.2)
    api.paths["/version"] = lambda handler: time.sleep(3)
    assert "does not answer in time" in only_problem(diagnosis())


def test_an_answer_that_drips_does_not_hold_the_doctor(api, diagnosis, monkeypatch):
    monkeypatch.setattr(examining, "CHECK_SECONDS", 1.0)

    def drips(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "200")
        handler.end_headers()
        for _ in range(40):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.1)

    api.paths["/version"] = drips
    assert "No end within 1 seconds" in only_problem(diagnosis())


def test_plain_http_where_tls_is_spoken(api, kubeconfig):
    assert "speaks no TLS" in only_problem(examine(kubeconfig(api.url.replace("http:", "https:"))))


def test_a_certificate_of_the_cluster_s_own_authority_is_right(api, kubeconfig, certificate):
    authority, *files = certificate()
    api.speak_tls(*files)
    found = about(examine(kubeconfig(api.url, **{"certificate-authority": authority})), "API server")
    assert (found.grade, found.says) == (Grade.OK, f"{api.url} answers, and its certificate is right.")


def test_a_certificate_that_nobody_checks(api, kubeconfig, certificate):
    _, *files = certificate()
    api.speak_tls(*files)
    found = about(examine(kubeconfig(api.url, **{"insecure-skip-tls-verify": True})), "API server")
    assert (found.grade, "certificate-authority-data" in found.advice) == (Grade.WARNING, True)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"days": -1}, "has expired"),
        ({"host": "127.0.0.9"}, "is for another name"),
        ({"begins": datetime.now(UTC) + timedelta(hours=5)}, "is not valid yet"),
    ],
)
def test_a_certificate_that_is_wrong(api, kubeconfig, certificate, made, words):
    authority, *files = certificate(**made)
    api.speak_tls(*files)
    said = only_problem(examine(kubeconfig(api.url, **{"certificate-authority": authority})))
    assert said == f"The certificate of {api.url} {words}."


def test_a_certificate_of_an_unknown_authority(api, kubeconfig, certificate):
    _, *files = certificate()
    api.speak_tls(*files)
    said = only_problem(examine(kubeconfig(api.url)))
    assert "signed by an authority that is not known here" in said


@pytest.mark.parametrize(
    ("told", "grade", "words"),
    [
        ("v1.27.9", Grade.PROBLEM, "too old"),
        ("v1.28.0", Grade.OK, "v1.28.0"),
        ("v1.33.4-gke.1", Grade.OK, "v1.33.4-gke.1"),
        ("v1.99.0", Grade.WARNING, "nobody tried it"),
        ("main", Grade.WARNING, "main"),
    ],
)
def test_the_version(api, diagnosis, told, grade, words):
    api.paths["/version"] = {"gitVersion": told}
    found = about(diagnosis(), "version")
    assert found.grade is grade
    assert words in found.says


@pytest.mark.parametrize(("seconds", "words"), [(300, "ahead of"), (-300, "behind")])
def test_a_clock_that_is_wrong(api, diagnosis, seconds, words):
    api.date = f"{datetime.now(UTC) + timedelta(seconds=seconds):%a, %d %b %Y %H:%M:%S} GMT"
    found = about(diagnosis(), "clock")
    assert (found.grade, words in found.says) == (Grade.WARNING, True)


def test_clocks_that_agree_or_are_not_told(api, diagnosis):
    assert about(diagnosis(), "clock").grade is Grade.OK
    api.date = "today"
    assert [one for one in diagnosis().findings if one.about == "clock"] == []


def test_long_lists_are_cut():
    assert visit.listed("abc", 2) == "a, b and 1 more"
