"""What does the tab of a page say?"""

import pytest
from webjobs_api.pages.tab_state import TabIcon, TabState


@pytest.mark.parametrize(
    ("attention", "running", "icon"),
    [
        (0, 0, TabIcon.WELL),
        (0, 2, TabIcon.RUNNING),
        (1, 0, TabIcon.ATTENTION),
        (3, 2, TabIcon.ATTENTION),
    ],
)
def test_the_icon_says_what_is_most_urgent(attention: int, running: int, icon: TabIcon) -> None:
    assert TabState(attention=attention, running=running).icon is icon
