"""Responses that are kept: gone on from, read again, taken away; and by nobody else."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from sampan.kernel.asking import Finish, Piece, Say
from tests.inference.scripted import said
from tests.open.test_openai_chat import THOUGHT_AND_CALLED, asked, script, sdk
from tests.open.test_openai_responses import TIME, WEATHER, events, respond, strict
from tests.open.world import OTHERS_KEY, House

PNG = "data:image/png;base64,AA=="


def test_a_response_is_read_again(house: House) -> None:
    script(house, [*THOUGHT_AND_CALLED])
    made = respond(house, instructions="Be brief.", tools=[WEATHER, TIME], metadata={"a": "b"}, temperature=0.5)
    got = house.run(sdk(house).responses.retrieve(made.id))
    strict(got)
    assert got.model_dump() == made.model_dump()


def test_a_streamed_response_is_read_again(house: House) -> None:
    made = events(house)[-1].response
    assert house.run(sdk(house).responses.retrieve(made.id)).model_dump() == made.model_dump()
    script(house, [*said("Hel")[:1], Piece(0, Say.END, finish=Finish.LENGTH)])
    cut = events(house)[-1].response
    assert cut.status == "incomplete"
    assert house.run(sdk(house).responses.retrieve(cut.id)).model_dump() == cut.model_dump()


def test_a_conversation_goes_on(house: House) -> None:
    first = respond(house, input="One", instructions="Be kind.")
    second = respond(house, input="Two", previous_response_id=first.id, instructions="Be brief.")
    assert second.previous_response_id == first.id
    assert [message.text for message in asked(house).messages] == ["Be brief.", "One", "Hello, world", "Two"]
    respond(house, input="Three", previous_response_id=second.id)
    assert [message.text for message in asked(house).messages] == [
        "One", "Hello, world", "Two", "Hello, world", "Three",
    ]  # fmt: skip


def test_a_tool_is_answered(house: House) -> None:
    script(house, THOUGHT_AND_CALLED[3:])
    first = respond(house, tools=[WEATHER, TIME])
    script(house, said("Rain."))
    outputs: list[Any] = [{"type": "function_call_output", "call_id": "call_a", "output": "rain"}]
    second = respond(house, input=outputs, previous_response_id=first.id, tools=[WEATHER, TIME])
    _, assistant, tool = asked(house).messages
    assert [call.id for call in assistant.calls] == ["call_a", "call_b"]
    assert (tool.call_id, tool.text) == ("call_a", "rain")
    assert second.output_text == "Rain."


def test_what_was_sent(house: House) -> None:
    made = respond(
        house,
        instructions="Be brief.",
        input=[
            {"role": "user", "content": [{"type": "input_image", "detail": "auto", "image_url": PNG}]},
            {"role": "assistant", "content": "Hm."},
            {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "rain"},
            {"role": "user", "content": "So?"},
        ],
    )  # fmt: skip

    def rows(**more: Any) -> list[Any]:
        async def read() -> list[Any]:
            page = await sdk(house).responses.input_items.list(made.id, **more)
            return [item async for item in page]

        return house.run(read())

    got = rows(order="asc")
    assert [item.type for item in got] == ["message", "message", "function_call", "function_call_output", "message"]
    assert got[0].content[0].image_url == PNG
    assert (got[4].role, got[4].content[0].text) == ("user", "So?")
    assert rows() == got[::-1]
    assert rows(limit=2) == got[::-1]  # page by page
    assert rows(order="asc", after=got[2].id) == got[3:]
    with pytest.raises(openai.BadRequestError):
        rows(after="msg_none")
    for limit in (0, 101, "x"):
        assert house.send("GET", f"/v1/responses/{made.id}/input_items?limit={limit}").status == 400


def test_a_response_is_taken_away(house: House) -> None:
    made = respond(house)
    house.run(sdk(house).responses.delete(made.id))
    for call in (sdk(house).responses.retrieve, sdk(house).responses.delete):
        with pytest.raises(openai.NotFoundError):
            house.run(call(made.id))
    with pytest.raises(openai.NotFoundError):
        respond(house, previous_response_id=made.id)


def test_what_is_not_to_be_kept_is_not(house: House) -> None:
    made = respond(house, store=False)
    assert made.model_dump()["store"] is False
    with pytest.raises(openai.NotFoundError):
        house.run(sdk(house).responses.retrieve(made.id))


def test_nobody_else_reads_it(house: House) -> None:
    made, other = respond(house), sdk(house, OTHERS_KEY)
    for call in (other.responses.retrieve, other.responses.delete):
        with pytest.raises(openai.NotFoundError):
            house.run(call(made.id))
    assert house.send("GET", f"/v1/responses/{made.id}/input_items", key=OTHERS_KEY).status == 404
    with pytest.raises(openai.NotFoundError):
        house.run(other.responses.create(model="qwen", input="x", previous_response_id=made.id))
    assert house.run(sdk(house).responses.retrieve(made.id)).id == made.id


def test_what_is_not_in_the_background_is_not_streamed_again(house: House) -> None:
    made = respond(house)
    assert house.send("GET", f"/v1/responses/{made.id}?stream=true").status == 400
