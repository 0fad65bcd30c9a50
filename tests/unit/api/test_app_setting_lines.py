"""What the page of app settings says of each."""

from webjobs_api.pages.settings import EFFECTS, setting_lines
from webjobs_rules.app_settings import UNDERSTOOD


def test_every_setting_that_webjobs_obeys_has_its_effect_in_words() -> None:
    assert EFFECTS.keys() == UNDERSTOOD


def test_lines_name_the_source_and_leave_out_credentials() -> None:
    lines = setting_lines({"B", "WEBJOBS_PASSWORD"}, {"WEBJOBS_STOPPED", "WEBSITE_TIME_ZONE"})
    assert [(line.name, line.is_stored) for line in lines] == [
        ("B", True),
        ("WEBJOBS_STOPPED", False),
        ("WEBSITE_TIME_ZONE", False),
    ]
