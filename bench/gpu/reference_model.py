"""python3 reference_model.py DEVICE: decodes with a model that has the shape of Llama 3.1 8B and random weights in
bfloat16, written out in plain PyTorch and captured in a CUDA graph, because launching its kernels one by one would
take longer than they run. A line {"batch": 8, "for_s": 10} of stdin decodes for so long: {"started": 8} when it begins,
{"steps": N, "seconds": S} at the end.

Each step attends to CONTEXT tokens, a prompt of some 500 and the answer so far; their keys and values are random too.
There is no prefill."""

import json
import sys
import time

CONTEXT = 640
LAYERS, WIDTH, HEADS, KV_HEADS, INNER, VOCABULARY = 32, 4096, 32, 8, 14336, 128256
# For trying this program out without a GPU.
SMALL = 2, 256, 8, 2, 512, 1000
EPSILON = 1e-5
THETA = 500000.0


def main():
    device = sys.argv[1]
    try:
        import torch

        is_cuda = device.startswith("cuda")
        model = Model(torch, device, (LAYERS, WIDTH, HEADS, KV_HEADS, INNER, VOCABULARY) if is_cuda else SMALL)
    except Exception as error:  # out of memory, no device: the reason belongs into the table
        say({"unavailable": str(error).split("\n")[0]})
        return
    how = "in a CUDA graph" if is_cuda else "a small one without a graph, for trying out"
    size = f"{model.parameters / 1e9:.2f} billion random parameters"
    say({"ready": f"{size}, bfloat16, {CONTEXT} tokens of context, {how}"})
    for line in sys.stdin:
        wish = json.loads(line)
        try:
            with torch.inference_mode():
                step = captured(torch, model, wish["batch"]) if is_cuda else model.stepper(wish["batch"])
                say({"started": wish["batch"]})
                say(decode(torch, step, wish["for_s"], is_cuda))
        except Exception as error:
            say({"unavailable": str(error).split("\n")[0]})
        step = None
        if is_cuda:
            torch.cuda.empty_cache()


def decode(torch, step, for_s, is_cuda):
    start_s = now_s = time.monotonic()
    steps = 0
    while now_s < start_s + for_s:
        step()
        if is_cuda:
            torch.cuda.synchronize()  # a server sends each token on
        steps += 1
        now_s = time.monotonic()
    return {"steps": steps, "seconds": now_s - start_s}


def captured(torch, model, batch):
    step = model.stepper(batch)
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()

    def replay():
        graph.replay()

    replay.captured = step  # keeps the memory that the graph reads and writes
    return replay


class Model:
    def __init__(self, torch, device, shape):
        self.torch, self.device = torch, device
        layers, width, heads, kv_heads, inner, vocabulary = shape
        self.heads, self.kv_heads, self.head = heads, kv_heads, width // heads
        kv_width = kv_heads * self.head
        self.embedding = self.random(vocabulary, width)
        self.output = self.random(vocabulary, width)
        self.layers = [
            {
                "query_key_value": self.random(width + 2 * kv_width, width),
                "attention_output": self.random(width, width),
                "gate_up": self.random(2 * inner, width),
                "down": self.random(width, inner),
                "norms": [torch.ones(width, device=device, dtype=torch.bfloat16) for _ in range(2)],
            }
            for _ in range(layers)
        ]
        self.norm = torch.ones(width, device=device, dtype=torch.bfloat16)
        matrices = ("query_key_value", "attention_output", "gate_up", "down")
        self.parameters = 2 * vocabulary * width + sum(
            layer[name].numel() for layer in self.layers for name in matrices
        )
        angles = CONTEXT / THETA ** (torch.arange(0, self.head, 2, device=device) / self.head)
        self.cosine, self.sine = angles.cos().to(torch.bfloat16), angles.sin().to(torch.bfloat16)

    def random(self, *size):
        # Not zeros: power depends on the operands' bits.
        return self.torch.randn(*size, device=self.device, dtype=self.torch.bfloat16) * 0.02

    def stepper(self, batch):
        """A function that decodes one token for each sequence of a batch."""
        shape = (batch, self.kv_heads, CONTEXT, self.head)
        caches = [(self.random(*shape), self.random(*shape)) for _ in self.layers]
        tokens = self.torch.zeros(batch, dtype=self.torch.long, device=self.device)
        return lambda: self.step(tokens, caches)

    def step(self, tokens, caches):
        functional = self.torch.nn.functional
        batch, width = len(tokens), self.embedding.shape[1]
        x = self.embedding[tokens]
        for layer, (keys, values) in zip(self.layers, caches):
            kv_width = self.kv_heads * self.head
            mixed = functional.linear(self.normed(x, layer["norms"][0]), layer["query_key_value"])
            query, key, value = mixed.split([width, kv_width, kv_width], dim=1)
            keys[:, :, -1] = self.rotated(key.view(batch, self.kv_heads, self.head))
            values[:, :, -1] = value.view(batch, self.kv_heads, self.head)
            # The query heads that share a key head stand as rows of one query: there is no mask to tell them apart.
            grouped = self.rotated(query.view(batch, self.heads, self.head)).view(
                batch, self.kv_heads, self.heads // self.kv_heads, self.head
            )
            attended = functional.scaled_dot_product_attention(grouped, keys, values)
            x = x + functional.linear(attended.reshape(batch, width), layer["attention_output"])
            gate, up = functional.linear(self.normed(x, layer["norms"][1]), layer["gate_up"]).chunk(2, dim=1)
            x = x + functional.linear(functional.silu(gate) * up, layer["down"])
        tokens.copy_(functional.linear(self.normed(x, self.norm), self.output).argmax(dim=1))

    def normed(self, x, weight):
        return self.torch.nn.functional.rms_norm(x, (x.shape[-1],), weight, EPSILON)

    def rotated(self, x):
        first, second = x.chunk(2, dim=-1)
        return self.torch.cat(
            (first * self.cosine - second * self.sine, second * self.cosine + first * self.sine), dim=-1
        )


def say(line):
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
