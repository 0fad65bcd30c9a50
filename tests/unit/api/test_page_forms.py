"""What the templates of pages send: each form that changes something carries the key of its page."""

import re
from pathlib import Path

import webjobs_api

TEMPLATES = Path(webjobs_api.__file__).parent / "templates"
HARMLESS = (
    "{{ root }}/pages/clock",
    "{{ root }}/logout",
    "{{ root }}/login",
    "{{ job.page }}/files",  # an upload, of which a second one with the same files changes nothing
    "{{ action or root ~ '/pages/new' }}",
    "{{ root }}/pages/jobs/actions",  # these four lead to a question
    "{{ root }}/pages/runs/actions",
    "{{ action }}",
)


def test_every_form_that_changes_something_has_the_key_of_its_page() -> None:
    keyed, other = [], set()
    for path in TEMPLATES.rglob("*.html"):
        for form in re.findall(r'<form method="post"[^>]*>|<form [^>]*method="post"[^>]*>', path.read_text()):
            action = re.search(r'action="([^"]*)"', form)
            assert action is not None, form
            if action[1].endswith("?_once={{ once }}"):
                keyed.append(path.name)
            else:
                other.add(action[1])
    assert other == set(HARMLESS)
    assert len(keyed) >= 15
