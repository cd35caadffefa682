"""A second opinion on title, content and category, by a language model in the city's own house.

Off unless ``HOTLINE_SECOND_OPINION_URL`` names an OpenAI-compatible endpoint. Words are sent without numbers,
plates, names and flats; a confidential call is not sent at all. What comes back is checked against the
catalogue, marked as the model's, and stands beside the draft: it never changes a field. Late or broken
answers are no answers.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import httpx
import structlog
import yaml

from config.catalogue import CityData
from ticketing_bridge.drafting.model import Draft, DraftInput
from ticketing_bridge.drafting.privacy import without_identity

log = structlog.get_logger(__name__)

#: an opinion of a model that cannot show where it read something
CONFIDENCE: Final = 0.5
_LONGEST: Final = {"title": 25, "content": 400}
#: bytes of an answer
_MOST: Final = 65536


@cache
def _texts() -> dict[str, Any]:
    text = (files("ticketing_bridge") / "second_opinion.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


class SecondOpinion:
    """Asks one endpoint. ``timeout_s`` is for the whole exchange, in seconds."""

    def __init__(self, url: str, model: str, timeout_s: float, key: str | None = None) -> None:
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._model = model
        self._timeout_s = timeout_s
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    async def ask(self, call: DraftInput, draft: Draft, data: CityData) -> dict[str, Any]:
        """Opinions by field, as drafts keep fields; empty when there is none."""
        if draft.confidential.value or not any(True for _ in call.citizen()):
            return {}
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._exchange(call, data)
        except (TimeoutError, httpx.HTTPError, ValueError, KeyError, IndexError, TypeError) as problem:
            log.warning("no second opinion", call=call.id, problem=type(problem).__name__)
            return {}
        return _checked(answer, data)

    async def _exchange(self, call: DraftInput, data: CityData) -> Mapping[str, Any]:
        body = {
            "model": self._model,
            "temperature": 0,
            "response_format": {"type": "json_object"},
            "messages": [
                {"role": "system", "content": _texts()["system"]},
                {"role": "user", "content": _question(call, data)},
            ],
        }
        async with (
            httpx.AsyncClient(timeout=self._timeout_s, headers=self._headers, trust_env=False) as client,
            client.stream("POST", self._url, json=body) as response,
        ):
            response.raise_for_status()
            received = bytearray()
            async for piece in response.aiter_bytes():
                received += piece
                if len(received) > _MOST:
                    raise ValueError("the answer is too long")
        said = json.loads(received)["choices"][0]["message"]["content"]
        found = re.search(r"\{.*\}", said, re.DOTALL)
        answer = json.loads(found[0] if found else said)
        if not isinstance(answer, dict):
            raise TypeError("the answer is no object")
        return answer


def _question(call: DraftInput, data: CityData) -> str:
    texts = _texts()
    talk = "\n".join(f"{texts['speakers'][it.speaker]}：{without_identity(it.text)}" for it in call.turns)
    choices = _choices(data)
    return str(
        texts["user"].format(
            purposes="、".join(choices["purpose"]),
            appeals="、".join(choices["appeal"]),
            matters="、".join(choices["matter"]),
            talk=talk,
        )
    )


def _choices(data: CityData) -> dict[str, tuple[str, ...]]:
    return {
        "purpose": tuple(_texts()["purposes"]),
        "appeal": tuple(dict.fromkeys(it.appeal for it in data.matters)),
        "matter": tuple(it.title for it in data.matters),
    }


def _checked(answer: Mapping[str, Any], data: CityData) -> dict[str, Any]:
    """Only choices that were offered, and texts that are texts, without numbers that nobody gave."""
    opinions = {name: answer[name] for name, offered in _choices(data).items() if answer.get(name) in offered}
    for name, longest in _LONGEST.items():
        text = answer.get(name)
        if isinstance(text, str) and 4 <= len(text.strip()) <= longest and not re.search(r"\d{7,}", text):
            opinions[name] = text.strip()
    return {
        name: {
            "value": value,
            "confidence": CONFIDENCE,
            "reason": _texts()["reason"],
            "spans": [],
            "candidates": [],
        }
        for name, value in opinions.items()
    }
