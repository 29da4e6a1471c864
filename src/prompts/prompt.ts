/** A prompt as text, and where it matters exactly how long it and its answer are. */
export interface Prompt {
  text: string
  /** What the system is told before; a message of its own where a chat template makes messages. */
  system?: string
  /** Tokens to evaluate; the worker cuts or repeats the tokenised text to this length. */
  input_tokens?: number
  /** Most tokens to evaluate; the worker cuts a longer text. */
  max_input_tokens?: number
  /** Tokens to generate, whatever the model says. */
  output_tokens?: number
}
