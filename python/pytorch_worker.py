"""Runs a Hugging Face model with PyTorch and transformers, for llem: python -u pytorch_worker.py

Speaks llem's worker protocol, version 2: JSON lines, requests on stdin, replies and events and nothing else on stdout,
logs on stderr.

    hello      -> versions                       imports torch and transformers
    load       -> what was loaded, on what       a model id or a folder, and the options of the group `pytorch`
    infer_one  -> latency, tokens, text          one prompt, to warm up; it fills a whole batch, as the run will
    run        -> an event per request, totals   the prompts in order, `batch_size` at a time
    memory     -> bytes
    unload, bye

What counts. Prompts of a batch are padded on the left, and padding is masked and never counted. A request generates
until its end-of-text token, which is not counted, or until it has as many tokens as it may; the batch goes on until its
last member has ended, and what an ended member still generates is thrown away.

Times are time.monotonic_ns(), which on Linux is the clock of llem's own windows. Members of a batch begin together and
end each when its own end was known. A step is stamped when its token ids have reached the CPU, which waits until the
GPU has computed them; `generate` itself waits for each step to learn whether to go on, so stamping costs no stall. The
GPU is synchronised before the first and after the last moment of a run.

Python 3.9 or newer, torch 2.3 or newer, transformers 4.44 or newer. It reads no other file and may be piped into an
interpreter. It ends when its stdin does, busy or not.
"""

import hashlib
import importlib.util
import json
import os
import queue
import re
import sys
import threading
import time

PROTOCOL = 2
OLDEST = {"torch": (2, 3), "transformers": (4, 44)}
DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
DEFAULTS = {
    "revision": None,
    "tokenizer": None,
    "dtype": "auto",
    "batch_size": 1,
    "attn_implementation": None,
    "compile": False,
    "quantisation": None,
    "lora": None,
    "device": "auto",
    "device_map": None,
    "chat_template": False,
    "trust_remote_code": False,
    "num_threads": None,
}


class Fault(Exception):
    """An expected failure, with a code for programs and a hint for people."""

    def __init__(self, code, message, hint=None):
        super().__init__(message)
        self.code = code
        self.hint = hint


class Worker:
    """What each verb does; at most one model is loaded."""

    def __init__(self, tell):
        self.tell = tell
        self.engine = None

    def answer(self, request):
        verb = request.get("verb")
        if verb == "hello":
            return hello()
        if verb == "load":
            if self.engine is not None:
                raise Fault("WORKER_FAULT", "a model is loaded already")
            self.engine = Engine(request["model"], request.get("options", {}))
            return self.engine.info
        if verb == "bye":
            return {}
        if verb == "unload":
            self.engine = None
            import gc

            gc.collect()
            import torch

            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            return {}
        if self.engine is None:
            raise Fault("WORKER_FAULT", "no model is loaded")
        if verb == "infer_one":
            return self.engine.infer_one(request["prompt"], request["generation"])
        if verb == "run":
            say = lambda record: self.tell({"event": "request", "id": request["id"], **record})  # noqa: E731
            return self.engine.run(request["prompts"], request["generation"], say)
        if verb == "memory":
            return self.engine.memory()
        raise Fault("WORKER_FAULT", f"there is no verb {verb}")


def hello():
    import platform

    versions = {"python": platform.python_version()}
    for name, oldest in OLDEST.items():
        if importlib.util.find_spec(name) is None:
            raise Fault(
                "BACKEND_NOT_INSTALLED",
                f"{sys.executable} has no package {name}",
                "Run: llem backend install pytorch, and leave python unset.",
            )
        try:
            # Slow to import, and the point of this verb: a worker that has answered can compute.
            module = importlib.import_module(name)
        except Exception as error:
            raise Fault(
                "BACKEND_BROKEN", f"{name} cannot be imported: {named(error)}", "Run: llem backend install pytorch"
            ) from error
        versions[name] = module.__version__
        if numbers_of(module.__version__) < oldest:
            needed = ".".join(map(str, oldest))
            raise Fault(
                "BACKEND_BROKEN",
                f"{name} {module.__version__} is too old; it must be {needed} or newer",
                "Run: llem backend install pytorch",
            )
    cuda = importlib.import_module("torch").version.cuda
    if cuda is not None:
        versions["cuda"] = cuda
    return {"protocol": PROTOCOL, "backend": "pytorch", "versions": versions}


class Engine:
    """A loaded model with its tokenizer."""

    def __init__(self, model_name, given):
        start_ns = time.monotonic_ns()
        import torch
        import transformers

        self.options = options = checked_options(given)
        if options["num_threads"] is not None:
            torch.set_num_threads(options["num_threads"])
        config = load_config(transformers, model_name, options)
        device = device_for(torch, options)
        self.tokenizer = load_tokenizer(transformers, model_name, options)
        self.model = load_model(torch, transformers, model_name, options, device)
        self.model.eval()
        config = getattr(self.model, "config", config)
        text_config = config.get_text_config() if hasattr(config, "get_text_config") else config
        self.end_ids = ids_of(
            getattr(self.model.generation_config, "eos_token_id", None),
            getattr(text_config, "eos_token_id", None),
            self.tokenizer.eos_token_id,
        )
        pad = self.tokenizer.pad_token_id
        # Padding is masked, so any token does.
        self.pad_id = pad if pad is not None else min(self.end_ids, default=0)
        # What a model's author recommends for sampling (penalties, end tokens) would be chosen behind the person's
        # back; only what kind of cache it needs stays.
        cache = getattr(self.model.generation_config, "cache_implementation", None)
        self.plain_config = transformers.GenerationConfig(pad_token_id=self.pad_id, cache_implementation=cache)
        self.model.generation_config = self.plain_config
        facts = facts_of(torch, self.model, text_config)
        if options["compile"]:
            # Dynamic from the start: compiling anew for each length of a prompt would fall into the measurement.
            self.model.forward = torch.compile(self.model.forward, dynamic=True)
        self.gpus = sorted({p.device.index or 0 for p in self.model.parameters() if p.device.type == "cuda"})
        self.input_device = self.model.get_input_embeddings().weight.device
        self.context_size = facts["context_length"]
        self.info = {
            "model": model_name,
            "facts": facts,
            "dtype": dtype_of(self.model),
            "quantisation": quantisation_of(config, options),
            "versions": versions_of(self.model, options),
            "device_uuids": uuids_of(torch, self.gpus),
            "device_names": [torch.cuda.get_device_name(index) for index in self.gpus],
            "compute": "cuda" if self.gpus else "cpu",
            "gpu_layers": None,
            "threads": torch.get_num_threads(),
            "context_size": self.context_size,
            "train_context_size": self.context_size,
            "load_ms": (time.monotonic_ns() - start_ns) / 1e6,
        }

    def infer_one(self, prompt, generation):
        prepared = self.prepare(prompt, generation)
        # Kernels are chosen by the size of a batch, so the warmup has the size of what is measured.
        answers = self.generate([prepared] * self.options["batch_size"], generation)
        answer = answers[0]
        return {
            "latency_ms": (max(each["end_ns"] for each in answers) - answer["start_ns"]) / 1e6,
            "input_tokens": len(prepared["ids"]),
            "output_tokens": len(answer["ids"]),
            "ttft_ms": ttft_ms(answer),
            "truncated": prepared["truncated"],
            "text": self.tokenizer.decode(answer["ids"]),
        }

    def run(self, prompts, generation, say):
        # Tokenised beforehand: the window holds inference and nothing else.
        prepared = [self.prepare(prompt, generation) for prompt in prompts]
        import torch

        for index in self.gpus:
            torch.cuda.reset_peak_memory_stats(index)
        records, itls = [], []
        batches = batches_of(prepared, self.options["batch_size"], self.context_size)
        self.wait_for_gpus()
        start_ns = time.monotonic_ns()
        for batch in batches:
            for each, answer in zip(batch, self.generate(batch, generation)):
                own_itls = itls_ms(answer)
                itls += own_itls
                records.append(record_of(len(records), each, answer, own_itls))
                say(records[-1])
        self.wait_for_gpus()
        return totals_of(records, itls, start_ns, time.monotonic_ns())

    def prepare(self, prompt, generation):
        """A prompt's token ids as they will be evaluated, and when its answer ends."""
        exactly, at_most = prompt.get("input_tokens"), prompt.get("max_input_tokens")
        tokens_out = prompt.get("output_tokens")
        limit = generation["max_tokens"] if tokens_out is None else tokens_out
        ids, lead = self.tokenise(prompt["text"], prompt.get("system"))
        if exactly is not None:
            ids = repeated(ids, lead, exactly)
        if not ids:
            raise Fault("PROMPT_EMPTY", "a prompt has no tokens", "Give every prompt some text.")
        room = len(ids) if self.context_size is None else self.context_size - limit
        if room < 1:
            raise Fault(
                "OPTIONS_INVALID",
                f"{limit} tokens to generate leave no room for a prompt in a context of {self.context_size}",
                "Lower max_tokens.",
            )
        ignores_end = generation["ignore_eos"] or tokens_out is not None
        most = room if at_most is None else min(room, at_most)
        return {"ids": ids[:most], "limit": limit, "ignores_end": ignores_end, "truncated": len(ids) > most}

    def tokenise(self, text, system=None):
        """Token ids as the tokenizer makes them, and how many of them come before the text's own, such as a BOS."""
        if self.options["chat_template"]:
            told = [] if system is None else [{"role": "system", "content": system}]
            messages = [*told, {"role": "user", "content": text}]
            try:
                text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
            except Exception as error:
                raise Fault(
                    "OPTIONS_INVALID", f"the chat template cannot be applied: {named(error)}", "Set chat_template: false."
                ) from error
            # The template has written the special tokens itself.
            return self.tokenizer(text, add_special_tokens=False)["input_ids"], 0
        text = text if system is None else f"{system}\n\n{text}"
        whole = self.tokenizer(text)["input_ids"]
        body = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        lead = next((n for n in range(len(whole) - len(body) + 1) if whole[n : n + len(body)] == body), 0)
        return whole, lead

    def generate(self, batch, generation):
        """Generates for a batch of prepared prompts: for each its ids, their times, its start and its end."""
        import torch
        import transformers

        longest = max(len(each["ids"]) for each in batch)
        padding = [longest - len(each["ids"]) for each in batch]
        rows = [[self.pad_id] * pad + each["ids"] for pad, each in zip(padding, batch)]
        masks = [[0] * pad + [1] * len(each["ids"]) for pad, each in zip(padding, batch)]
        config = transformers.GenerationConfig(**self.plain_config.to_diff_dict())
        config.max_new_tokens = max(each["limit"] for each in batch)
        config.do_sample = generation["temperature"] > 0
        if config.do_sample:
            config.temperature = generation["temperature"]
            config.top_p = generation["top_p"]
            config.top_k = generation["top_k"]
        # Anew for each batch, so that an answer depends on nothing that came before.
        torch.manual_seed(generation["seed"])
        steps = Steps(batch, self.end_ids, transformers, torch)
        start_ns = time.monotonic_ns()
        with torch.inference_mode():
            self.model.generate(
                input_ids=torch.tensor(rows, device=self.input_device),
                attention_mask=torch.tensor(masks, device=self.input_device),
                generation_config=config,
                stopping_criteria=transformers.StoppingCriteriaList([steps.criterion]),
            )
        return [{**answer, "start_ns": start_ns} for answer in steps.answers]

    def wait_for_gpus(self):
        import torch

        for index in self.gpus:
            torch.cuda.synchronize(index)

    def memory(self):
        import torch

        sums = (torch.cuda.memory_reserved, torch.cuda.max_memory_allocated)
        reserved, peak = ([read(index) for index in self.gpus] for read in sums)
        return {
            "rss_bytes": resident_bytes(),
            "vram_bytes": sum(reserved) if self.gpus else None,
            # Of the last run, or of loading where none was yet.
            "vram_peak_bytes": sum(peak) if self.gpus else None,
        }


class Steps:
    """Watches `generate` step by step: stamps each, keeps what counts and says who is done.

    It is a stopping criterion because that is what transformers 4 and 5 both call after each step with the ids of the
    whole batch; their streamers are not told when one member ends.
    """

    def __init__(self, batch, end_ids, transformers, torch):
        self.limits = [each["limit"] for each in batch]
        self.ends = [frozenset() if each["ignores_end"] else end_ids for each in batch]
        self.answers = [{"ids": [], "times_ns": [], "end_ns": None, "finish": "length"} for _ in batch]
        self.done = None
        outer = self

        class Criterion(transformers.StoppingCriteria):
            def __call__(self, input_ids, scores, **_):
                return outer.step(torch, input_ids)

        self.criterion = Criterion()

    def step(self, torch, input_ids):
        tokens = input_ids[:, -1].tolist()
        now_ns = time.monotonic_ns()
        changed = self.done is None
        for row, token in enumerate(tokens):
            answer = self.answers[row]
            if answer["end_ns"] is not None:
                continue
            if token in self.ends[row]:
                answer["finish"] = "stop"
                answer["end_ns"] = now_ns
                changed = True
                continue
            answer["ids"].append(token)
            answer["times_ns"].append(now_ns)
            if len(answer["ids"]) >= self.limits[row]:
                answer["end_ns"] = now_ns
                changed = True
        if changed:
            done = [answer["end_ns"] is not None for answer in self.answers]
            self.done = torch.tensor(done, device=input_ids.device)
        return self.done


# Loading ------------------------------------------------------------------------------------------------------------


def checked_options(given):
    unknown = sorted(set(given) - set(DEFAULTS))
    if unknown:
        raise Fault(
            "OPTIONS_INVALID",
            f"unknown options of pytorch: {', '.join(unknown)}",
            f"Known options: {', '.join(DEFAULTS)}.",
        )
    options = {**DEFAULTS, **given}
    options["dtype"] = DTYPES.get(options["dtype"], options["dtype"])
    if options["dtype"] not in ("auto", *DTYPES.values()):
        raise Fault("OPTIONS_INVALID", f"dtype {options['dtype']} is not one of auto, {', '.join(DTYPES.values())}")
    if options["quantisation"] not in (None, "bnb_8bit", "bnb_4bit"):
        raise Fault("OPTIONS_INVALID", f"quantisation {options['quantisation']} is not bnb_8bit, bnb_4bit or null")
    if not isinstance(options["batch_size"], int) or options["batch_size"] < 1:
        raise Fault("OPTIONS_INVALID", "batch_size must be a whole number of at least 1")
    if options["quantisation"] is not None:
        need("bitsandbytes", f"quantisation {options['quantisation']}")
        need("accelerate", f"quantisation {options['quantisation']}")
    if options["device_map"] is not None:
        need("accelerate", f"device_map {options['device_map']}")
    if options["lora"] is not None:
        need("peft", "lora")
    if options["attn_implementation"] == "flash_attention_2":
        need("flash_attn", "attn_implementation flash_attention_2")
    return options


def need(package, what):
    if importlib.util.find_spec(package) is None:
        raise Fault(
            "OPTIONS_INVALID",
            f"{what} needs the package {package}, which {sys.executable} does not have",
            f"Run: {sys.executable} -m pip install {package.replace('_', '-')}",
        )


def device_for(torch, options):
    wanted = options["device"]
    if wanted == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if wanted == "auto":
        return "cpu"
    reason = "this torch was built without CUDA" if torch.version.cuda is None else "torch sees no CUDA device"
    raise Fault(
        "GPU_UNAVAILABLE",
        f"pytorch cannot use CUDA here: {reason}",
        "Set pytorch.device: auto to compute on the CPU, or look at CUDA_VISIBLE_DEVICES.",
    )


def load_config(transformers, model_name, options):
    """The model's configuration, first, so that a wrong name is told before anything is downloaded or loaded."""
    if looks_like_path(model_name) and not os.path.isfile(os.path.join(model_name, "config.json")):
        raise Fault(
            "MODEL_NOT_FOUND",
            f"there is no model folder {model_name} with a config.json",
            "Give a folder that save_pretrained wrote, or the id of a model.",
        )
    try:
        return transformers.AutoConfig.from_pretrained(model_name, **common_of(options))
    except OSError as error:
        raise Fault(
            "MODEL_NOT_FOUND",
            f"the model {model_name} was not found: {first_line(error)}",
            "Give the id of a model that is in the Hugging Face cache or can be downloaded, or the path of a folder.",
        ) from error
    except Exception as error:
        raise Fault("MODEL_LOAD_FAILED", f"the model {model_name} cannot be loaded: {named(error)}") from error


def load_tokenizer(transformers, model_name, options):
    name = options["tokenizer"] or model_name
    common = common_of(options)
    if options["tokenizer"] is not None:
        # The revision is that of the model.
        common.pop("revision", None)
    try:
        return transformers.AutoTokenizer.from_pretrained(name, **common)
    except Exception as error:
        code = "MODEL_NOT_FOUND" if isinstance(error, OSError) else "MODEL_LOAD_FAILED"
        raise Fault(
            code, f"the tokenizer {name} cannot be loaded: {named(error)}", "Name another with pytorch.tokenizer."
        ) from error


def load_model(torch, transformers, model_name, options, device):
    # transformers 5 calls it dtype, and 4 does since 4.56.
    dtype_key = "dtype" if numbers_of(transformers.__version__) >= (4, 56) else "torch_dtype"
    dtype = options["dtype"] if options["dtype"] == "auto" else getattr(torch, options["dtype"])
    arguments = {**common_of(options), dtype_key: dtype}
    if options["attn_implementation"] is not None:
        arguments["attn_implementation"] = options["attn_implementation"]
    if options["quantisation"] is not None:
        compute = torch.bfloat16 if dtype == "auto" else dtype
        arguments["quantization_config"] = (
            transformers.BitsAndBytesConfig(load_in_8bit=True)
            if options["quantisation"] == "bnb_8bit"
            else transformers.BitsAndBytesConfig(
                load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=compute
            )
        )
    if options["device_map"] is not None:
        arguments["device_map"] = options["device_map"]
    elif options["quantisation"] is not None:
        arguments["device_map"] = {"": device}
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(model_name, **arguments)
        if options["lora"] is not None:
            model.load_adapter(options["lora"])
        return model if "device_map" in arguments else model.to(device)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise Fault("MODEL_LOAD_FAILED", f"the model {model_name} cannot be loaded: {named(error)}") from error


def common_of(options):
    common = {"trust_remote_code": options["trust_remote_code"]}
    return common if options["revision"] is None else {**common, "revision": options["revision"]}


def looks_like_path(name):
    return name.startswith(("/", "./", "../", "~")) or name.count("/") > 1 or os.path.exists(name)


def ids_of(*candidates):
    """The first that is given, as a set: ids come alone or as a list."""
    given = next((each for each in candidates if each is not None), [])
    return frozenset([given] if isinstance(given, int) else given)


# What was loaded ----------------------------------------------------------------------------------------------------

# Only run for what is not text.
OTHER_SENSES = re.compile(r"(^|\.)(vision_tower|vision_model|visual|multi_modal_projector|audio_tower)(\.|$)")
# One module per expert, or one tensor with all of them. Shared experts, which always run, are not among them.
EXPERT = re.compile(r"(^|\.)experts\.")


def facts_of(torch, model, config):
    """What a FLOPs estimate needs to know, from the modules themselves; shapes are logical, not as packed."""
    reasons = {}
    setting = lambda *names: next((v for n in names if (v := getattr(config, n, None)) is not None), None)  # noqa: E731
    embeddings = {id(m.weight): m.weight for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    table, output = model.get_input_embeddings(), model.get_output_embeddings()
    tied = None if output is None else output.weight is table.weight
    if tied is None:
        reasons["tied_embeddings"] = "the model has no output projection"
    used = setting("num_experts_per_tok", "num_experts_per_token", "moe_topk", "top_k_experts")
    count = setting("num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts")
    kinds = setting("layers_block_type")
    # A hybrid whose class has experts by default may have no layer with them.
    has_experts = count and used and (not isinstance(kinds, list) or "moe" in kinds or kind_has_experts(model))
    experts = {"count": count, "used": used} if has_experts else None
    return {
        "architecture": setting("model_type"),
        "parameters": {
            "total": total_of(model),
            "embedding": sum(weight.numel() for weight in embeddings.values()),
            "non_embedding_active": active_of(torch, model, experts, reasons),
        },
        "tied_embeddings": tied,
        "experts": experts,
        "attention": attention_of(model, config, setting, reasons),
        "vocab_size": setting("vocab_size"),
        "hidden_size": setting("hidden_size", "n_embd"),
        # GPT-2 writes null for four times its width.
        "feed_forward_size": setting("intermediate_size", "n_inner", "ffn_dim") or 4 * (setting("n_embd") or 0) or None,
        "context_length": setting("max_position_embeddings", "n_positions", "max_seq_len"),
        "reasons": reasons,
    }


def kind_has_experts(model):
    return any(EXPERT.search(name) for name, _ in model.named_parameters())


def total_of(model):
    total = sum(logical_size(parameter) for parameter in model.parameters() if not is_packed(parameter))
    # Packed weights of layers that say what they multiply; not all of them are parameters.
    for module in model.modules():
        weight = getattr(module, "weight", None)
        if is_linear(module) and (weight is None or is_packed(weight)):
            total += module.in_features * module.out_features
    return total


def active_of(torch, model, experts, reasons):
    """Weights that multiply a token: whatever is a matrix and is not looked up."""
    dense = routed = 0
    for name, shape in matrices(torch, model):
        if shape is None:
            reasons["non_embedding_active"] = f"it is not known how {name} is packed"
            return None
        if OTHER_SENSES.search(name):
            continue
        if EXPERT.search(name) or (experts and len(shape) == 3 and shape[0] == experts["count"]):
            routed += product(shape)
        else:
            dense += product(shape)
    if bool(routed) != (experts is not None):
        found = "it has experts, but does not say how many are used"
        reasons["non_embedding_active"] = found if routed else "its experts were not found among its weights"
        return None
    return dense + (round(routed * experts["used"] / experts["count"]) if routed else 0)


def matrices(torch, model):
    """Name and logical shape of what multiplies; the shape is None where it is packed in a way that is not known."""
    for name, module in model.named_modules():
        # An adapter's wrapper says what the layer inside of it says.
        if isinstance(module, torch.nn.Embedding) or hasattr(module, "base_layer"):
            continue
        linear = is_linear(module)
        if linear:
            # The output projection too, also where it is the embedding table.
            yield f"{name}.weight", (module.out_features, module.in_features)
        for own, parameter in module.named_parameters(recurse=False):
            # GPT-OSS has one bias per expert in a matrix; biases add.
            if parameter.ndim < 2 or own.endswith("bias") or (linear and own == "weight"):
                continue
            yield f"{name}.{own}", None if is_packed(parameter) else logical_shape(parameter)


def is_linear(module):
    return isinstance(getattr(module, "in_features", None), int) and isinstance(
        getattr(module, "out_features", None), int
    )


def is_packed(parameter):
    """Several weights in one element; bitsandbytes says how many there were."""
    return str(parameter.dtype) in ("torch.uint8", "torch.int32") and getattr(parameter, "quant_state", None) is None


def logical_shape(parameter):
    state = getattr(parameter, "quant_state", None)
    return tuple(parameter.shape if state is None else state.shape)


def logical_size(parameter):
    return product(logical_shape(parameter))


def product(shape):
    size = 1
    for length in shape:
        size *= length
    return size


def attention_of(model, config, setting, reasons):
    states = [module for module in model.modules() if hasattr(module, "A_log")]
    state = {"layers": len(states), "values": state_size(states[0])} if states else None
    attending = sum(1 for module in model.modules() if is_attention(module))
    if state and not attending:
        return {"n_layers": 0, "n_heads": 0, "n_kv_heads": 0, "head_dim": 0, "sliding": None, "state": state}
    layers, heads = setting("num_hidden_layers", "n_layer"), setting("num_attention_heads", "n_head")
    hidden = setting("hidden_size", "n_embd")
    if not layers or not heads or not hidden:
        reasons["attention"] = "the configuration does not say how many layers and heads there are"
        return None
    # Multi-head latent attention has keys and values of two sizes; their mean gives the same product.
    parts = [setting(name) for name in ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")]
    head_dim = sum(parts) // 2 if all(parts) else (setting("head_dim") or hidden // heads)
    kinds = ["full_attention"] * attending if state else setting("layer_types") or kinds_of(setting, layers)
    full, sliding, chunked = (kinds.count(f"{kind}_attention") for kind in ("full", "sliding", "chunked"))
    if full + sliding + chunked != len(kinds):
        known = ("full_attention", "sliding_attention", "chunked_attention")
        odd = next(kind for kind in kinds if kind not in known)
        reasons["attention"] = f"some layers are of the kind {odd}"
        return None
    window, size = setting("sliding_window"), setting("attention_chunk_size")
    return {
        **({"state": state} if state else {}),
        **({"chunked": {"size": size, "layers": chunked} if chunked else None} if size else {}),
        "n_layers": len(kinds),
        "n_heads": heads,
        "n_kv_heads": setting("num_key_value_heads") or heads,
        "head_dim": head_dim,
        "sliding": {"window": window, "layers": sliding} if sliding and window else None,
    }


def is_attention(module):
    """A layer's attention knows which layer it is of; what is inside of it does not."""
    return type(module).__name__.endswith("Attention") and isinstance(getattr(module, "layer_idx", None), int)


def state_size(mixer):
    """Numbers in the state that a layer keeps instead of attending: Mamba's, or that of a gated delta rule."""
    if hasattr(mixer, "ssm_state_size"):
        return mixer.intermediate_size * mixer.ssm_state_size
    return mixer.num_v_heads * mixer.head_k_dim * mixer.head_v_dim


def kinds_of(setting, layers):
    """Which layers have a sliding window, where the configuration does not list them."""
    kind, window = setting("model_type"), setting("sliding_window")
    if not window or setting("use_sliding_window") is False:
        return ["full_attention"] * layers
    # Gemma 2 alternates, Gemma 3 has a full layer after every five, Qwen's first layers are full.
    every = {"gemma2": 2, "gemma3_text": setting("sliding_window_pattern") or 6}.get(kind, layers + 1)
    first = setting("max_window_layers") if setting("use_sliding_window") else 0
    is_full = [i < (first or 0) or (i + 1) % every == 0 for i in range(layers)]
    return ["full_attention" if full else "sliding_attention" for full in is_full]


def dtype_of(model):
    sizes = {}
    for parameter in model.parameters():
        state = getattr(parameter, "quant_state", None)
        name = str(parameter.dtype) if state is None else str(getattr(state, "quant_type", parameter.dtype))
        sizes[name] = sizes.get(name, 0) + logical_size(parameter)
    return max(sizes, key=sizes.get).replace("torch.", "") if sizes else None


def quantisation_of(config, options):
    if options["quantisation"] is not None:
        return options["quantisation"]
    stored = getattr(config, "quantization_config", None)
    method = stored.get("quant_method") if isinstance(stored, dict) else getattr(stored, "quant_method", None)
    return None if method is None else str(getattr(method, "value", method))


def versions_of(model, options):
    versions = {}
    attention = getattr(model.config, "_attn_implementation", None)
    if attention is not None:
        versions["attention"] = str(attention)
    wanted = {
        "bitsandbytes": options["quantisation"] is not None,
        "accelerate": options["device_map"] is not None or options["quantisation"] is not None,
        "peft": options["lora"] is not None,
        "flash_attn": options["attn_implementation"] == "flash_attention_2",
    }
    for package in [package for package, is_used in wanted.items() if is_used]:
        versions[package] = str(getattr(importlib.import_module(package), "__version__", "unknown"))
    return versions


def uuids_of(torch, gpus):
    """NVML's names of the GPUs; null where torch does not tell them (before 2.4) and the environment does not."""
    visible = [entry.strip() for entry in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if entry.strip()]
    uuids = []
    for index in gpus:
        named_so = visible[index] if index < len(visible) else ""
        uuid = getattr(torch.cuda.get_device_properties(index), "uuid", None)
        if uuid is not None:
            uuids.append(f"{'MIG' if named_so.startswith('MIG-') else 'GPU'}-{uuid}")
        elif re.fullmatch(r"(GPU|MIG)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", named_so, re.IGNORECASE):
            uuids.append(named_so)
        else:
            return None
    return uuids


def resident_bytes():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# Records ------------------------------------------------------------------------------------------------------------


def batches_of(prepared, size, context_size):
    """The prompts in order, at most so many at once.

    A batch is cut short where its longest prompt would meet a longer answer of another member: the ended member, which
    still runs along, would leave the context, and learned positions end there.
    """
    batches, longest, limit = [], 0, 0
    for each in prepared:
        longest, limit = max(longest, len(each["ids"])), max(limit, each["limit"])
        fits = context_size is None or longest + limit <= context_size
        if batches and len(batches[-1]) < size and fits:
            batches[-1].append(each)
        else:
            batches.append([each])
            longest, limit = len(each["ids"]), each["limit"]
    return batches


def repeated(ids, lead, count):
    """The ids cut, or repeated behind what leads them, to this many."""
    body = ids[lead:] or ids
    if not body:
        return []
    repeats = max(0, count - lead) // len(body) + 1
    return (ids[:lead] + body * repeats)[:count]


def ttft_ms(answer):
    return (answer["times_ns"][0] - answer["start_ns"]) / 1e6 if answer["times_ns"] else None


def itls_ms(answer):
    times = answer["times_ns"]
    return [(after - before) / 1e6 for before, after in zip(times, times[1:])]


def record_of(index, prepared, answer, itls):
    return {
        "index": index,
        "input_tokens": len(prepared["ids"]),
        "output_tokens": len(answer["ids"]),
        "start_ns": answer["start_ns"],
        "end_ns": answer["end_ns"],
        "scheduled_ns": None,
        "ttft_ms": ttft_ms(answer),
        "itl_ms": spread_of(itls),
        "finish_reason": answer["finish"],
        "truncated": prepared["truncated"],
        "output_digest": hashlib.sha256(",".join(map(str, answer["ids"])).encode()).hexdigest()[:16],
    }


def totals_of(records, itls, start_ns, end_ns):
    return {
        "requests": len(records),
        "input_tokens": sum(record["input_tokens"] for record in records),
        "output_tokens": sum(record["output_tokens"] for record in records),
        "truncated": sum(record["truncated"] for record in records),
        "start_ns": start_ns,
        "end_ns": end_ns,
        "ttft_ms": spread_of([record["ttft_ms"] for record in records if record["ttft_ms"] is not None]),
        "itl_ms": spread_of(itls),
        "failures": 0,
        "retries": 0,
        "steady": None,
        "steady_reason": None,
    }


def spread_of(times_ms):
    """How times are spread, null for none; percentiles interpolate linearly between ranks."""
    if not times_ms:
        return None
    ordered = sorted(times_ms)

    def quantile(q):
        rank = q * (len(ordered) - 1)
        below = int(rank)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)

    return {
        "count": len(ordered),
        "mean": sum(ordered) / len(ordered),
        "p50": quantile(0.5),
        "p95": quantile(0.95),
        "p99": quantile(0.99),
        "max": ordered[-1],
    }


# The protocol -------------------------------------------------------------------------------------------------------


def numbers_of(version):
    return tuple(int(part) for part in re.findall(r"^\d+|(?<=\.)\d+", version.split("+")[0])[:3])


def named(error):
    return f"{type(error).__name__}: {first_line(error)}"


def first_line(error):
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")


def is_out_of_memory(error):
    # torch 2.5 renamed it; on the CPU it is a RuntimeError of the allocator.
    names = {kind.__name__ for kind in type(error).__mro__}
    return (
        bool(names & {"OutOfMemoryError", "MemoryError"})
        or "can't allocate memory" in str(error)
        or "CUDA out of memory" in str(error)
    )


def fault_of(error):
    if isinstance(error, Fault):
        return {"code": error.code, "message": str(error), "hint": error.hint}
    if is_out_of_memory(error):
        hint = "Lower pytorch.batch_size or the length of prompts and answers, or take a smaller pytorch.dtype."
        return {"code": "OUT_OF_MEMORY", "message": f"memory ran out: {first_line(error)}", "hint": hint}
    import traceback

    traceback.print_exception(type(error), error, error.__traceback__)
    return {"code": "WORKER_FAULT", "message": named(error), "hint": None}


def read_requests(requests):
    # Not by file descriptor: whoever piped this program in may have left requests in the buffer.
    for line in sys.stdin.buffer:
        requests.put(line)
    # Whatever it is busy with, nobody waits for it any more.
    os._exit(0)


def main():
    # What a library prints, from Python or from C, must not meet the protocol.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # Several processes that each take every core get in each other's way, and tokenising is done before the window.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

    def tell(message):
        replies.write(json.dumps(message, allow_nan=False) + "\n")
        replies.flush()

    requests = queue.Queue()
    threading.Thread(target=read_requests, args=(requests,), daemon=True).start()
    worker = Worker(tell)
    while True:
        request = json.loads(requests.get())
        try:
            tell({"id": request["id"], "ok": True, **worker.answer(request)})
        except Exception as error:
            tell({"id": request["id"], "ok": False, "error": fault_of(error)})
        if request.get("verb") == "bye":
            os._exit(0)


if __name__ == "__main__":
    main()
