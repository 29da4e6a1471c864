/** The part of jstat that is used; the package has no types. */
declare module 'jstat' {
  const jstat: {
    studentt: {
      /** The quantile of Student's t distribution at a probability from 0 to 1. */
      inv(probability: number, degreesOfFreedom: number): number
    }
  }
  export default jstat
}
