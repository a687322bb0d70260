"""The command line."""

from __future__ import annotations

from sampan.llm.__main__ import main
from tests.llm import reference


def test_the_command_line(models, bytewise, tmp_path, capsys):
    folder = tmp_path / "model"
    reference.model("qwen3", vocab_size=2100).save_pretrained(folder)
    bytewise._tokenizer.save(str(folder / "tokenizer.json"))
    options = ["--dtype", "float32", "--cache-mib", "8", "--tokens", "5"]
    assert main(["generate", str(folder), "Hello", "--temperature", "0", *options]) == 0
    assert capsys.readouterr().out.strip("\n")
    assert main(["bench", str(folder), "--requests", "1", "3", "--prompt", "20", *options]) == 0
    assert capsys.readouterr().out.count("tokens/s") == 4
    assert main(["chat", str(folder), *options]) == 1
    assert "chat template" in capsys.readouterr().err
    assert main(["generate", str(tmp_path / "no"), "x"]) == 1
