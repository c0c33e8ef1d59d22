"""One job of `compare.py` in Python: prints the median seconds of a repetition and the
peak memory of the process in MB. The models are those of `peer.rs` layer by layer, in
eager PyTorch; metrics are scikit-learn's, loading is pandas'.

    peer.py <train|score> <default|gpt2> <device> <repeats>
    peer.py <auroc|aupr|f1> <points> - <repeats>
    peer.py <csv|parquet> <file> - <repeats>
"""

import math
import os
import resource
import sys
import time

CHANNELS, WINDOW, PATCH, BATCH, SCORE_BATCH = 19, 32, 4, 32, 256
WIDTH, LATENT, HIDDEN, INNER, HEADS, LAYERS, GRADES = 64, 16, 128, 128, 4, 2, 8
TOKENS, FEATURES = WINDOW // PATCH, PATCH * CHANNELS
MIN_RADIUS, MAX_RADIUS, BOUND, SPREAD = 0.1, 4.0, 0.3, 2.0


def median(repeats, job):
    job()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        job()
        seconds.append(time.perf_counter() - started)
    return sorted(seconds)[repeats // 2]


def aster(llm):
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Lora(nn.Module):
        """A frozen linear layer with a low-rank update (x A) B of rank 4."""

        def __init__(self, width):
            super().__init__()
            self.base = nn.Linear(width, width).requires_grad_(False)
            self.down = nn.Parameter(torch.randn(width, 4) / math.sqrt(width))
            self.up = nn.Parameter(torch.zeros(4, width))

        def forward(self, x):
            return self.base(x) + 2.0 * ((x @ self.down) @ self.up)

    class Block(nn.Module):
        """GPT-2: causal attention and a feed-forward part, both pre-norm."""

        def __init__(self, width, heads):
            super().__init__()
            self.heads = heads
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.key, self.output = nn.Linear(width, width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
            self.requires_grad_(False)
            self.query, self.value = Lora(width), Lora(width)

        def forward(self, x):
            b, l, d = x.shape
            y = self.norm1(x)
            split = lambda t: t.view(b, l, self.heads, d // self.heads).transpose(1, 2)
            q, k, v = split(self.query(y)), split(self.key(y)), split(self.value(y))
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.output(mixed.transpose(1, 2).reshape(b, l, d))
            return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))

    class Llm(nn.Module):
        def __init__(self, width=768, layers=12, heads=12):
            super().__init__()
            self.position = nn.Parameter(torch.randn(1024, width) * 0.02, requires_grad=False)
            self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
            self.norm = nn.LayerNorm(width).requires_grad_(False)
            self.input, self.output = nn.Linear(WIDTH, width), nn.Linear(width, WIDTH)

        def forward(self, x):
            x = self.input(x) + self.position[: x.shape[1]]
            for block in self.blocks:
                x = block(x)
            return self.output(self.norm(x))

    class Aster(nn.Module):
        def __init__(self):
            super().__init__()
            parameter = lambda *shape: nn.Parameter(torch.randn(*shape) * 0.02)
            self.embed, self.position = nn.Linear(FEATURES, WIDTH), parameter(TOKENS, WIDTH)
            self.llm = Llm() if llm else None
            self.norm, self.hidden = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, HIDDEN)
            self.mean, self.log_variance = nn.Linear(HIDDEN, LATENT), nn.Linear(HIDDEN, LATENT)
            self.memory, self.memory_position = nn.Linear(LATENT, WIDTH), parameter(TOKENS, WIDTH)
            self.queries = parameter(TOKENS, WIDTH)
            layer = dict(dim_feedforward=INNER, dropout=0.0, activation="gelu",
                         batch_first=True, norm_first=True)
            self.decoder = nn.TransformerDecoder(
                nn.TransformerDecoderLayer(WIDTH, HEADS, **layer), LAYERS)
            self.reconstruction = nn.Linear(WIDTH, FEATURES)
            self.direction = nn.Linear(WIDTH, FEATURES)
            self.head = nn.TransformerEncoder(
                nn.TransformerEncoderLayer(WIDTH, HEADS, **layer), LAYERS,
                enable_nested_tensor=False)
            self.output = nn.Linear(WIDTH, GRADES)

        def context(self, patches):
            h = self.embed(patches) + self.position
            return h + self.llm(h) if self.llm else h

        def posterior(self, context):
            h = F.gelu(self.hidden(self.norm(context)))
            return self.mean(h), self.log_variance(h).clamp(-10, 10)

        def decode(self, codes):
            queries = self.queries.expand(codes.shape[0], -1, -1)
            hidden = self.decoder(queries, self.memory(codes) + self.memory_position)
            return self.reconstruction(hidden), self.direction(hidden)

        def judge(self, context):
            return self.output(self.head(context))

        def loss(self, windows):
            b = windows.shape[0]
            patches = windows.view(b, TOKENS, FEATURES)
            context = self.context(patches)
            mean, log_variance = self.posterior(context)
            std = (log_variance / 2).exp()
            noise = SPREAD * torch.randn_like(mean)
            codes = mean.detach() + std.detach() * noise
            both = torch.cat([mean + std * torch.randn_like(mean), codes])
            decoded, direction = self.decode(both)
            direction = direction[b:]
            reconstruction = (decoded[:b] - patches).pow(2).mean()
            kl = 0.5 * (log_variance.exp() + mean.pow(2) - log_variance - 1).sum(2).mean()

            low, high = math.log(MIN_RADIUS), math.log(MAX_RADIUS)
            radii = (low + (high - low) * torch.rand(b, 1, 1, device=windows.device)).exp()
            shaped = torch.randn_like(patches) + BOUND * direction.tanh()
            unit = shaped / (shaped.pow(2).mean((1, 2), keepdim=True) + 1e-12).sqrt()
            pseudo = patches + unit * radii
            value = pseudo.detach()
            reversed_ = value + (pseudo - value) * -1.0
            bounds = [0.0] + [MIN_RADIUS * (MAX_RADIUS / MIN_RADIUS) ** (k / GRADES)
                              for k in range(1, GRADES)]
            bounds = torch.tensor(bounds, device=windows.device)
            radii = torch.cat([torch.zeros_like(radii), radii])
            targets = (radii > bounds).float().expand(2 * b, TOKENS, GRADES)
            logits = self.judge(torch.cat([context, self.context(reversed_)]))
            classification = F.binary_cross_entropy_with_logits(logits, targets)
            return reconstruction + 1e-3 * kl + classification

        def evidence(self, windows):
            patches = windows.view(windows.shape[0], TOKENS, FEATURES)
            context = self.context(patches)
            mean, _ = self.posterior(context)
            decoded, _ = self.decode(mean)
            return self.judge(context).mean(2), (decoded - patches).pow(2)

    return torch, Aster()


def model(job, config, device, repeats):
    torch, module = aster(config == "gpt2")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count())))
    module.to(device)
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    batch = BATCH if job == "train" else SCORE_BATCH
    windows = torch.randn(batch, WINDOW, CHANNELS, device=device)
    if job == "score":
        module.eval()

        def step():
            with torch.inference_mode():
                for piece in module.evidence(windows):
                    piece.cpu()
    else:
        weights = [p for p in module.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(weights, lr=1e-3)

        def step():
            optimizer.zero_grad()
            module.loss(windows).backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            wait()
    return median(repeats, step)


def metric(job, points, repeats):
    import numpy as np
    from sklearn import metrics

    i = np.arange(points, dtype=np.uint64)
    scores = ((i * 2654435761 % 2**32) >> 8).astype(np.float32)
    labels = i % 5000 < 50

    def best_f1():
        precision, recall, _ = metrics.precision_recall_curve(labels, scores)
        return np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12))

    jobs = {
        "auroc": lambda: metrics.roc_auc_score(labels, scores),
        "aupr": lambda: metrics.average_precision_score(labels, scores),
        "f1": best_f1,
    }
    return median(repeats, jobs[job])


def load(job, path, repeats):
    import numpy as np
    import pandas

    read = {"csv": pandas.read_csv, "parquet": pandas.read_parquet}[job]

    def matrix():
        values = read(path).to_numpy(dtype=np.float32)
        assert np.isfinite(values).all()
        return np.ascontiguousarray(values)

    return median(repeats, matrix)


def main():
    job, subject, device, repeats = sys.argv[1:]
    if job in ("train", "score"):
        seconds = model(job, subject, device, int(repeats))
    elif job in ("csv", "parquet"):
        seconds = load(job, subject, int(repeats))
    else:
        seconds = metric(job, int(subject), int(repeats))
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


if __name__ == "__main__":
    main()
