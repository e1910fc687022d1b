/**
 * One seed in so many is also run without its faults, and has to end the same. All of them are held to what
 * their users desired, and so is the twin.
 */
const TWIN_EVERY = 32;

/**
 * Whether a seed is also run without its faults; so is what is left of it while it is made smaller, or what
 * its twin showed would be lost.
 */
export function hasTwin(seed: number): boolean {
  return seed % TWIN_EVERY === 0;
}
