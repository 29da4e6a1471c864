// What the findings mean that the meter makes (`crates/meter`): `llem explain` works where there is no addon.

import type { Meanings } from '../core/meanings.js'

export const MEANINGS: Meanings = {
  estimators_disagree: {
    meaning:
      'The energy counter and the readings differ by more than their uncertainty. The headline is the surer one, or an interval of both.',
    evidence: '`energy.integral_j`, `energy.counter_j` and `energy.residual_pct`.',
    advice: 'Run `llem calibrate` once for this board and driver: it finds out what the counter counts.',
  },
  counter_step_impossible: {
    meaning: 'The energy counter jumped by more than the board can draw. The step is taken out.',
    evidence: 'A step above what the power limit allows.',
    advice: null,
  },
  continuity_lost: {
    meaning:
      'The energy counter began anew or stood still in the window. What it missed is bridged by the readings.',
    evidence: 'A step backwards, a step below idle, or an outage of all calls.',
    advice: 'Look into the kernel log for a driver that was loaded anew.',
  },
  readings_impossible: {
    meaning: 'Some readings are more than the board can draw. They count as missing.',
    evidence: 'Readings far above the power limit.',
    advice: null,
  },
  second_mean_differs: {
    meaning:
      'The mean over a second, which some boards show beside the power, differs from the readings. It is followed as far as it is believed.',
    evidence: 'Field 185 over the window beside the readings of field 186.',
    advice: 'Run `llem calibrate` once for this board and driver.',
  },
  peak_unknown: {
    meaning: 'The highest power is unknown.',
    evidence: 'No power was read in the window, or the highest reading is below the mean power.',
    advice: null,
  },
  load_in_step_not_excluded: {
    meaning:
      'A load in step with the sensor would show the same readings and have quite other joules. As a warning: the uncertainty holds what it may hide. As a note: it does not, as the counter most likely sees it.',
    evidence:
      'Readings lie in line, and there is no counter, or it has not shown yet that it sees all of the time.',
    advice: 'Run `llem calibrate`, or measure a load that varies.',
  },
  counter_delay_unknown: {
    meaning:
      'The power readings are late, so the energy counter may be late too. What that may change is in the uncertainty.',
    evidence:
      'Around the edges of windows the readings follow the counter after more than 20 ms, and no calibration says when the counter counts.',
    advice: 'Run `llem calibrate` once for this board and driver.',
  },
  scope_differs: {
    meaning: 'The readings and the counter measure different parts of the board (GPU, module, board).',
    evidence: 'They differ by about the same watts or factor all of the time.',
    advice: 'Compare only with results of the same power domain.',
  },
  driver_silent: {
    meaning:
      'The driver did not answer any more for this GPU, or too slowly. The others were read by another thread after 0.2 to 0.3 s.',
    evidence: '`energy.devices[].reason` names the last call, and for how long there was no end of asking.',
    advice: 'Look into the kernel log (`dmesg`) for Xid errors of the GPU that is named.',
  },
  driver_crashed: {
    meaning:
      "The driver's library crashed inside of a call. What was measured went on; nothing was read from then on.",
    evidence: '`energy.devices[].reason` names the call and the signal.',
    advice: 'Check that driver and library are of one version (`nvidia-smi`), and report it to NVIDIA.',
  },
  estimator_failed: {
    meaning: 'A mistake in llem cost this GPU its best estimate; a plainer one is quoted.',
    evidence: 'An error inside the estimator, caught for this GPU alone.',
    advice: 'Please report it with the text of the finding.',
  },
}
