/**
 * How the node role is to be started for its least memory: an image and the benchmark use the same. The
 * role handles a few calls a minute, so that it does without V8's compilers (a call takes 0.4 ms instead of
 * 0.2), gives back what start-up left behind, and what it frees goes back to the system at once.
 */
export const NODE_RUNTIME = {
  flags: ["--max-semi-space-size=1", "--max-old-space-size=64", "--lite-mode", "--expose-gc"],
  /** Settings of glibc's malloc: one arena, and freed blocks of 16 KiB and more are returned. */
  environment: {
    MALLOC_ARENA_MAX: "1",
    MALLOC_MMAP_THRESHOLD_: "16384",
    MALLOC_TRIM_THRESHOLD_: "16384",
    MALLOC_TOP_PAD_: "0",
  },
} as const;

/**
 * How the scheduler extender is to be started: as an image and the benchmark do. What its first lists left
 * behind is given back, which is as much as it keeps. Its young generation is small on purpose: a request's
 * bytes stand outside the heap and count as old until their young owners are collected, so that a rare
 * collection of the young brings one of everything each 70 requests (p99 9.3 ms with 8 MiB, 2.9 ms with 2).
 */
export const EXTENDER_RUNTIME = {
  flags: ["--max-semi-space-size=2", "--max-old-space-size-percentage=70", "--expose-gc"],
  environment: { MALLOC_ARENA_MAX: "1" },
} as const;

/**
 * How all other roles are to be started, the controller above all. The heap may take seven tenths of the
 * container's memory limit, whatever that is: buffers and code need the rest. A small young generation
 * gives garbage back early, and its collections are short: what calls that wait for Azure hold is not
 * copied again and again (a scavenge takes 1 to 2 ms, with V8's default 5 to 14). It costs no throughput
 * (docs/dependencies.md).
 */
export const CONTROLLER_RUNTIME = {
  flags: ["--max-semi-space-size=2", "--max-old-space-size-percentage=70"],
  environment: {},
} as const;
