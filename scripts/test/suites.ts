import { glob } from "node:fs/promises";
import { basename } from "node:path";

/**
 * Suites of one lane run one after the other, and the lanes side by side. Each lane takes the processor time
 * that those before it leave: `cluster` and `labs` mostly wait for the clocks of what they start, whole
 * clusters or the driver's own processes, `machine` uses real clocks, processes and devices, and `simulation`
 * runs on virtual clocks, so that no load changes an outcome.
 */
export const lanes = ["cluster", "labs", "machine", "simulation"] as const;
export type Lane = (typeof lanes)[number];

/** Test files that run together in one process of their own. */
export interface Suite {
  readonly name: string;
  /** Relative to the project, sorted. */
  readonly files: readonly string[];
  /** The process is killed after this long, in milliseconds. */
  readonly timeoutMs: number;
  /**
   * The process is also killed after this long without a running test, when a test has left something open.
   * In milliseconds.
   */
  readonly idleMaxMs: number;
  /** It starts at least some of Kubernetes' own programs. */
  readonly needsParts: boolean;
  readonly lane: Lane;
}

const SECOND_MS = 1_000;
/** These limits end a suite that hangs. On a busy machine a suite takes many times as long as it needs. */
const DEFAULT_TIMEOUT_MS = 2_700 * SECOND_MS;
const IDLE_MAX_MS = 60 * SECOND_MS;
/** Suites that need another limit than the default, by name. */
const TIMEOUTS_MS: Readonly<Record<string, number>> = {
  "crash-points": 3_600 * SECOND_MS,
  workflows: 3_600 * SECOND_MS,
  cluster: 7_200 * SECOND_MS,
  "kubernetes-store": 3_600 * SECOND_MS,
  "scheduler-extender": 3_600 * SECOND_MS,
  "second-cluster": 7_200 * SECOND_MS,
  sim: 7_200 * SECOND_MS,
};

/** Suites that start the programs that the testbed builds. */
const NEED_PARTS: readonly string[] = [
  "chart",
  "cluster",
  "contract",
  "kubernetes-facts",
  "kubernetes-store",
  "labs",
  "node-role",
  "scheduler-extender",
  "second-cluster",
];

/**
 * The lanes of suites outside `machine`, by name. Of the tests that need a cluster, those of `second-cluster`
 * replace the driver there or bring a workload of their own.
 */
const LANES: Readonly<Record<string, Lane>> = {
  cluster: "cluster",
  "crash-points": "labs",
  labs: "labs",
  "second-cluster": "labs",
  workflows: "labs",
  sim: "simulation",
};

/**
 * Unit tests that mount, format and attach loop devices. They run in a process of their own, so that a hang
 * there does not stop the others.
 */
const HOST_FOLDERS = ["src/adapters/linux/", "src/emulator/data-plane/"];
const UNIT_FOLDERS = /^(?:src|scripts|demo|bench|deploy|testbed)\//u;
/** Its tests replace the platform's signals with their own, so no other tests may run in that process. */
const SIMULATION_FOLDER = "sim/";

/**
 * Every test file of the project in its suite: `unit`, `host`, then one suite for each folder of test/. The
 * simulation's unit tests have their own.
 */
export async function findSuites(root: string): Promise<readonly Suite[]> {
  const files: string[] = [];
  for await (const file of glob("{src,sim,scripts,demo,bench,deploy,testbed,test}/**/*.test.ts", {
    cwd: root,
  }))
    files.push(file);
  const bySuite = Map.groupBy(files.toSorted(), suiteOf);
  const names = [...bySuite.keys()].toSorted(
    (left, right) => rank(left) - rank(right) || left.localeCompare(right),
  );
  return names.map((name) => ({
    name,
    files: bySuite.get(name) ?? [],
    timeoutMs: TIMEOUTS_MS[name] ?? DEFAULT_TIMEOUT_MS,
    idleMaxMs: IDLE_MAX_MS,
    needsParts: NEED_PARTS.includes(name),
    lane: LANES[name] ?? "machine",
  }));
}

/**
 * Tests of what an older Kubernetes alone lacks. On the newest they skip, and a skip is a failure with
 * CI=true: they run there only where one is named.
 */
const OF_OLDER_KUBERNETES: readonly string[] = ["test/cluster/lost-registration.test.ts"];

/**
 * The suites whose name is one of `words`, and of the others the files whose path contains one. Without
 * words, all of them. Tests of an older Kubernetes are left out where none runs, unless a word is in the name
 * of their file.
 */
export function chooseSuites(
  suites: readonly Suite[],
  words: readonly string[],
  runs: { readonly olderKubernetes: boolean },
): readonly Suite[] {
  const isLeftOut = (file: string): boolean =>
    !runs.olderKubernetes &&
    OF_OLDER_KUBERNETES.includes(file) &&
    !words.some((word) => basename(file).includes(word));
  const isChosen = (suite: Suite, file: string): boolean =>
    !isLeftOut(file) &&
    (words.length === 0 || words.some((word) => suite.name === word || file.includes(word)));
  return suites
    .map((suite) => ({ ...suite, files: suite.files.filter((file) => isChosen(suite, file)) }))
    .filter((suite) => suite.files.length > 0);
}

function suiteOf(file: string): string {
  if (HOST_FOLDERS.some((folder) => file.startsWith(folder))) return "host";
  if (file.startsWith(SIMULATION_FOLDER)) return "sim";
  if (UNIT_FOLDERS.test(file)) return "unit";
  return file.split("/").length > 2 ? (file.split("/")[1] ?? "test") : "test";
}

function rank(name: string): number {
  const first = ["unit", "host"].indexOf(name);
  return first === -1 ? Number.POSITIVE_INFINITY : first;
}
