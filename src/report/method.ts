/** What the words of a report mean, for the page and for Markdown. */
export const METHOD: readonly (readonly [term: string, text: string])[] = [
  [
    'Energy per output token',
    'The energy of the GPUs over the tokens that were generated: of the steady state of a server under load where it lasted 10 s or more, else of the whole run. It is all of their energy, idle power included; the active part is what the work adds to a loaded model that does nothing.',
  ],
  [
    'Energy',
    'Measured twice: by power readings every few milliseconds and by the driver’s energy counter, both carried to the edges of the window. The result says which of them is quoted and why.',
  ],
  [
    '± (k = 2)',
    'How far a run’s number may be off on the board that was measured, with a coverage factor of 2. Between boards the gain of each board comes on top, within about 5 % unless an external meter has told it.',
  ],
  [
    '95 % interval',
    'Of the geometric mean over the runs of a configuration, by Student’s t on the logarithms. It holds the spread between runs, and what the measurement itself may be off, which no repeating lowers.',
  ],
  [
    'Unknown',
    'What could not be measured is left out, with its reason. No number stands for what is unknown, and different configurations, boards, simulated and real runs are never pooled.',
  ],
]
