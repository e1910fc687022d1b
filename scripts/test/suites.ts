import { glob } from "node:fs/promises";

/** Test files that run together in one process of their own. */
export interface Suite {
  readonly name: string;
  /** Relative to the project, sorted. */
  readonly files: readonly string[];
  /** The process is killed after this long, in milliseconds. */
  readonly timeoutMs: number;
  /**
   * So is a process that runs no test for this long: a test forgot something that keeps it alive. In
   * milliseconds.
   */
  readonly idleMaxMs: number;
  /** It starts Kubernetes' own programs, or some of them. */
  readonly needsParts: boolean;
  /**
   * It waits for Kubernetes' own clocks most of the time: all the others run beside it, and leave it the
   * processor when it wants it.
   */
  readonly mostlyWaits: boolean;
}

const SECOND_MS = 1_000;
/** A suite that hangs is found out by them. On a busy machine each takes many times as long as it needs. */
const DEFAULT_TIMEOUT_MS = 900 * SECOND_MS;
const IDLE_MAX_MS = 60 * SECOND_MS;
/** Suites that need another limit than the default, by name. */
const TIMEOUTS_MS: Readonly<Record<string, number>> = {
  "crash-points": 1_800 * SECOND_MS,
  workflows: 1_800 * SECOND_MS,
  cluster: 3_000 * SECOND_MS,
  "kubernetes-store": 1_800 * SECOND_MS,
  "scheduler-extender": 1_800 * SECOND_MS,
  sim: 3_600 * SECOND_MS,
};

/** Suites that start what the testbed builds. */
const NEED_PARTS: readonly string[] = [
  "chart",
  "cluster",
  "contract",
  "kubernetes-facts",
  "kubernetes-store",
  "node-role",
  "scheduler-extender",
];

const MOSTLY_WAIT: readonly string[] = ["cluster"];

/**
 * Unit tests that mount, format and attach loop devices: a process of their own, so that a hang there can't
 * take the rest along.
 */
const HOST_FOLDERS = ["src/adapters/linux/", "src/emulator/data-plane/"];
const UNIT_FOLDERS = /^(?:src|scripts|demo|bench|deploy|testbed)\//u;
/**
 * Its tests run on signals of its own, put in the place of the platform's: nobody else's may run in that
 * process.
 */
const SIMULATION_FOLDER = "sim/";

/**
 * Every test file of the project in its suite: `unit`, `host`, then one suite for each folder of test/, the
 * simulation's unit tests with its own.
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
    mostlyWaits: MOSTLY_WAIT.includes(name),
  }));
}

/**
 * The suites whose name is one of `words`, and of the others the files whose path contains one. All of them
 * without words.
 */
export function chooseSuites(suites: readonly Suite[], words: readonly string[]): readonly Suite[] {
  if (words.length === 0) return suites;
  const isChosen = (suite: Suite, file: string): boolean =>
    words.some((word) => suite.name === word || file.includes(word));
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
