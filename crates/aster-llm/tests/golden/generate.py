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
from transformers import AutoModelForCausalLM, BertConfig, BertModel, GPT2Config
from transformers import GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Qwen2Config
from transformers import Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

here = pathlib.Path(__file__).parent
stories = pathlib.Path(sys.argv[1])


VOCABULARY = 24


def small(name, model, shard="1GB"):
    # Larger than the usual initialisation, so that every part of a block matters.
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.eval().save_pretrained(here / name, safe_serialization=True, max_shard_size=shard)
    (here / name / "generation_config.json").unlink(missing_ok=True)
    ids = torch.randint(0, VOCABULARY, (2, 7))
    with torch.no_grad():
        out = model(ids, output_hidden_states=True)
    golden = {"ids": ids.tolist(), "hidden": out.hidden_states[-1].flatten().tolist()}
    if "logits" in out:
        golden["logits"] = out.logits.flatten().tolist()
    return golden


def llama(config=LlamaConfig, model=LlamaForCausalLM, **changes):
    shape = dict(
        hidden_size=16,
        intermediate_size=20,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=VOCABULARY,
        max_position_embeddings=16,
        tie_word_embeddings=True,
    )
    return model(config(**(shape | changes)))


def rope(**scaling):
    # A small base, so that every frequency turns within seven tokens.
    return dict(rope_scaling=scaling, rope_theta=100.0)


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

gpt2 = dict(n_embd=16, n_layer=2, n_head=4, n_positions=16, vocab_size=VOCABULARY)
bert = dict(
    hidden_size=16,
    intermediate_size=20,
    num_hidden_layers=2,
    num_attention_heads=4,
    vocab_size=VOCABULARY,
    max_position_embeddings=16,
)
llama3 = rope(
    rope_type="llama3",
    factor=4.0,
    low_freq_factor=1.0,
    high_freq_factor=4.0,
    original_max_position_embeddings=64,
)
yarn = rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=32)
golden = {
    "gpt2": small("gpt2", GPT2LMHeadModel(GPT2Config(**gpt2))),
    "llama": small("llama", llama()),
    "llama3": small("llama3", llama(**llama3, tie_word_embeddings=False, head_dim=6)),
    "linear": small("linear", llama(**rope(rope_type="linear", factor=3.0))),
    "dynamic": small("dynamic", llama(**rope(rope_type="dynamic", factor=3.0))),
    "yarn": small("yarn", llama(**yarn, attention_bias=True, mlp_bias=True)),
    "qwen2": small("qwen2", llama(Qwen2Config, Qwen2ForCausalLM)),
    "qwen3": small("qwen3", llama(Qwen3Config, Qwen3ForCausalLM, head_dim=8), shard="5KB"),
    "bert": small("bert", BertModel(BertConfig(**bert))),
    "stories": {
        "ids": texts,
        "losses": losses,
        "hidden": hidden.flatten().tolist(),
    },
}
json.dump(golden, open(here / "golden.json", "w"))
print(losses)
