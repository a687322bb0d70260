"""Opening a model folder with transformers: safetensors only, no code from the folder, nothing from the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.models.auto import modeling_auto

from sampan.llm.errors import ModelError, UnsupportedError
from sampan.llm.foreign.model import Foreign

_DTYPES = ("auto", "bfloat16", "float16", "float32", "float64")


def load(folder: Path, *, dtype: str = "auto", device: str = "cpu") -> Foreign:
    """The model in `folder`. Raises ModelError, and UnsupportedError for one that transformers does not know either."""
    if dtype not in _DTYPES:
        raise UnsupportedError(f"dtype {dtype!r} is not one of {', '.join(_DTYPES)}")
    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        module, told = _kind(config).from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except ModelError:
        raise
    except Exception as error:  # transformers raises whatever it stumbles over
        raise ModelError(f"transformers cannot open {folder}: {error}") from error
    _check(module, told)
    return Foreign(module.to(device))


def _kind(config: Any) -> Any:
    """The class that opens models of this kind: those that write text, or those that look at images and write text."""
    if type(config) in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING:
        return transformers.AutoModelForCausalLM
    if type(config) in modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        return transformers.AutoModelForImageTextToText
    raise UnsupportedError(f"model_type {config.model_type!r} does not write text")


def _check(module: Any, told: dict[str, Any]) -> None:
    """transformers makes up what is missing, and warns; that will not do here."""
    for kind in ("missing_keys", "mismatched_keys", "error_msgs"):
        if told.get(kind):
            raise ModelError(f"the weights do not fit ({kind}): {sorted(map(str, told[kind]))[0]}")
    for name, parameter in module.named_parameters():
        if parameter.is_floating_point() and not bool(parameter.detach().sum(dtype=torch.float64).isfinite()):
            raise ModelError(f"{name} holds values that are not finite")
