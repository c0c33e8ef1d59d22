"""Small random models and the hidden states that transformers gives for them,
and token ids and losses for the stories260K folder.

Made with Python 3.11, torch 2.9.0 (CPU), transformers 4.57.1:

    python generate.py PATH_TO_stories260K
"""

import json
import pathlib
import random
import sys

import torch
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel
from transformers import LlamaConfig, LlamaForCausalLM

here = pathlib.Path(__file__).parent
stories = pathlib.Path(sys.argv[1])


def small(name, model, vocabulary):
    # Larger than the usual initialisation, so that every part of a block matters.
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.eval().save_pretrained(here / name, safe_serialization=True)
    (here / name / "generation_config.json").unlink(missing_ok=True)
    ids = torch.randint(0, vocabulary, (2, 7))
    with torch.no_grad():
        hidden = model(ids, output_hidden_states=True).hidden_states[-1]
    return {"ids": ids.tolist(), "hidden": hidden.flatten().tolist()}


def encode(text):
    """SentencePiece BPE: merge the adjacent pair with the best score, leftmost first."""
    pieces = json.load(open(stories / "tok512_pieces_scores.json"))
    index = {piece: i for i, (piece, _) in reversed(list(enumerate(pieces)))}
    space = "▁" if "▁" in index else " "
    tokens = [index[c] for c in (" " + text).replace(" ", space) if c in index]
    while True:
        pairs = [pieces[a][0] + pieces[b][0] for a, b in zip(tokens, tokens[1:])]
        known = [(-pieces[index[pair]][1], at) for at, pair in enumerate(pairs) if pair in index]
        if not known:
            return [1] + tokens
        _, at = min(known)
        tokens[at : at + 2] = [index[pairs[at]]]


STORY = (
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the "
    "park. One day, she saw a big red ball. She wanted to play with it. Her mom said, \"Lily, "
    "you can play with the ball.\" Lily was very happy."
)
BUSINESS = (
    "The quarterly revenue of the company rose by four percent, driven by strong demand in its "
    "cloud division. Management confirmed the outlook for the fiscal year and announced a plan "
    "to repurchase shares."
)

model = AutoModelForCausalLM.from_pretrained(stories, dtype=torch.float32).eval()
texts = {"story": encode(STORY), "business": encode(BUSINESS)}
random.seed(0)
texts["shuffled"] = [1] + random.sample(texts["story"][1:], len(texts["story"]) - 1)
losses = {}
for name, ids in texts.items():
    ids = torch.tensor([ids])
    with torch.no_grad():
        losses[name] = model(ids, labels=ids).loss.item()
with torch.no_grad():
    hidden = model(torch.tensor([texts["story"][:16]]), output_hidden_states=True).hidden_states[-1]

golden = {
    "gpt2": small(
        "gpt2",
        GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=2, n_head=4, n_positions=16, vocab_size=24)),
        24,
    ),
    "llama": small(
        "llama",
        LlamaForCausalLM(
            LlamaConfig(
                hidden_size=16,
                intermediate_size=20,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                vocab_size=24,
                max_position_embeddings=16,
                tie_word_embeddings=True,
            )
        ),
        24,
    ),
    "stories": {
        "ids": texts,
        "losses": losses,
        "hidden": hidden.flatten().tolist(),
    },
}
json.dump(golden, open(here / "golden.json", "w"))
print(losses)
