"""The tabs of a workload on a telephone, in a browser: the one that is open is seen."""

from playwright.sync_api import expect

NAMES = ("Overview", "Event history", "Metrics", "Logs", "Pods", "YAML")
SEEN = """(link) => {
  const [one, all] = [link, link.parentElement].map((part) => part.getBoundingClientRect());
  return one.left >= all.left && one.right <= all.right;
}"""


def tabs(current):
    links = "".join(
        f'<a href="#{name}"{" aria-current=page" if name == current else ""}>{name}</a>' for name in NAMES
    )
    return (
        f'<main style="width: 300px"><nav class="tabs" data-behaviour="current-in-view">{links}</nav></main>'
    )


def test_the_tab_that_is_open_is_seen_whichever_it_is(stage):
    for name in NAMES:
        page = stage(tabs(name)).page
        link = page.get_by_role("link", name=name, exact=True)
        expect(link).to_have_attribute("aria-current", "page")
        assert link.evaluate(SEEN), name
