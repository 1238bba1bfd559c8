"""The samples load, and show every setting there is."""

from pathlib import Path

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from sinks.notice.sms.config import SmsConfig
from sinks.oa.webhook.config import WebhookConfig

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("folder", "model"), [("oa/webhook", WebhookConfig), ("notice/sms", SmsConfig)])
def test_sample(folder: str, model: type[BaseModel]) -> None:
    text = (ROOT / "sinks" / folder / "sample.yaml").read_text("utf-8")
    model.model_validate(YAML(typ="safe").load(text))
    shown = text + "\n" + text.replace("_file", "")
    for name in model.model_fields:
        assert f"{name}:" in shown, f"{name} is not in the sample"
