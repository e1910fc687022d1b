/**
 * Flags and environment with which the node role uses the least memory, for the image and the benchmark.
 * The role handles a few calls a minute, so it runs without V8's compilers (a call takes 0.4 ms instead of
 * 0.2). It collects the garbage of start-up, and returns freed memory to the system at once.
 */
export const NODE_RUNTIME = {
  flags: ["--max-semi-space-size=1", "--max-old-space-size=64", "--lite-mode", "--expose-gc"],
  /**
   * Settings of glibc's malloc: one arena; freed blocks of 16 KiB and more are returned. And more threads for
   * files and names than the six that disks which do not answer can keep (`createCallLane`).
   */
  environment: {
    UV_THREADPOOL_SIZE: "8",
    MALLOC_ARENA_MAX: "1",
    MALLOC_MMAP_THRESHOLD_: "16384",
    MALLOC_TRIM_THRESHOLD_: "16384",
    MALLOC_TOP_PAD_: "0",
  },
} as const;

/**
 * Flags and environment of the scheduler extender, for the image and the benchmark. The garbage of its first
 * lists is returned, which is as much as it keeps. Its young generation holds the garbage of several requests
 * at 5,000 nodes, about a megabyte each: with 2 MiB most of that would count as old, and cost collections of
 * the whole heap (1.7 ms of processor time a request with 16 MiB, 2.4 with 2).
 */
export const EXTENDER_RUNTIME = {
  flags: ["--max-semi-space-size=16", "--max-old-space-size-percentage=70", "--expose-gc"],
  environment: { MALLOC_ARENA_MAX: "1" },
} as const;

/**
 * Flags and environment of all other roles, above all the controller. The heap may use seven tenths of the
 * container's memory limit; buffers and code need the rest. A small young generation frees garbage early
 * with short collections: what waiting calls hold is not copied again and again (a scavenge takes 1 to 2
 * ms, with V8's default 5 to 14). It costs no throughput (docs/reference/dependencies.md). The old
 * generation is collected once it has grown by a quarter, not once it has about doubled: at the end of a
 * burst of work 112 MiB are resident instead of 150, for 3 % more processor time (`bench:attach --
 * controller`), and it may grow by 2 MiB at least, not by 8. V8's optimizing compilers wait for four to five
 * times as many calls of a function as by default. Together this leaves 10 MiB or more, for 2 to 11 % more
 * processor time (docs/assurance/performance.md). With --expose-gc the controller collects what the burst
 * left as soon as it is quiet. Limits that are set make malloc return what the connections of a burst took:
 * by itself it raises them.
 */
export const CONTROLLER_RUNTIME = {
  flags: [
    "--max-semi-space-size=2",
    "--max-old-space-size-percentage=70",
    "--heap-growing-percent=25",
    "--memory-saver-mode",
    "--invocation-count-for-maglev=1500",
    "--invocation-count-for-turbofan=15000",
    "--expose-gc",
  ],
  environment: {
    MALLOC_ARENA_MAX: "1",
    MALLOC_MMAP_THRESHOLD_: "65536",
    MALLOC_TRIM_THRESHOLD_: "131072",
    MALLOC_TOP_PAD_: "0",
  },
} as const;

/** Those of the role standalone: the controller's, with the threads of the node plug-in that it contains. */
export const STANDALONE_RUNTIME = {
  flags: CONTROLLER_RUNTIME.flags,
  environment: {
    ...CONTROLLER_RUNTIME.environment,
    UV_THREADPOOL_SIZE: NODE_RUNTIME.environment.UV_THREADPOOL_SIZE,
  },
} as const;
