const KIB = 1024
const MIB = 1024 * KIB

/**
 * How much of what others made is read before it is refused: files, answers, events. Each is far above what is real and
 * far below what fills a memory, so that no process of llem grows beyond 300 MB over what somebody else sends.
 */
export const LIMITS = {
  /** A server's answer beside the measurement. The ids of a prompt of a million tokens have 7 MiB. */
  answer_bytes: 8 * MIB,
  /** All headers of one answer. */
  header_bytes: 64 * KIB,
  /** The answer to "are you well", of which only the status counts. */
  health_bytes: 64 * KIB,
  /** One page of the files of a repository: a thousand of them have 300 KiB. */
  hub_listing_bytes: 32 * MIB,
  /** Files of a repository. */
  hub_files: 100_000,
  /** A page of 100 rows of a data set, unpacked, whatever it weighed on the wire. */
  dataset_page_bytes: 32 * MIB,
  /** One line or event of a stream, in characters. A token has some hundred, an error a few thousand. */
  event_chars: MIB,
  /** Chunks with text in one answer: more than the longest contexts hold. */
  answer_chunks: 2 * MIB,
  /** Text of one answer that is kept, in characters. */
  answer_chars: 16 * MIB,
  /** Tokens that a server may say one request had. Above that it is no count. */
  request_tokens: 1e9,
  /** A prompt file of lines. */
  prompt_file_bytes: 256 * MIB,
  /** One line of it, in characters: a prompt of some million tokens. */
  prompt_line_chars: 16 * MIB,
  /** The readings of an external meter: a million of them have 32 MiB. */
  meter_file_bytes: 64 * MIB,
  /** One line of them, in characters. */
  meter_line_chars: 1000,
  /** What Ollama keeps of a model beside its weights. */
  ollama_manifest_bytes: MIB,
  /** The config.json of a model; real ones have a few KiB. */
  model_config_bytes: 4 * MIB,
  /** The tokenizer.json of a model, and values in it: one of 256,000 tokens with as many merges has 33 MB and a million. */
  tokenizer_bytes: 48 * MIB,
  tokenizer_values: 4_000_000,
  /** Memory of JavaScript that it may take, in MiB; time to load it or to cut one text, and for all texts of a run. */
  tokenizer_heap_mib: 384,
  tokenizer_silence_ms: 5000,
  tokenizer_ms: 20_000,
  /** Layers of a model; the deepest have some hundred. */
  model_layers: 100_000,
  /** The head of a safetensors file, or the index of several; that of 384 experts in 61 layers has 20 MiB. */
  safetensors_head_bytes: 64 * MIB,
  /** Values in it: some for each tensor. */
  safetensors_values: 8_000_000,
  /** A reference to compare with; 1000 experiments of 10 cycles have 20 MiB. */
  reference_bytes: 256 * MIB,
  /** A result of another benchmark as one JSON text, and values in it: 1000 requests of 500 tokens with all times have 20 MB. */
  benchmark_bytes: 64 * MIB,
  benchmark_values: 8_000_000,
  /** One with a line for each request is read line by line. Requests of one run, and characters of a line. */
  benchmark_requests: 500_000,
  benchmark_line_chars: MIB,
  /** What a benchmark prints and is kept to be read. */
  benchmark_printed_bytes: 8 * MIB,
  /** Files and folders that are looked at for results, and folders within folders. */
  result_entries: 20_000,
  result_depth: 5,
  /** Brackets within brackets in JSON. */
  json_depth: 200,
  /** Values in one JSON text: 100 rows with 10,000 values each. */
  json_values: 1_000_000,
  /** Models in a server's list. */
  listed_models: 100_000,
  /** Names of others in one message, and characters of each. */
  listed_names: 10,
  listed_name_chars: 100,
  /** Problems of one file in one message. */
  listed_problems: 50,
  /** Time that a decoder of tables may say nothing. It reads its rows in steps. */
  table_silence_ms: 60_000,
  /** One page of a table, unpacked; writers make pages of some MiB. */
  table_page_bytes: 256 * MIB,
  /** Memory of JavaScript that it may take, in MiB. */
  table_heap_mib: 1024,
} as const
