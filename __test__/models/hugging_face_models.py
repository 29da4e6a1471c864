"""Random-weight Hugging Face models for the tests, and what can be known of them without llem's worker.

    llama FOLDER            saves a tiny Llama with a byte-level tokenizer of its own. Its weights are wide enough that
                            answers differ from prompt to prompt, and many of its tokens are end-of-text tokens.
    adapter MODEL FOLDER    saves a LoRA adapter for it.
    answers MODEL TOKENS    reads a JSON list of prompts on stdin and prints the token ids of each prompt and of its
                            greedy answer, up to so many, without its end-of-text token: one prompt at a time, the whole
                            sequence anew for each token, no cache, no padding, no generate.
    facts WORKER            prints, for one tiny model of every family, its config.json and what the worker's facts_of
                            says of it.
    published WORKER FILE   reads a config.json a line and prints how many weights the model has as transformers builds it
                            without memory, and what the worker's facts_of says of it.
    defaults KINDS          prints what the configuration class of each kind says by itself.
"""

import importlib.util
import json
import os
import sys

import torch
import transformers


def save_llama(folder, context=512):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = ["<s>", "</s>", "<pad>", *letters]
    tokenizer = Tokenizer(models.BPE(vocab={word: index for index, word in enumerate(words)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    fast.chat_template = "{% for m in messages %}<s>[{{ m.content }}]{% endfor %}"
    fast.save_pretrained(folder)
    # With this seed some answers end early, one at once, and some not at all.
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        **SMALL, vocab_size=len(words), bos_token_id=0, eos_token_id=ENDS, initializer_range=0.5
    )
    config.max_position_embeddings = int(context)
    transformers.LlamaForCausalLM(config).save_pretrained(folder)


def answers(model, limit):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(os.path.join(model, "tokenizer.json"))
    loaded = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    told = []
    for text in json.load(sys.stdin):
        ids = tokenizer.encode(text).ids
        answer = []
        with torch.no_grad():
            while len(answer) < int(limit):
                token = int(loaded(torch.tensor([ids + answer]), use_cache=False).logits[0, -1].argmax())
                if token in ENDS:
                    break
                answer.append(token)
        told.append({"prompt": ids, "answer": answer})
    print(json.dumps(told))


def save_adapter(model, folder):
    import peft

    loaded = transformers.AutoModelForCausalLM.from_pretrained(model)
    torch.manual_seed(1)
    settings = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    peft.get_peft_model(loaded, settings).save_pretrained(folder)


ENDS = [1, *range(10, 250, 36)]
SMALL = {
    "hidden_size": 64,
    "intermediate_size": 192,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
TINY = {**SMALL, "vocab_size": 500}
LATENT = {
    "q_lora_rank": 24,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 8,
    "v_head_dim": 12,
    "moe_intermediate_size": 48,
    "num_key_value_heads": 4,
}
FAMILIES = {
    "llama": TINY,
    "llama, tied, with biases": {**TINY, "tie_word_embeddings": True, "attention_bias": True, "mlp_bias": True},
    "granite": TINY,
    "mistral": {**TINY, "sliding_window": 32},
    "phi3": {**TINY, "pad_token_id": 0},
    "qwen2": {**TINY, "tie_word_embeddings": True},
    "qwen2, windowed": {**TINY, "use_sliding_window": True, "sliding_window": 16, "max_window_layers": 1},
    "qwen3": TINY,
    "olmo2": TINY,
    "gemma": TINY,
    "gemma2": TINY,
    "gemma3_text": {**TINY, "num_hidden_layers": 7},
    "mixtral": {**TINY, "num_local_experts": 6},
    "olmoe": {**TINY, "num_experts": 10, "num_experts_per_tok": 3},
    "qwen2_moe": {**TINY, "num_experts": 8, "moe_intermediate_size": 48, "shared_expert_intermediate_size": 96},
    "qwen3_moe": {**TINY, "num_experts": 16, "moe_intermediate_size": 24, "mlp_only_layers": [2]},
    "gpt_oss": {**TINY, "num_local_experts": 6, "num_experts_per_tok": 2, "sliding_window": 16},
    "deepseek_v2": {**TINY, **LATENT, "q_lora_rank": None, "n_routed_experts": 8, "num_experts_per_tok": 3},
    "deepseek_v3": {**TINY, **LATENT, "n_routed_experts": 16, "first_k_dense_replace": 2, "attention_bias": True},
    "llama4_text": {**TINY, "head_dim": 16, "intermediate_size_mlp": 256, "interleave_moe_layer_step": 2},
    "llama4_text, that sees all": {**TINY, "layer_types": ["full_attention"] * 4, "moe_layers": [0, 3]},
    "gpt2": {"n_embd": 64, "n_layer": 3, "n_head": 4, "n_positions": 128, "vocab_size": 500},
    "gpt_neox": {**TINY, "num_key_value_heads": 4},
}


def worker_at(path):
    spec = importlib.util.spec_from_file_location("worker", path)
    worker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(worker)
    return worker


# Models whose language part transformers knows by another name.
SAME_AS = {"kimi_k2": "deepseek_v3", "qwen2_5_vl": "qwen2"}


def published(worker_path, path):
    worker = worker_at(worker_path)
    told = []
    with open(path, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    for row in rows:
        settings = dict(row["config"].get("text_config", row["config"]))
        settings.pop("vision_config", None)
        kind = settings.pop("model_type")
        try:
            config = transformers.AutoConfig.for_model(SAME_AS.get(kind, kind), **settings)
            with torch.device("meta"):
                model = transformers.AutoModelForCausalLM.from_config(config)
            model.tie_weights()
            total = sum(weight.numel() for weight in {id(p): p for p in model.parameters()}.values())
            told.append({"source": row["source"], "total": total, "facts": worker.facts_of(torch, model, config)})
        except Exception as error:
            told.append({"source": row["source"], "error": f"{type(error).__name__}: {error}"})
    print(json.dumps(told))


def defaults(*kinds):
    print(json.dumps({kind: transformers.AutoConfig.for_model(kind).to_dict() for kind in kinds}))


def facts(worker_path):
    worker = worker_at(worker_path)
    told = {}
    for name, settings in FAMILIES.items():
        kind = name.split(",")[0]
        if kind not in transformers.CONFIG_MAPPING:
            continue  # An older transformers, which the tests do not install.
        config = transformers.AutoConfig.for_model(kind, **settings)
        # Shapes without memory.
        with torch.device("meta"):
            model = transformers.AutoModelForCausalLM.from_config(config)
        model.tie_weights()
        said = json.loads(config.to_json_string())
        told[name] = {"config": said, "facts": worker.facts_of(torch, model, config)}
    print(json.dumps(told))


if __name__ == "__main__":
    job, *arguments = sys.argv[1:]
    # What the libraries print must not meet the facts.
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    {"llama": save_llama, "adapter": save_adapter, "answers": answers, "facts": facts, "published": published, "defaults": defaults}[job](*arguments)
