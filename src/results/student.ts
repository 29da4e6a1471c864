// @ts-expect-error The package has no types.
import jstat from 'jstat'

/** The quantile of Student's t distribution at a probability from 0 to 1. */
export const studentQuantile: (probability: number, degreesOfFreedom: number) => number = jstat.studentt.inv
